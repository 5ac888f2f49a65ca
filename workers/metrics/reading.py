"""From the rows of a few answers to what was counted for each subject. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mesh.domain.counts import Buckets, Counts
from mesh.domain.measures import Burn, Measured, Subject
from mesh.domain.routes import Arm
from workers.metrics.blame import blame
from workers.metrics.dialect import Dialect, Voice, deafness

Row = tuple[Mapping[str, str], float]
"""Labels and value of one series of an answer."""
Said = tuple[Voice, float]
Place = tuple[str, str]
Whole = frozenset[Place]
"""Namespace and service."""
Heard = Mapping[Place, Sequence[Said]]
"""The rows of an answer by the place that they speak of."""
Blame = Callable[[float, Sequence[float], Sequence[float]], Sequence[float]]
"""Puts requests that reached no pod down to arms: (how many, shares, answered by each) to how many each."""


@dataclass(frozen=True)
class Answers:
    """What a metrics server said of all subjects of one mesh."""

    counts: Heard
    buckets: Heard
    newest: Heard
    until: float
    """The moment asked about: Unix time in seconds."""


def heard(rows: Iterable[Row], dialect: Dialect) -> Heard:
    """Return the rows by the place that they speak of; what is not a finite number says nothing."""
    found: dict[Place, list[Said]] = defaultdict(list)
    for labels, value in rows:
        if not math.isfinite(value):
            continue
        voice = dialect.hear(labels)
        found[voice.namespace, voice.service].append((voice, value))
    return found


def place_of(arm: Arm, subject: Subject) -> Place:
    """Return where the requests of an arm are counted."""
    return (arm.namespace or subject.target.namespace, arm.service)


def measured(subject: Subject, answers: Answers, dialect: Dialect, put_down: Blame = blame) -> Measured:
    """Return what was counted for one subject, in the words of one speaker for all of its arms.

    Speakers tell of the same requests, so two would count them twice. The best one is chosen of those that have any
    series at all, not of those that grew, for the series of a dead arm stand still.
    """
    problems = {arm.name: why for arm in subject.arms if (why := deafness(arm, dialect))}
    arms = [arm for arm in subject.arms if arm.name not in problems]
    places = dict.fromkeys(place_of(arm, subject) for arm in arms)
    newest = [said for place in places for said in answers.newest.get(place, ())]
    speaker = _best(newest, dialect)
    ages = [max(0.0, answers.until - at) for voice, at in newest if voice.speaker == speaker]
    counts: dict[str, Counts] = {}
    for place in places:
        there = [arm for arm in arms if place_of(arm, subject) == place]
        rows = _by(speaker, answers.counts.get(place, ()))
        counts |= _answered(there, rows)
        counts |= _with_unreached(counts, there, rows, subject, put_down)
    timed = {arm.name: _times(arm, _by(speaker, answers.buckets.get(place_of(arm, subject), ()))) for arm in arms}
    return Measured(_timed(counts, timed), problems, age_s=min(ages, default=None))


def told(subject: Subject, answers: Answers, *, max_age_s: float) -> int:
    """Return of how many arms of a subject anything is known, by samples that are not old."""
    found = 0
    for arm in subject.arms:
        place = place_of(arm, subject)
        fresh = any(answers.until - at <= max_age_s for _, at in answers.newest.get(place, ()))
        found += fresh and any(_is_of(arm, voice) for voice, _ in answers.counts.get(place, ()))
    return found


def speaker_of(subject: Subject, answers: Answers, dialect: Dialect) -> str:
    """Return who speaks for a subject; the best there could be where nobody does."""
    newest = [said for arm in subject.arms for said in answers.newest.get(place_of(arm, subject), ())]
    return _best(newest, dialect) or dialect.speakers[0]


def believed(subjects: Iterable[Subject], answers: Answers, dialect: Dialect) -> dict[Place, str]:
    """Return who spoke for the places of all subjects."""
    return {
        place_of(arm, subject): speaker_of(subject, answers, dialect) for subject in subjects for arm in subject.arms
    }


def burn(whole: Whole, windows: Sequence[Heard], dialect: Dialect) -> Burn:
    """Return the shares of failures of one whole service in each window: 5 min, 30 min, 1 h, 6 h."""
    (m5, _), (m30, _), (h1, failed_h1), (h6, failed_h6) = (
        _failing([said for place in whole for said in window.get(place, ())], dialect) for window in windows
    )
    return Burn(m5, m30, h1, h6, failed_h1=3600.0 * failed_h1, failed_h6=21_600.0 * failed_h6)


def _failing(said: Sequence[Said], dialect: Dialect) -> tuple[float | None, float]:
    """Return the share of requests that fail, and how many do in a second."""
    rows = _by(_best(said, dialect), said)
    total = sum(value for _, value in rows)
    failed = sum(value for voice, value in rows if voice.failed)
    return (failed / total if total > 0 else None), failed


def _best(said: Iterable[Said], dialect: Dialect) -> str:
    known = {voice.speaker for voice, _ in said}
    return next((speaker for speaker in dialect.speakers if speaker in known), "")


def _by(speaker: str, said: Iterable[Said]) -> list[Said]:
    return [(voice, value) for voice, value in said if voice.speaker == speaker]


def _is_of(arm: Arm, voice: Voice) -> bool:
    return not arm.subset or (voice.version or voice.revision) == arm.version


def _answered(arms: Sequence[Arm], rows: Sequence[Said]) -> dict[str, Counts]:
    found = {}
    for arm in arms:
        mine = [(voice.failed, value) for voice, value in rows if _is_of(arm, voice)]
        if mine:
            requests = sum(value for _, value in mine)
            found[arm.name] = Counts(requests, sum(value for failed, value in mine if failed))
    return found


def _with_unreached(
    counts: Mapping[str, Counts], arms: Sequence[Arm], rows: Sequence[Said], subject: Subject, put_down: Blame
) -> dict[str, Counts]:
    """Return the arms of one service with their part of the failures that carry no version."""
    subsets = [arm for arm in arms if arm.subset]
    if not subsets:
        return {}
    shares = dict(zip((arm.name for arm in subject.arms), subject.shares, strict=True))
    names = [arm.name for arm in subsets]
    had = [counts.get(name, Counts()).requests for name in names]
    parts = put_down(_unreached(subsets, rows), [shares[name] for name in names], had)
    return {
        name: counts.get(name, Counts()) + Counts(part, part, part)
        for name, part in zip(names, parts, strict=True)
        if part
    }


def _unreached(subsets: Sequence[Arm], rows: Sequence[Said]) -> float:
    """Return how many requests failed before anybody knew the version.

    A workload of which some requests succeed without a version is reached and does not tell it: nothing can be said of
    its failures.
    """
    versions = {arm.version for arm in subsets}
    nameless = [(voice, value) for voice, value in rows if not voice.version and voice.revision not in versions]
    mute = {voice.workload for voice, value in nameless if voice.workload and not voice.failed and value}
    return sum(value for voice, value in nameless if voice.failed and voice.workload not in mute)


def _times(arm: Arm, rows: Sequence[Said]) -> Buckets:
    found: dict[float, float] = defaultdict(float)
    for voice, value in rows:
        if _is_of(arm, voice):
            found[voice.bound_ms] += value
    buckets: list[tuple[float, float]] = []
    for bound in sorted(found):
        # After a restart the buckets of one histogram may not all be seen to have fallen.
        buckets.append((bound, max(found[bound], buckets[-1][1] if buckets else 0.0)))
    return tuple(buckets)


def _timed(counts: Mapping[str, Counts], times: Mapping[str, Buckets]) -> dict[str, Counts]:
    bounds = {tuple(bound for bound, _ in buckets) for buckets in times.values() if buckets}
    if len(bounds) > 1:
        # Proxies with different histograms: what is slow for one arm cannot be said of the other.
        return dict(counts)
    return {name: replace(counted, buckets=times.get(name, ())) for name, counted in counts.items()}
