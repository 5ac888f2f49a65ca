"""`mesh.ports.Metrics` over the metrics servers of the configured clusters."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target
from mesh.domain.errors import MeshbotError, Refused
from mesh.domain.gates import CustomGate, GateResult, Lack, Limits
from mesh.domain.measures import Burn, Measured, Subject
from mesh.domain.routes import Arm
from workers.metrics.asking import judged, literals, unknown
from workers.metrics.blame import Ledger
from workers.metrics.dialect import Dialect, deafness
from workers.metrics.istio import ISTIO
from workers.metrics.linkerd import LINKERD
from workers.metrics.prometheus import Question, Row
from workers.metrics.promql import Places
from workers.metrics.reading import (
    Answers,
    Blame,
    Place,
    Whole,
    believed,
    burn,
    heard,
    measured,
    place_of,
    speaker_of,
    told,
)
from workers.metrics.servers import Servers
from workers.metrics.trouble import Trouble
from workers.metrics.twins import Knowledge, answered

DIALECTS: Mapping[str, Dialect] = {"istio": ISTIO, "linkerd": LINKERD}
BURN_WINDOWS = ("5m", "30m", "1h", "6h")
BURNS_KEPT_S = 30.0
"""How long burn rates are kept: their shortest window is ten times as long, and six hours of samples cost much."""
PIECE_S = 30.0
"""A longer window is counted in pieces of about this length, so that a pod counts from a piece after its birth on."""
MOST_PIECES = 40
SHOWN_S = 60
"""Shortest window of a query for people: a rate needs two samples, and scrapes are up to a minute apart."""


@dataclass(frozen=True)
class _Window:
    """A stretch of time in whole milliseconds, so that windows which follow each other meet exactly."""

    begin_ms: int
    end_ms: int

    @classmethod
    def ending(cls, until: float, seconds: float) -> _Window:
        begin, end = round((until - seconds) * 1000), round(until * 1000)
        if begin >= end:
            raise Trouble("no time has passed since it was last looked at")
        return cls(begin, end)

    @property
    def until(self) -> float:
        return self.end_ms / 1000

    @property
    def pieces(self) -> int:
        """Into how many it is cut, each of a whole number of milliseconds: none is left out or counted twice."""
        length = self.end_ms - self.begin_ms
        whole = [count for count in range(1, MOST_PIECES + 1) if length % count == 0]
        return min(whole, key=lambda count: abs(count - length / 1000 / PIECE_S))

    def questions(self, dialect: Dialect, places: Places, speakers: Sequence[str], most_ms: float) -> list[Question]:
        """Return what to ask: counts, times, and how old the news are."""
        pieces = self.pieces
        piece_ms = (self.end_ms - self.begin_ms) // pieces
        return [
            Question(dialect.counts(places, piece_ms), self.until, pieces, piece_ms / 1000),
            Question(dialect.buckets(places, piece_ms, speakers, most_ms), self.until, pieces, piece_ms / 1000),
            Question(dialect.newest(places), self.until),
        ]


class PrometheusMetrics:
    """Implements `mesh.ports.Metrics`. Connections are opened at their first use and then kept."""

    def __init__(self, catalog: Catalog, *, clock: Callable[[], float] = time.time) -> None:
        """Take servers and meshes from `catalog`; `clock` gives Unix time in seconds."""
        self._catalog = catalog
        self._clock = clock
        self._servers = {one.name: Servers(one.prometheus) for one in catalog.clusters if one.prometheus.urls}
        self._ledger = Ledger()
        # Of all services, so that bounds stay the same whatever is looked at: with others, a trial's times begin anew.
        self._most_ms = _most_ms(catalog)
        self._believed: dict[tuple[Servers, Dialect], dict[Place, str]] = {}
        """Who spoke for each place in the last look: histograms are large, so that only theirs are asked for."""
        self._burns: dict[str, tuple[float, dict[Whole, Burn]]] = {}

    def close(self) -> None:
        """Close all connections."""
        for servers in self._servers.values():
            servers.close()

    def measure(
        self, cluster: str, subjects: Sequence[Subject], *, until: float, seconds: float, source: str = ""
    ) -> list[Measured]:
        """Count what every arm answered in the `seconds` before `until` (0: now, as far as samples can be known).

        Three queries for each mesh there is, asked at once of one server: of `source`, where that is given and well.
        Where it knows nothing of some arm its twins are asked two more each, and who is believed instead all three.
        """
        try:
            servers = self._of(cluster)
            window = _Window.ending(until or self._clock() - servers.lag_s, seconds)
            return self._measure(servers, subjects, window, source)
        except (Trouble, MeshbotError) as error:
            return [Measured(problem=_words(error)) for _ in subjects]

    def burns(self, cluster: str, subjects: Sequence[Subject]) -> list[Burn]:
        """Return how fast each service fails: four queries for each mesh there is, at most each 30 seconds."""
        at, known = self._burns.get(cluster, (-math.inf, {}))
        wholes = [_whole(subject) for subject in subjects]
        if self._clock() - at >= BURNS_KEPT_S or not known.keys() >= set(wholes):
            try:
                known = self._ask_burns(self._of(cluster), dict(zip(wholes, subjects, strict=True)))
            except (Trouble, MeshbotError) as error:
                return [Burn(problem=_words(error)) for _ in subjects]
            self._burns[cluster] = (self._clock(), known)
        return [known[whole] for whole in wholes]

    def ask(self, gate: CustomGate, arm: Arm, target: Target, *, window_s: int) -> GateResult:
        """Judge one administrator's condition for one arm: one query."""
        now, query = self._clock(), ""
        try:
            query = literals(gate, arm, target, window_s=window_s)
            servers = self._of(target.cluster)
            (rows,) = servers.ask([Question(query, now - servers.lag_s)]).rows
        except (Trouble, MeshbotError) as error:
            said = unknown(gate, arm, _words(error), window_s=window_s, lack=_lack(error))
            return replace(said, query=query, at=now)
        return replace(judged(gate, arm, rows, window_s=window_s), query=query, at=now)

    def _of(self, cluster: str) -> Servers:
        name = self._catalog.cluster(cluster).name
        if name not in self._servers:
            raise Trouble(f"no metrics server is configured for cluster {name}")
        return self._servers[name]

    def _measure(self, servers: Servers, subjects: Sequence[Subject], window: _Window, source: str) -> list[Measured]:
        groups = self._by_mesh([subject.target for subject in subjects])
        places = {dialect: _places([subjects[at] for at in found], dialect) for dialect, found in groups.items()}
        asked = {
            dialect: window.questions(dialect, where, self._speakers(servers, dialect, where, window), self._most_ms)
            for dialect, where in places.items()
            if where.services
        }
        members_of = {dialect: [subjects[at] for at in found] for dialect, found in groups.items()}
        reply = answered(servers, asked, self._knowledge(members_of, window), first=source)
        rows = iter(reply.rows)
        found: dict[int, Measured] = {}
        for dialect, members in groups.items():
            counts, buckets, newest = (heard(next(rows) if dialect in asked else (), dialect) for _ in range(3))
            answers = Answers(counts, buckets, newest, window.until)
            for at in members:
                found[at] = replace(self._one(subjects[at], answers, dialect, window), source=reply.source)
            if window.pieces == 1:
                self._believed[servers, dialect] = believed((subjects[at] for at in members), answers, dialect)
        return [found[at] for at in range(len(subjects))]

    def _knowledge(self, subjects: Mapping[Dialect, Sequence[Subject]], window: _Window) -> Knowledge:
        """Return how to find out of how many arms, of all, answers tell."""

        def known(dialect: Dialect, counts: Sequence[Row], newest: Sequence[Row]) -> tuple[int, int]:
            answers = Answers(heard(counts, dialect), {}, heard(newest, dialect), window.until)
            ages = [(one, self._catalog.service(one.target).limits.max_age_s) for one in subjects[dialect]]
            arms = sum(not deafness(arm, dialect) for one in subjects[dialect] for arm in one.arms)
            return sum(told(one, answers, max_age_s=age) for one, age in ages), arms

        return known

    def _speakers(self, servers: Servers, dialect: Dialect, places: Places, window: _Window) -> Sequence[str]:
        """Return whose histograms to ask for: all, but for a look whose places were all looked at before.

        Where another speaker is to be believed since then, one look goes without times.
        """
        known = self._believed.get((servers, dialect), {})
        if window.pieces > 1 or not known.keys() >= places.pairs:
            return dialect.speakers
        return sorted({known[place] for place in places.pairs})

    def _one(self, subject: Subject, answers: Answers, dialect: Dialect, window: _Window) -> Measured:
        said = measured(subject, answers, dialect, self._blame(subject, window))
        speaker = speaker_of(subject, answers, dialect)
        return replace(said, queries=_queries(subject, dialect, speaker, window))

    def _blame(self, subject: Subject, window: _Window) -> Blame:
        key = (subject.target, tuple(arm.name for arm in subject.arms), subject.shares)
        return partial(self._ledger.blame, (key, window.begin_ms, window.end_ms))

    def _ask_burns(self, servers: Servers, wholes: Mapping[Whole, Subject]) -> dict[Whole, Burn]:
        at = self._clock() - servers.lag_s
        names = list(wholes)
        groups = self._by_mesh([wholes[whole].target for whole in names])
        asked = []
        for dialect, members in groups.items():
            places = Places.of(place for one in members for place in names[one])
            asked += [Question(dialect.burned(places, window), at) for window in BURN_WINDOWS]
        rows = iter(servers.ask(asked).rows)
        found: dict[Whole, Burn] = {}
        for dialect, members in groups.items():
            windows = [heard(next(rows), dialect) for _ in BURN_WINDOWS]
            for one in members:
                found[names[one]] = burn(names[one], windows, dialect)
        return found

    def _by_mesh(self, targets: Sequence[Target]) -> dict[Dialect, list[int]]:
        groups: dict[Dialect, list[int]] = {}
        for at, target in enumerate(targets):
            groups.setdefault(DIALECTS[self._catalog.mesh(target)], []).append(at)
        return groups


def _most_ms(catalog: Catalog) -> float:
    """Return up to what latency buckets are needed: infinity, which is all of them, for limits below a millisecond."""
    services = (Limits(), *(service.limits for service in catalog.services))
    found = [limit for one in services for limit in (one.p99_max_ms, one.slow_ms) if limit]
    return math.inf if min(found) < 1 else max(found)


def _whole(subject: Subject) -> Whole:
    """Return every place where a service's requests end: where arms are Services of their own, it is their sum."""
    return frozenset(place_of(arm, subject) for arm in subject.arms if arm.service)


def _lack(error: Trouble | MeshbotError) -> str:
    """Return what a condition without an answer lacks; nothing where its query is what is wrong."""
    wrong = error.everywhere if isinstance(error, Trouble) else isinstance(error, Refused)
    return "" if wrong else Lack.SILENT


def _words(error: Trouble | MeshbotError) -> str:
    return str(error).removesuffix(".")


def _places(subjects: Iterable[Subject], dialect: Dialect) -> Places:
    return Places.of(
        place_of(arm, subject) for subject in subjects for arm in subject.arms if not deafness(arm, dialect)
    )


def _queries(subject: Subject, dialect: Dialect, speaker: str, window: _Window) -> dict[str, tuple[str, str]]:
    """Return two queries for each arm; none for an arm that nothing tells."""
    window_s = max(SHOWN_S, round((window.end_ms - window.begin_ms) / 1000))
    found: dict[str, tuple[str, str]] = {}
    for arm in subject.arms:
        namespace, _ = place_of(arm, subject)
        whole = replace(arm, namespace=namespace)
        if not deafness(arm, dialect):
            success, p99 = dialect.shown(whole, speaker, window_s)
            found[arm.name] = (success, p99)
    return found
