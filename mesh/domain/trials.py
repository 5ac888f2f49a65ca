"""A trial: all that is known of one canary against its stable arm since its share last changed. Pure.

Looks come every few seconds and are uneven; each request counts once. What a trial remembers is small and of fixed
size, whatever its age. `docs/gates.md` says how it decides, and what that costs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mesh.domain.clues import Block, Clue, Part, notice, once, weighed
from mesh.domain.counts import Counts
from mesh.domain.evidence import CLUMPS, PAUSES
from mesh.domain.gates import GateResult, Limits, Verdict
from mesh.domain.rows import Case, Kind, Limit, Seen, judge_comparison, judge_limit, judge_requests
from mesh.domain.tallies import Bounds, History, Tally, bounds_of, sound

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
    block: Block = field(default_factory=Block)
    errors: Clue = field(default_factory=Clue)
    slow: Clue = field(default_factory=Clue)
    late: Clue = field(default_factory=Clue)
    """Requests that took longer than the limit of the p99."""
    silent_s: float = 0.0
    """How long the canary has answered nothing."""
    awaited: float = 0.0
    """How many requests it would have had meanwhile, by those of stable."""


def observe(trial: Trial, tick: Tick, limits: Limits) -> Trial:
    """Return the trial with one more tick; counts that cannot be true count as nothing."""
    tick = Tick(tick.seconds, sound(tick.stable), sound(tick.canary))
    bounds = bounds_of(tick.canary) or bounds_of(tick.stable) or trial.bounds
    canary, stable, stretch_s = _histories(trial, tick, bounds, limits)
    clues, slow_ms = (trial.errors, trial.slow, trial.late), trial.slow_ms
    if tick.canary.requests or tick.stable.requests:
        clues = _noticed(trial, tick, limits)
        slow_ms = slow_ms or slow_from(stable.total.counts(bounds), limits)
    block = trial.block.plus(tick.seconds, tick.canary.requests, tick.stable.requests)
    if block.full(alone=not stable.lately):
        block, clues = Block(), _weighed(clues, block, limits)
    silence = (0.0, 0.0)
    if not tick.canary.requests:
        silence = (trial.silent_s + tick.seconds, trial.awaited + tick.stable.requests * _odds(trial))
    return Trial(trial.seconds + tick.seconds, stretch_s, canary, stable, bounds, slow_ms, block, *clues, *silence)


def _histories(trial: Trial, tick: Tick, bounds: Bounds, limits: Limits) -> tuple[History, History, float]:
    """Return what canary and stable have answered, and how long the newest stretch of that is."""
    canary, stable, stretch_s = trial.canary, trial.stable, trial.stretch_s
    if bounds != trial.bounds:
        canary, stable = canary.untimed(), stable.untimed()
    if stretch_s >= limits.window_s / 2:
        canary, stable, stretch_s = canary.turned(), stable.turned(), 0.0
    if tick.canary.requests or tick.stable.requests:
        canary, stable = canary.plus(Tally.of(tick.canary, bounds)), stable.plus(Tally.of(tick.stable, bounds))
    return canary, stable, stretch_s + tick.seconds


_Clues = tuple[Clue, Clue, Clue]
"""Of errors, slow requests, and those over the limit's latency."""


def _noticed(trial: Trial, tick: Tick, limits: Limits) -> _Clues:
    """Return the clues with the tick in the open block; what is slow counts from when that is known."""
    canary, stable = tick.canary, tick.stable
    usual = canary.requests or stable.requests * _odds(trial)
    part = Part(tick.seconds, canary.requests, stable.requests, usual, CLUMPS)
    errors = notice(trial.errors, part, (canary.errors, stable.errors), _failed(limits))
    if not canary.buckets and not stable.buckets:
        return errors, trial.slow, trial.late
    part, slow, slow_ms, limit_ms = replace(part, habit=PAUSES), trial.slow, trial.slow_ms, limits.p99_max_ms
    if slow_ms:
        slow = notice(slow, part, (canary.slower(slow_ms), stable.slower(slow_ms)), 0.0)
    return errors, slow, notice(trial.late, part, (canary.slower(limit_ms), stable.slower(limit_ms)), _LATE)


def _odds(trial: Trial) -> float:
    """Return how many requests the canary has had for each of stable's, lately."""
    stable = trial.stable.lately
    return trial.canary.lately / stable if stable else 0.0


def slow_from(stable: Counts, limits: Limits) -> float:
    """Return after how many milliseconds it is slow: as configured, or the bucket of stable's p95; 0: not known yet."""
    if limits.slow_ms or stable.timed < _KNOWN:
        return limits.slow_ms
    finite = stable.buckets[:-1]
    return next((bound for bound, count in finite if count >= 0.95 * stable.timed), finite[-1][0] if finite else 0.0)


def _weighed(clues: _Clues, block: Block, limits: Limits) -> _Clues:
    """Put a full block on the scales."""
    errors, slow, late = clues
    return (
        weighed(errors, block, _failed(limits), CLUMPS),
        weighed(slow, block, 0.0, PAUSES),
        weighed(late, block, _LATE, PAUSES),
    )


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
        silent_s=trial.silent_s,
        awaited=trial.awaited,
    )
    return _rows(case, (trial.errors, trial.slow, trial.late), trial.slow_ms)


def judge_once(tick: Tick, pair: Pair, limits: Limits) -> tuple[GateResult, ...]:
    """Return the same rows for one look at one window, as a person's single `promote` asks for.

    A plain miss of a limit with enough requests fails here, unless stable misses it too and is not better.
    """
    canary, stable = sound(tick.canary), sound(tick.stable)
    tick = Tick(tick.seconds, stable, canary)
    slow_ms = slow_from(stable, limits)
    block = Block(tick.seconds, canary.requests, stable.requests)
    errors, slow, late = _noticed(Trial(slow_ms=slow_ms), tick, limits)
    clues = once(errors, block, _failed(limits)), once(slow, block, 0.0), once(late, block, _LATE)
    case = Case(
        Seen(pair.canary, canary, canary), Seen(pair.stable, stable, stable), limits, tick.seconds, tick.seconds, True
    )
    return _rows(case, clues, slow_ms)


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


def _rows(case: Case, clues: _Clues, slow_ms: float) -> tuple[GateResult, ...]:
    limits, (errors, slow, late) = case.limits, clues
    over = Kind("p99", lambda counts: counts.slower(limits.p99_max_ms), _timed, f"takes over {limits.p99_max_ms:g} ms")
    success = Limit(_FAILED, lambda counts: counts.success, limits.success_min, "%", False, _failed(limits))
    p99 = Limit(over, lambda counts: counts.quantile_ms(0.99), limits.p99_max_ms, "ms", True, _LATE)
    rows = judge_requests(case), judge_limit(case, success, errors), judge_limit(case, p99, late)
    if not case.stable.name:
        return rows
    return *rows, judge_comparison(case, _ERRORS, errors), judge_comparison(case, _slow(slow_ms), slow)


def _slow(slow_ms: float) -> Kind:
    """Return what is slow; while that is not known, no request could have been."""
    among = _timed if slow_ms else lambda _: 0.0
    return Kind("slow", lambda counts: counts.slower(slow_ms), among, f"takes over {slow_ms:g} ms")


def _timed(counts: Counts) -> float:
    return counts.timed


def _seen(name: str, history: History, bounds: Bounds) -> Seen:
    return Seen(name, history.total.counts(bounds), history.recent.counts(bounds))


_FAILED = Kind("success", lambda counts: counts.errors, lambda counts: counts.requests, "fails")
_ERRORS = Kind("errors", _FAILED.bad, _FAILED.among, "fails")
