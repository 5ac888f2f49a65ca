"""A trial: all that is known of one canary against its stable arm since its share last changed. Pure.

Looks come every few seconds and are uneven; each request counts once. What a trial remembers is small and of fixed
size, whatever its age. `docs/gates.md` says how it decides, and what that costs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mesh.domain.counts import Counts
from mesh.domain.evidence import (
    LEVEL,
    MOST_OF_CLUMPS,
    MOST_OF_PAUSES,
    Levels,
    Noise,
    Scale,
    proves,
    thinned,
    weigh,
    weigh_once,
)
from mesh.domain.gates import GateResult, Limits, Verdict
from mesh.domain.rows import Case, Found, Kind, Limit, Seen, judge_comparison, judge_limit, judge_requests
from mesh.domain.tallies import Bounds, History, Tally, bounds_of, sound

ENOUGH = 20.0
"""Requests of each arm that make a block."""
LONGEST_S = 60.0
"""A block ends after so many seconds, whatever was counted."""
_LATE = 0.01
"""Share of requests that may take longer than the limit of the p99."""
_STRICTEST = 1e-6
"""Least share of failures that a limit can mean: nobody can prove that nothing ever fails."""
_KNOWN = 100.0
"""Requests of stable whose latency must be known before anything is called slow."""


@dataclass(frozen=True)
class Tick:
    """What both arms answered between two looks."""

    seconds: float
    """How long it was."""
    stable: Counts
    canary: Counts


@dataclass(frozen=True)
class Pair:
    """Who is compared."""

    canary: str
    stable: str = ""
    """Empty where nobody knows it, or where it has no traffic to compare with: then nothing is compared."""


@dataclass(frozen=True)
class Clue:
    """All that is remembered of one kind of bad request: failed ones, slow ones, or those over the limit's latency."""

    compared: Levels = LEVEL
    """Evidence that the canary has more of them than stable."""
    limited: Levels = LEVEL
    """Evidence that it has more of them than its limit allows."""
    noise: Noise = field(default_factory=Noise)
    hits: float = 0.0
    """Of the open block: the canary's."""
    others: float = 0.0
    """Of the open block: stable's."""
    over: float = 0.0
    """Of the open block: the canary's, to be held against the limit."""
    requests: float = 0.0
    """Of the open block: requests of the canary that could have been such."""
    proven_s: float = 0.0
    """For how long the limit has been missed beyond doubt, in seconds."""


@dataclass(frozen=True)
class Block:
    """What is held back until both arms were counted: some proxies are asked for their counters earlier than others."""

    seconds: float = 0.0
    canary: float = 0.0
    stable: float = 0.0
    """Requests."""

    @property
    def full(self) -> bool:
        """True when it can be weighed; that depends on requests and time only, never on errors."""
        return self.seconds >= LONGEST_S or (self.canary >= ENOUGH and self.stable >= ENOUGH)


@dataclass(frozen=True)
class Trial:
    """Fixed-size memory of a trial: plain numbers, strings and tuples of them, so that it can be kept as JSON."""

    seconds: float = 0.0
    """How long has been looked at."""
    stretch_s: float = 0.0
    """How long the newest stretch of the histories is."""
    canary: History = field(default_factory=History)
    stable: History = field(default_factory=History)
    bounds: Bounds = ()
    """Of all latencies."""
    slow_ms: float = 0.0
    """Longer than this is slow; 0 until it is known. It does not change any more then."""
    block: Block = Block()
    errors: Clue = Clue()
    slow: Clue = Clue()
    late: Clue = Clue()
    """Requests that took longer than the limit of the p99."""


def observe(trial: Trial, tick: Tick, limits: Limits) -> Trial:
    """Return the trial with one more tick; counts that cannot be true count as nothing."""
    canary, stable = sound(tick.canary), sound(tick.stable)
    trial = _remembered(trial, tick.seconds, canary, stable, limits)
    if canary.requests or stable.requests:
        trial = _noticed(trial, Tick(tick.seconds, stable, canary), limits)
    return _weighed(trial, limits) if trial.block.full else trial


def _remembered(trial: Trial, seconds: float, canary: Counts, stable: Counts, limits: Limits) -> Trial:
    """Return the trial with what was counted, and what is slow as soon as that can be told."""
    bounds = bounds_of(canary) or bounds_of(stable) or trial.bounds
    ours, theirs, stretch_s = trial.canary, trial.stable, trial.stretch_s
    if bounds != trial.bounds:
        ours, theirs = ours.untimed(), theirs.untimed()
    if stretch_s >= limits.window_s / 2:
        ours, theirs, stretch_s = ours.turned(), theirs.turned(), 0.0
    if canary.requests or stable.requests:
        ours, theirs = ours.plus(Tally.of(canary, bounds)), theirs.plus(Tally.of(stable, bounds))
    return Trial(
        trial.seconds + seconds,
        stretch_s + seconds,
        ours,
        theirs,
        bounds,
        trial.slow_ms,
        Block(trial.block.seconds + seconds, trial.block.canary, trial.block.stable),
        trial.errors,
        trial.slow,
        trial.late,
    )


@dataclass(frozen=True)
class _Part:
    """How long a tick was and how many requests it had."""

    seconds: float
    canary: float
    stable: float
    usual: float
    """Of the canary, in such a tick: where its proxies were not scraped, what goes with so many requests of stable."""


def _noticed(trial: Trial, tick: Tick, limits: Limits) -> Trial:
    """Return the trial with the tick in its open block."""
    canary, stable, block = tick.canary, tick.stable, trial.block
    usual = canary.requests or stable.requests * _odds(trial)
    part = _Part(tick.seconds, canary.requests, stable.requests, usual)
    errors = _clue(trial.errors, part, (canary.errors, stable.errors), _failed(limits))
    slow, late, slow_ms = trial.slow, trial.late, trial.slow_ms
    if canary.buckets or stable.buckets:
        late = _clue(late, part, (canary.slower(limits.p99_max_ms), stable.slower(limits.p99_max_ms)), _LATE)
        if slow_ms:
            slow = _clue(slow, part, (canary.slower(slow_ms), stable.slower(slow_ms)), 0.0)
        else:
            slow_ms = slow_from(trial.stable.total.counts(trial.bounds), limits)
    block = Block(block.seconds, block.canary + canary.requests, block.stable + stable.requests)
    return replace(trial, slow_ms=slow_ms, block=block, errors=errors, slow=slow, late=late)


def _odds(trial: Trial) -> float:
    """Return how many requests the canary has had for each of stable's, lately."""
    stable = trial.stable.before.requests + trial.stable.now.requests
    return (trial.canary.before.requests + trial.canary.now.requests) / stable if stable else 0.0


def slow_from(stable: Counts, limits: Limits) -> float:
    """Return after how many milliseconds it is slow: as configured, or the bucket of stable's p95; 0: not known yet."""
    if limits.slow_ms or stable.timed < _KNOWN:
        return limits.slow_ms
    finite = stable.buckets[:-1]
    return next((bound for bound, count in finite if count >= 0.95 * stable.timed), finite[-1][0] if finite else 0.0)


def _clue(clue: Clue, part: _Part, hits: tuple[float, float], allowed: float) -> Clue:
    """Return the clue with a tick in which canary and stable had so many `hits`."""
    noise = clue.noise
    if part.stable:
        noise = noise.seen(part.stable, hits[1], part.seconds)
    beside = thinned(hits[0], part.usual * noise.rate, noise)
    within = thinned(hits[0], part.canary * allowed, noise) if allowed else beside
    return Clue(
        clue.compared,
        clue.limited,
        noise,
        clue.hits + beside.hits,
        clue.others + hits[1] * beside.left,
        clue.over + within.hits,
        clue.requests + part.canary * within.left,
        clue.proven_s,
    )


def _weighed(trial: Trial, limits: Limits) -> Trial:
    """Close the block: put it on the scales, and begin a new one."""
    block = trial.block
    clumps, pauses = Scale(block.seconds, MOST_OF_CLUMPS), Scale(block.seconds, MOST_OF_PAUSES)
    return replace(
        trial,
        block=Block(),
        errors=_scales(trial.errors, block, _failed(limits), clumps),
        slow=_scales(trial.slow, block, 0.0, pauses),
        late=_scales(trial.late, block, _LATE, pauses),
    )


def _scales(clue: Clue, block: Block, allowed: float, scale: Scale) -> Clue:
    compared, limited = clue.compared, clue.limited
    if block.canary and block.stable:
        share = block.canary / (block.canary + block.stable)
        compared = weigh(compared, clue.hits, clue.hits + clue.others, share, scale)
    if clue.requests and allowed:
        limited = weigh(limited, clue.over, clue.requests, allowed, scale)
    proven_s = clue.proven_s + block.seconds if proves(limited) else 0.0
    return Clue(compared, limited, clue.noise, proven_s=proven_s)


def _failed(limits: Limits) -> float:
    """Return the share of requests that may fail, 0 to 1."""
    return max(1.0 - limits.success_min / 100.0, _STRICTEST)


# --- the rows --------------------------------------------------------------------------------------------------------


def judge_trial(trial: Trial, pair: Pair, limits: Limits) -> tuple[GateResult, ...]:
    """Return the rows `requests`, `success`, `p99`, `errors` and `slow` of a trial that is looked at again and again.

    The last two only where there is somebody to compare with.
    """
    recent_s = min(trial.seconds, trial.stretch_s + limits.window_s / 2)
    case = Case(
        _seen(pair.canary, trial.canary, trial.bounds),
        _seen(pair.stable, trial.stable, trial.bounds),
        limits,
        trial.seconds,
        recent_s,
    )
    found = {name: Found(clue.compared, clue.limited, clue.proven_s) for name, clue in _clues(trial).items()}
    return _rows(case, found, trial.slow_ms)


def judge_once(tick: Tick, pair: Pair, limits: Limits) -> tuple[GateResult, ...]:
    """Return the same rows for one look at one window, as a person's single `promote` asks for.

    A plain miss of a limit with enough requests fails here, unless stable misses it too and is not better.
    """
    canary, stable = sound(tick.canary), sound(tick.stable)
    tick = Tick(tick.seconds, stable, canary)
    slow_ms = slow_from(stable, limits)
    trial = _noticed(Trial(slow_ms=slow_ms, block=Block(tick.seconds)), tick, limits)
    found = {
        name: _found_once(clue, trial.block, allowed)
        for (name, clue), allowed in zip(_clues(trial).items(), (_failed(limits), 0.0, _LATE), strict=True)
    }
    case = Case(
        Seen(pair.canary, canary, canary), Seen(pair.stable, stable, stable), limits, tick.seconds, tick.seconds, True
    )
    return _rows(case, found, slow_ms)


def judge_blind(pair: Pair, limits: Limits, why: str, *, window_s: int) -> tuple[GateResult, ...]:
    """Return the same rows when nothing is known: all unknown, with the reason `why`. `window_s` is in seconds."""
    shown = [("requests", limits.requests_min, "requests"), ("success", limits.success_min, "%")]
    shown += [("p99", limits.p99_max_ms, "ms"), *([("errors", 0.0, "%"), ("slow", 0.0, "%")] if pair.stable else [])]
    return tuple(
        GateResult(
            *(name, pair.canary, Verdict.UNKNOWN, None, limit, unit, 0, window_s, why),
            at_most=name not in ("requests", "success"),
            against=pair.stable if name in ("errors", "slow") else "",
        )
        for name, limit, unit in shown
    )


def _rows(case: Case, found: dict[str, Found], slow_ms: float) -> tuple[GateResult, ...]:
    limits = case.limits
    late = Kind("p99", lambda counts: counts.slower(limits.p99_max_ms), _timed, f"takes over {limits.p99_max_ms:g} ms")
    success = Limit(_FAILED, lambda counts: counts.success, limits.success_min, "%", False, _failed(limits))
    p99 = Limit(late, lambda counts: counts.quantile_ms(0.99), limits.p99_max_ms, "ms", True, _LATE)
    rows = (
        judge_requests(case),
        judge_limit(case, success, found["errors"]),
        judge_limit(case, p99, found["late"]),
    )
    if not case.stable.name:
        return rows
    return (
        *rows,
        judge_comparison(case, _ERRORS, found["errors"].compared),
        judge_comparison(case, _slow(slow_ms), found["slow"].compared),
    )


def _slow(slow_ms: float) -> Kind:
    """Return what is slow; while that is not known, no request could have been."""
    among = _timed if slow_ms else lambda _: 0.0
    return Kind("slow", lambda counts: counts.slower(slow_ms), among, f"takes over {slow_ms:g} ms")


def _timed(counts: Counts) -> float:
    return counts.timed


def _clues(trial: Trial) -> dict[str, Clue]:
    return {"errors": trial.errors, "slow": trial.slow, "late": trial.late}


def _seen(name: str, history: History, bounds: Bounds) -> Seen:
    return Seen(name, history.total.counts(bounds), history.recent.counts(bounds))


def _found_once(clue: Clue, block: Block, allowed: float) -> Found:
    both = block.canary + block.stable
    compared = weigh_once(clue.hits, clue.hits + clue.others, block.canary / both) if block.stable else LEVEL
    return Found(compared, weigh_once(clue.over, clue.requests, allowed) if allowed else LEVEL)


_FAILED = Kind("success", lambda counts: counts.errors, lambda counts: counts.requests, "fails")
_ERRORS = Kind("errors", _FAILED.bad, _FAILED.among, "fails")
