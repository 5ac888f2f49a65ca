"""Gathering what a digest says: a fixed number of questions to each cluster and its metrics server.

Nothing here changes anything. What one part does not answer is said in the digest, and the rest is told all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mesh.domain.approvals import Approval
from mesh.domain.catalog import Catalog, Cluster
from mesh.domain.commands import Target
from mesh.domain.digests import Digest, Edition, Item, Kind, Part, grouped, narrowed, part
from mesh.domain.errors import MeshbotError, Refused
from mesh.domain.gates import Limits, span
from mesh.domain.measures import Measured, Subject
from mesh.domain.operations import Operation
from mesh.domain.resting import unrest
from mesh.domain.routes import STAMP_OPERATION, Route
from mesh.domain.terms import is_operation
from mesh.domain.weeks import begin_of_week, week_of
from mesh.operations.freezing import ends, holding
from mesh.operations.knowing import LATELY_EACH, known
from mesh.operations.stage import Stage
from mesh.operations.telling import apart, reason, the_rollout, where
from mesh.ports import Newsroom, Surveyed

MOST_WINDOWS = 3
"""Different windows of gates that are asked about in one cluster: rarer ones are asked with the commonest.

So the number of questions does not grow with what is configured, either.
"""
ANYWHERE = Digest(name="", channel="", cron="")
"""What somebody gets who asks for a digest in a channel that has none: everything."""


@dataclass(frozen=True)
class Sight:
    """One weighted route of the digest's scope."""

    target: Target
    route: Route

    @property
    def label(self) -> str:
        """`prod/shop/api`, and which rule it is where the object has several."""
        return f"{self.target} {self.route.rule}".rstrip()

    @property
    def rule(self) -> tuple[str, str]:
        """Which rule of which object it is: two services may share one."""
        return self.route.uid, self.route.rule


def newsroom(stage: Stage) -> Newsroom:
    """Return what digests are made with; ValueError where the process was wired without."""
    if stage.newsroom is None:
        raise ValueError("this process was wired without a newsroom, so it makes no digests")
    return stage.newsroom


def of_channel(catalog: Catalog, operation: Operation) -> Digest:
    """Return the digest that somebody means who asks for one: that of the channel, the first of several, or everything.

    `--cluster` and `--namespace` narrow it.
    """
    here = (digest for digest in catalog.digests if digest.channel == operation.origin.channel)
    command = operation.command
    return narrowed(next(here, ANYWHERE), cluster=command.cluster, namespace=command.namespace)


def gather(stage: Stage, digest: Digest, *, at: float) -> Edition:
    """Return what the digest says at the moment `at` (Unix time in seconds).

    Raises Unavailable only where our own store does not answer.
    """
    return _Gathering(stage, digest, at).edition()


class _Gathering:
    """One edition in the making."""

    def __init__(self, stage: Stage, digest: Digest, at: float) -> None:
        self._stage = stage
        self._digest = digest
        self._at = at
        self._room = newsroom(stage)
        self._troubles: list[str] = []
        self._clusters = [one for one in stage.catalog.clusters if digest.scope.covers_cluster(one.name)]
        self._rollouts = [
            one for cluster in self._clusters for one in stage.watches.active(cluster.name) if self._covers(one.target)
        ]
        self._deeds = self._room.deeds.since(begin_of_week(at, digest.zone))
        self._sights = [sight for cluster in self._clusters for sight in self._survey(cluster)]

    def edition(self) -> Edition:
        """Put it together."""
        scope, zone = self._digest.scope, self._digest.zone
        parts = self._parts()
        return Edition(
            name=self._digest.name,
            at=self._at,
            zone=zone,
            scope=scope,
            services=len({sight.target for sight in self._sights}),
            parts=tuple(one for one in parts if one.total),
            week=week_of((deed for deed in self._deeds if self._covers(deed.target)), self._at, zone),
            troubles=tuple(dict.fromkeys(self._troubles)),
        )

    def _parts(self) -> list[Part]:
        return [
            part(Kind.ROLLOUTS, map(_under_way, self._rollouts)),
            part(Kind.WAITING, self._waiting()),
            part(Kind.FREEZES, self._frozen()),
            part(Kind.DRIFT, self._drifts()),
            part(Kind.OFF_REST, self._unrest()),
            grouped(Kind.BLIND, self._blind()),
        ]

    def _waiting(self) -> list[Item]:
        """Return what people have not decided yet, the one whose time is over first, first."""
        found = [one for one in self._stage.operations.waiting() if one.waits_until > self._at]
        return [_undecided(one, one.approval) for one in found if one.approval and self._covers(one.target)]

    def _frozen(self) -> list[Item]:
        """Return the freezes that hold now for anything that the digest may speak of."""
        scope = self._digest.scope
        mine = [one for one in holding(self._stage) if one.scope.meets(scope)]
        return [Item(str(one.scope), f"{ends(one)}: {apart(one.reason)}", one.since, one.by, one.id) for one in mine]

    def _covers(self, target: Target) -> bool:
        return self._digest.scope.covers(target)

    # --- routes ---------------------------------------------------------------------------------------------------

    def _survey(self, cluster: Cluster) -> list[Sight]:
        """Return the weighted routes of a cluster, each once; what cannot be read becomes a sentence."""
        try:
            found = self._surveyed(cluster)
        except MeshbotError as error:
            self._troubles.append(f"Routes of cluster {cluster.name} are not known: {error.message}")
            return []
        faulty = [str(one.target) for one in found if one.problem and self._covers(one.target)]
        if faulty:
            count = f"{len(faulty)} services of" if len(faulty) > 1 else "one service of"
            example = next(one.problem for one in found if one.problem and self._covers(one.target))
            self._troubles.append(f"Routes of {count} cluster {cluster.name} cannot be read, such as: {example}")
        return list(_weighted(one for one in found if self._covers(one.target)))

    def _surveyed(self, cluster: Cluster) -> list[Surveyed]:
        """Survey the whole cluster, or where we may not, the namespaces that the configuration names."""
        also = configured(self._stage.catalog, cluster)
        try:
            return self._stage.cluster.survey(cluster.name, also=also)
        except Refused:
            namespaces = sorted({cluster.namespace, *(target.namespace for target in also)})
            return self._stage.cluster.survey(cluster.name, namespaces=namespaces, also=also)

    def _drifts(self) -> Iterator[Item]:
        for sight in self._sights:
            if drift := sight.route.drift:
                by = f" by {drift.by}" if drift.by else ""
                text = f"{sight.route.shares}, changed{by}; meshbot wrote {drift.written}"
                yield Item(sight.label, text, operation=_stamp(sight.route))

    def _unrest(self) -> Iterator[Item]:
        """Yield what nobody is moving and does not rest: rollouts and drift are told for themselves."""
        moving = {(one.plan.uid, one.plan.rule) for one in self._rollouts if one.plan}
        last = {deed.target: deed.at for deed in self._deeds}
        for sight in self._sights:
            if sight.rule in moving or sight.route.drift:
                continue
            service, operations = self._stage.catalog.service(sight.target), self._stage.operations
            found = known(sight.route, service, sight.target, operations, lately=LATELY_EACH)
            why = unrest(found.route, found.roles)
            if why:
                owner = f", owned by {sight.route.owner.controller}" if sight.route.owner else ""
                since = last.get(sight.target, 0.0)
                yield Item(sight.label, why + owner, since=since, operation=_stamp(sight.route))

    # --- gates ----------------------------------------------------------------------------------------------------

    def _blind(self) -> Iterator[tuple[str, str]]:
        """Yield every service whose gates could decide nothing now, with the reason."""
        for cluster in self._clusters:
            told: dict[Target, str] = {}
            for window_s, sights in self._by_window(cluster.name).items():
                subjects = [Subject.of(sight.target, sight.route) for sight in sights]
                found = self._stage.metrics.measure(cluster.name, subjects, until=0, seconds=window_s)
                for sight, measured in zip(sights, found, strict=True):
                    if why := _blindness(sight.route, measured, self._limits(sight), window_s):
                        told.setdefault(sight.target, why)
            yield from ((str(target), why) for target, why in told.items())

    def _by_window(self, cluster: str) -> dict[int, list[Sight]]:
        """Return the routes of a cluster by the window that their gates look back, of which there are few."""
        sights = [sight for sight in self._sights if sight.target.cluster == cluster]
        counted = Counter(self._limits(sight).window_s for sight in sights).most_common(MOST_WINDOWS)
        windows = [window_s for window_s, _ in counted]
        found: dict[int, list[Sight]] = {}
        for sight in sights:
            own = self._limits(sight).window_s
            found.setdefault(own if own in windows else windows[0], []).append(sight)
        return found

    def _limits(self, sight: Sight) -> Limits:
        return self._stage.catalog.service(sight.target).limits


def configured(catalog: Catalog, cluster: Cluster) -> list[Target]:
    """Return the services that the configuration names for a cluster."""
    here = (one for one in catalog.services if one.cluster in ("", cluster.name))
    return [Target(cluster.name, one.namespace or cluster.namespace, one.name) for one in here]


def _weighted(found: Iterable[Surveyed]) -> Iterator[Sight]:
    """Yield the routes that have weights to move, each under one service only."""
    seen: set[tuple[str, str]] = set()
    for one in found:
        for route in one.routes:
            sight = Sight(one.target, route)
            if len(route.arms) > 1 and sight.rule not in seen:
                seen.add(sight.rule)
                yield sight


def _under_way(operation: Operation) -> Item:
    rollout = the_rollout(operation)
    stands = where(operation) if operation.plan else str(rollout.phase)
    text = stands + (f": {reason(rollout)}" if rollout.why else "")
    return Item(str(operation.target), text, operation.created_at, operation.actor.user, operation.id)


def _undecided(operation: Operation, approval: Approval) -> Item:
    split = f" {operation.plan.shares_before} -> {operation.plan.shares_after}" if operation.plan else ""
    text = f"{operation.command.verb}{split}, {approval.in_words}"
    return Item(str(operation.target), text, approval.asked_at, operation.actor.user, operation.id)


def _stamp(route: Route) -> str:
    """Return the operation that the object remembers; anybody may write annotations, so only what looks like one."""
    stamped = route.annotation(STAMP_OPERATION)
    return stamped if is_operation(stamped) else ""


def _blindness(route: Route, measured: Measured, limits: Limits, window_s: int) -> str:
    """Say why the gates of the arms that should have traffic could not decide; an empty string when they could."""
    if measured.problem:
        return measured.problem
    if measured.age_s is not None and measured.age_s > limits.max_age_s:
        return "the newest samples are old"
    for arm in route.arms:
        if not arm.effective:
            continue
        if why := measured.problems.get(arm.name):
            return why
        counts = measured.counts.get(arm.name)
        if counts is None or not counts.requests:
            return f"no traffic in {span(window_s)}"
        if counts.requests * limits.window_s / window_s < limits.requests_min:
            return "too few requests for a verdict"
    return ""
