"""How often the gates blame a healthy canary, and how soon they find a bad one: `make bench-gates`.

Each row is some thousand simulated hours of one canary, judged by the very code that judges real ones (`bench_screen`
only says which hours need not be judged), beside a plain rule on the same counts:

    success >= 99 % over the last minute, checked each minute; a minute without requests is no check;
    rolled back at the fifth failed check.

The exit status is 1 when a healthy row has more than 1 % false alarms an hour, or when we find something later than the
plain rule (median; what is found in fewer than half of the hours counts as infinitely late) in a row where that rule's
own false alarms, at the same traffic and share, are under 1 % an hour.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import Pool

import numpy as np

from mesh.domain.evidence import PROOF
from mesh.domain.gates import Limits, Verdict
from mesh.domain.trials import Pair, Trial, judge_trial, observe
from tools.bench_screen import suspects
from tools.bench_traffic import SCRAPE_S, Hours, World, simulate

RATES = (1, 10, 100, 1000)
SHARES = (1, 5, 50)
"""Per cent."""
WORLDS = (
    World("healthy: 0.1 % errors"),
    World("healthy: clumps of 5 errors, pauses of 20 requests", clump=5, pauses=True),
    World("healthy: both arms at 3 % errors", canary=0.03, stable=0.03),
    World("0.1 -> 0.5 % errors", canary=0.005),
    World("0.1 -> 2 % errors", canary=0.02),
    World("0.1 -> 5 % errors", canary=0.05),
    World("0.1 -> 20 % errors", canary=0.2),
    World("0.1 -> 100 % errors", canary=1.0),
    World("0.1 -> 5 % errors from minute 30", canary=0.05, late=True),
    World("slow: 3 -> 12 % over 250 ms", slow=True),
)
AT_ONCE = 500
"""Hours that one process simulates at a time."""
MOST_FALSE = 0.01
"""False alarms an hour."""
_LIMITS = Limits()
_PAIR = Pair("v2", "v1")
_SUSPECT = math.log(PROOF)
Times = list[float]
"""When each hour ended in an alarm, in seconds from when it began to be bad; infinity for never, below 0 for before."""


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    world: World
    rps: int
    share: int


@dataclass(frozen=True)
class Figures:
    """What one rule did in one row."""

    alarmed: float
    """Share of the hours with an alarm at the right time, 0 to 1: false alarms where nothing is bad."""
    early: float
    """Share of the hours with an alarm before anything was bad."""
    median_s: float
    p95_s: float

    @classmethod
    def of(cls, times: Times) -> Figures:
        """Sum up the alarms of many hours."""
        inside = sorted(when for when in times if when > 0)
        early = 1.0 - len(inside) / len(times)
        if not inside:
            return cls(0.0, early, math.inf, math.inf)
        ranks = (inside[int(share * (len(inside) - 1))] for share in (0.5, 0.95))
        return cls(sum(map(math.isfinite, inside)) / len(times), early, *ranks)


def ours(hours: Hours) -> Times:
    """Return when the real rule gave its alarm."""
    times = [math.inf] * len(hours.onset_s)
    for index in suspects(hours):
        times[index] = _alarm(hours, index) - float(hours.onset_s[index])
    return times


def _alarm(hours: Hours, index: int) -> float:
    trial = Trial()
    for scrape, tick in enumerate(hours.ticks(index)):
        trial = observe(trial, tick, _LIMITS)
        if _suspect(trial) and any(row.verdict is Verdict.FAIL for row in judge_trial(trial, _PAIR, _LIMITS)):
            return float((scrape + 1) * SCRAPE_S)
    return math.inf


def _suspect(trial: Trial) -> bool:
    """Tell whether any row can fail: none does while no evidence at all is near a proof, and to ask costs time."""
    return any(max(*clue.compared, *clue.limited) >= _SUSPECT for clue in (trial.errors, trial.slow, trial.late))


def plain(hours: Hours) -> Times:
    """Return when the plain rule did: at the fifth failed check."""
    minutes = (len(hours.onset_s), 60, 60 // SCRAPE_S)
    requests = hours.canary.requests.reshape(minutes).sum(axis=2)
    errors = hours.canary.errors.reshape(minutes).sum(axis=2)
    failed = np.cumsum((requests > 0) & (errors > 0.01 * requests), axis=1) >= 5
    when = np.where(failed.any(axis=1), 60.0 * (failed.argmax(axis=1) + 1), math.inf)
    return [float(one) for one in when - hours.onset_s]


def measure(row: Row, hours: int, seed: int) -> tuple[Row, Times, Times]:
    """Simulate some hours of one row."""
    drawn = simulate(row.world, rps=row.rps, share=row.share / 100, hours=hours, seed=seed)
    return row, ours(drawn), plain(drawn)


def _measure(task: tuple[Row, int, int]) -> tuple[Row, Times, Times]:
    return measure(*task)


def table(rows: Iterable[Row], hours: int) -> Iterator[tuple[Row, Figures, Figures]]:
    """Measure all rows, on all processors, and yield each with the figures of our rule and of the plain one."""
    parts = [min(AT_ONCE, hours - begun) for begun in range(0, hours, AT_ONCE)]
    tasks = [(row, part, 1000 * number + index) for number, row in enumerate(rows) for index, part in enumerate(parts)]
    sums: dict[Row, tuple[Times, Times]] = {}
    with Pool(os.cpu_count()) as pool:
        for row, mine, theirs in pool.imap(_measure, tasks):
            sums.setdefault(row, ([], []))[0].extend(mine)
            sums[row][1].extend(theirs)
            if len(sums[row][0]) == hours:
                yield row, Figures.of(sums[row][0]), Figures.of(sums[row][1])


def complaint(row: Row, mine: Figures, theirs: Figures, plain_false: float) -> str:
    """Say what is not as required, or return an empty string; `plain_false`: the plain rule's false alarms there."""
    if row.world.healthy:
        return "too many false alarms" if mine.alarmed > MOST_FALSE else ""
    if mine.early > MOST_FALSE:
        return "too many false alarms before it was bad"
    return "later than the plain rule" if plain_false < MOST_FALSE and mine.median_s > theirs.median_s else ""


def line(row: Row, mine: Figures, theirs: Figures, said: str) -> str:
    """Return one row for people."""
    healthy = row.world.healthy
    return f"{row.rps:>5} {row.share:>4} %  {_said(mine, healthy)}   {_said(theirs, healthy)}  {said}".rstrip()


def _said(figures: Figures, healthy: bool) -> str:
    share = f"{100 * figures.alarmed:7.2f} %"
    return f"{share:>10} {'':>14}" if healthy else f"{share:>10} {_time(figures.median_s)} {_time(figures.p95_s)}"


def _time(seconds: float) -> str:
    return f"{seconds:>5.0f} s" if math.isfinite(seconds) else f"{'never':>7}"


def main() -> int:
    """Print the table; return 1 when a requirement is not met."""
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--hours", type=int, default=2000, help="simulated hours for each row")
    options.add_argument("--fast", action="store_true", help="30 hours of a few rows: does it work at all")
    asked = options.parse_args()
    hours = 30 if asked.fast else asked.hours
    rows = [Row(*each) for each in (_FAST if asked.fast else _ALL)]
    began, complaints, plain_false = time.monotonic(), 0, dict[tuple[int, int], float]()
    heading = ""
    for row, mine, theirs in table(rows, hours):
        if row.world == WORLDS[0]:
            plain_false[row.rps, row.share] = theirs.alarmed
        said = complaint(row, mine, theirs, plain_false.get((row.rps, row.share), 1.0))
        complaints += bool(said)
        if row.world.name != heading:
            heading = row.world.name
            _print(
                f"\n{heading}\n  rps share       {'ours' if row.world.healthy else 'ours, median, p95':<24}  plain rule"
            )
        _print(line(row, mine, theirs, said))
    _print(f"\n{len(rows)} rows of {hours} h in {time.monotonic() - began:.0f} s; not as required: {complaints}")
    return 1 if complaints else 0


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a report


_ALL = [(world, rps, share) for world in WORLDS for rps in RATES for share in SHARES]
_FAST = [(world, rps, share) for world in (WORLDS[0], WORLDS[7]) for rps, share in ((10, 1), (100, 5))]

if __name__ == "__main__":
    sys.exit(main())
