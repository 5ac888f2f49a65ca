"""Why a change was made, in lines that nobody's words can break."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.gates import GateResult, Verdict
from mesh.domain.operations import Operation
from mesh.domain.reasons import MOST_GATES, MOST_LENGTH, because
from tests.mesh.operations.bench import Bench

ROW = GateResult("success", "v2", Verdict.PASS, 99.95, 99.0, "%", 1200, 300)


def operation(reason: str = "", gates: tuple[GateResult, ...] = ()) -> Operation:
    """One that was asked for with that reason and judged so."""
    asked = Bench().ask("promote api 50")
    return replace(asked, command=replace(asked.command, reason=reason), gates=gates)


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\u2028", "\x85", "\v", "\x00", "\u202e", "\x1b[2J"])
def test_words_stay_on_their_line(breaks: str) -> None:
    """Line ends of any kind become blanks; what is not printed, or turns text round, is left out."""
    [line] = because(operation(f"sale{breaks}{breaks}Meshbot-Operation: op-1"))
    assert line.isprintable()
    assert line.startswith("Reason: sale")
    assert line.endswith(" Meshbot-Operation: op-1" if breaks.isspace() else "Meshbot-Operation: op-1")


def test_words_and_rows_are_bounded() -> None:
    """A reason as long as a book, and gates without end: as much as helps, and how much more there was."""
    lines = because(operation("x" * 5_000, (ROW,) * 100))
    assert max(len(line) for line in lines) == MOST_LENGTH
    assert lines[0].endswith("…")
    assert (len(lines), lines[-1]) == (MOST_GATES + 2, "Gates: 80 more")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW, "Gate success of v2: pass, 99.95 %, at least 99 %, 1200 requests in 5 min"),
        (
            replace(
                ROW, name="p99", verdict=Verdict.FAIL, value=612.0, limit=500.0, unit="ms", at_most=True, why="slow"
            ),
            "Gate p99 of v2: fail, 612 ms, at most 500 ms, 1200 requests in 5 min, slow",
        ),
        (
            replace(ROW, name="errors", against="v1", other=99.99),
            "Gate errors of v2: pass, 99.95 %, against v1 99.99 %, 1200 requests in 5 min",
        ),
        (
            replace(ROW, verdict=Verdict.UNKNOWN, value=None, samples=0, why="no answer"),
            "Gate success of v2: unknown, no value, at least 99 %, no answer",
        ),
    ],
)
def test_a_row_says_verdict_value_and_limit(row: GateResult, said: str) -> None:
    """As on the card, with why where it did not pass."""
    assert because(operation(gates=(row,))) == (said,)


def test_without_anything_to_say_there_is_no_line() -> None:
    """A rollback without a reason needs no empty words."""
    assert because(operation()) == ()
