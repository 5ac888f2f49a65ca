"""Gates in tables, reasons and evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.blocks import message, section
from chat.gates import MOST_WIDTH, evidence_lines, gates_table
from mesh.domain.gates import GateResult, Verdict
from tests.chat.checking import assert_accepted, assert_inert
from tests.chat.rolling import BLIND, FAILED, INCIDENT, PASSING, QUERY, UNDECIDED, WORSE
from tests.chat.samples import FAILING, HEALTHY, QUIET, SILENT, gates
from tests.chat.test_cards import HOSTILE


def rows(*results: GateResult) -> list[str]:
    """Return the lines of the table alone."""
    return gates_table(results).text.split("```")[1].strip("\n").splitlines()


def test_a_comparison_shows_both_values_and_how_near_it_is_to_failing() -> None:
    """A row of a comparison holds its value and stable's; the line below it the evidence and the threshold."""
    found = rows(*FAILED)
    at = next(at for at, row in enumerate(found) if row.startswith("FAIL"))
    assert found[at] == "FAIL  errors         2 %  against v1 0.4 %"
    assert found[at + 1] == "      evidence 812 of 500"


@pytest.mark.parametrize(
    "results", [PASSING, FAILED, UNDECIDED, BLIND, INCIDENT, gates(("v2", FAILING), ("v1", QUIET))]
)
def test_rows_fit_a_phone(results: tuple[GateResult, ...]) -> None:
    """No row of an ordinary table is wider than a phone shows, and verdict, name and value come first."""
    for row in rows(*results):
        assert len(row) <= MOST_WIDTH
    assert [row.split()[1] for row in rows(*results) if row.startswith(("pass", "FAIL", "unknown"))] == [
        result.name for result in results
    ]


def test_a_long_row_is_two_lines() -> None:
    """Where name, value and limit do not fit in one line, the limit stands in the next one, uncut."""
    long = GateResult("queue-of-the-checkout-worker", "v2", Verdict.FAIL, 1234.5, 1000, "jobs", 0, 60, "", True)
    assert rows(long) == ["FAIL  queue-of-the-checkout-worker  1 234.5 jobs", "      at most 1 000 jobs"]


def test_several_arms_have_a_line_each() -> None:
    """The rows of each arm stand together under its name."""
    found = rows(*gates(("v1", SILENT), ("v2", HEALTHY)))
    assert [row for row in found if row.endswith(":")] == ["v1:", "v2:"]
    assert found.index("v2:") == 4


@pytest.mark.parametrize(
    ("evidence", "shown"),
    [(0.31, "0.3"), (12.9, "12"), (499.99, "499"), (4e6, "over 1 000 000"), (float("inf"), "over 1 000 000")],
)
def test_evidence_is_not_rounded_over_its_threshold(evidence: float, shown: str) -> None:
    """Evidence that is not enough is never shown as enough, and what is beyond doubt needs no figure."""
    row = replace(PASSING[3], evidence=evidence)
    assert f"evidence {shown} of 500" in gates_table([row]).text


def test_each_arm_has_its_own_window() -> None:
    """An incident guard looks an hour back: nobody may think that the canary's requests are an hour's, too."""
    drawn = gates_table([replace(PASSING[0], window_s=15), replace(PASSING[1], arm="api", window_s=3600)]).text
    assert drawn.splitlines()[0] == "*Gates of v2, api*"
    assert ["v2 over 15 s:" in drawn, "api over 60 min:" in drawn] == [True, True]


def test_how_long_until_it_can_be_decided() -> None:
    """An unknown row says about how long it takes, once: not where its reason has said so."""
    told = gates_table(UNDECIDED).text
    assert "80 more requests needed; about 3 min until it can be decided" in told
    again = [replace(UNDECIDED[0], why="80 more requests needed, about 3 min")]
    assert gates_table(again).text.count("about 3 min") == 1


def test_what_the_card_says_already_is_not_repeated() -> None:
    """The reason that stands above the table does not stand below it, too."""
    assert WORSE in gates_table(FAILED).text
    assert WORSE not in gates_table(FAILED, said=f"{WORSE}.").text


def test_a_custom_gate_keeps_its_unit_and_its_side() -> None:
    """A condition of an administrator's is shown in its own unit, rounded away from its limit's good side."""
    row = GateResult("lag", "v2", Verdict.PASS, 0.12341, 0.5, "s", 0, 60, "", True)
    assert rows(row) == ["pass  lag  0.124 s  at most 0.5 s"]
    assert rows(replace(row, unit="", at_most=False)) == ["pass  lag  0.123  at least 0.5"]


def test_evidence_for_the_thread() -> None:
    """Only gates of the verdict asked for are proven: with both values, evidence, requests, and what to ask oneself."""
    (line,) = evidence_lines(FAILED, Verdict.FAIL)
    assert line.text == (
        f"• errors of v2: 2 % against 0.4 % of v1, evidence 812 of 500, 4 120 requests; see: `{QUERY}`"
    )
    assert [line.text for line in evidence_lines(BLIND, Verdict.UNKNOWN)][1:2] == [
        "• success of v2: no traffic reached v2"
    ]


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_hostile_words(word: str) -> None:
    """Whatever a gate is called, measures or says, table and evidence stay inert."""
    row = GateResult(word, word, Verdict.FAIL, 2, 1, word, 3, 300, word, True, word, 1.0, 12.0, 500.0, 60.0, word)
    for results in ([row], [row, replace(row, arm="v1")], [replace(row, against="", value=None)]):
        drawn = message(gates_table(results), [section(part) for part in evidence_lines(results, Verdict.FAIL)])
        assert_accepted(drawn)
        assert_inert(drawn)
