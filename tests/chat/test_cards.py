"""Cards: golden drawings for review, and the rules that hold for every one of them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat.cards import card
from mesh.domain.operations import Event, State, Step
from mesh.domain.plans import Roles, plan
from playground.slack.render import render_text
from tests.chat.checking import assert_accepted, assert_inert, buttons_of
from tests.chat.samples import AT, FAILING, QUIET, SAMPLES, gates, hostile, operation, planned, route

GOLDEN = Path(__file__).parent / "golden"
NAMES = {"U0JIN": "jin"}
HOSTILE = (
    "<!channel>",
    "<@U1>",
    "<http://x|y>",
    "<!date^1^{time}|now>",
    "a`b```c",
    "one\n*Approved by* two\r\n",
    "\u202egnp.exe\u200b\u2066\ufeff",
    "&lt;!here&gt; &",
    "\ud800",
    "x" * 4000,
    "<" * 3500,
)


@pytest.mark.parametrize("name", SAMPLES)
def test_golden(name: str) -> None:
    """Each card is drawn exactly as its golden files say (MESHBOT_GOLDEN=write draws them anew, for review)."""
    drawn = card(SAMPLES[name])
    as_json = json.dumps({"text": drawn.text, "blocks": drawn.blocks}, indent=1, ensure_ascii=False) + "\n"
    as_text = f"{drawn.text}\n\n{render_text({'blocks': drawn.blocks}, NAMES)}\n"
    for path, content in ((GOLDEN / f"{name}.json", as_json), (GOLDEN / f"{name}.txt", as_text)):
        if os.environ.get("MESHBOT_GOLDEN") == "write":
            path.write_text(content)
        assert path.read_text() == content


def test_no_golden_file_is_left_over() -> None:
    """Every golden file belongs to a sample."""
    assert {path.stem for path in GOLDEN.iterdir()} == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_slack_accepts(name: str) -> None:
    """Slack takes every card, and nothing in it is active but its people and dates."""
    drawn = card(SAMPLES[name])
    assert_accepted(drawn)
    assert_inert(drawn, allowed=("U0JIN",))


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_hostile_words(word: str) -> None:
    """Whatever stands in any field, the card is accepted and nothing becomes active."""
    for wish in hostile(word):
        drawn = card(wish)
        assert_accepted(drawn)
        assert_inert(drawn)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(st.sampled_from("<>&!@#|^`*_~:UC1 \n\u200b\u202e{}é漢"), min_size=1, max_size=60))
def test_hostile_by_chance(word: str) -> None:
    """No combination of Slack's special characters becomes active."""
    for wish in hostile(word)[:8]:
        assert_inert(card(wish), allowed=(word,))  # the actor may happen to be called like an id


def test_unknown_and_fail_differ_in_words() -> None:
    """A gate that failed and one that could not decide are told apart without colour."""
    failed = card(operation("gates api", state=State.SUCCEEDED, gates=gates(("v2", FAILING))))
    unsure = card(operation("gates api", state=State.SUCCEEDED, gates=gates(("v2", QUIET))))
    assert "FAIL" in str(failed.blocks)
    assert "A gate fails" in failed.text
    assert "FAIL" not in str(unsure.blocks)
    assert "Unknown: not proven safe" in unsure.text


def test_a_value_is_never_rounded_over_its_limit() -> None:
    """A success of 98.999 % that fails a limit of 99 % is not shown as 99 %."""
    reading = replace(FAILING, success=98.9999, p99_ms=500.01)
    drawn = render_text({"blocks": card(operation("gates api", gates=gates(("v2", reading)))).blocks})
    assert "98.99 %" in drawn
    assert "500.1 ms" in drawn


def test_bars_follow_the_traffic() -> None:
    """Bars show the weights before until the patch is written, and the weights after from then on."""
    before, after = "v1  " + "█" * 18 + "░" * 2, "v1  " + "█" * 10 + "░" * 10
    shown = {name: str(card(sample).blocks) for name, sample in SAMPLES.items()}
    assert before in shown["refused_by_gate"]
    assert before in shown["failed_unsure"]
    assert after in shown["verifying"]
    assert after in shown["promoted"]


@pytest.mark.parametrize("name", ["queued", "checking", "verifying", "refused_by_gate", "expired", "unchanged", "plan"])
def test_no_buttons(name: str) -> None:
    """A card has no buttons while it runs, and none where nothing was changed."""
    assert buttons_of(card(SAMPLES[name])) == {}


def test_buttons_after_a_change() -> None:
    """After a change both ways back are offered, and each says beforehand what it will set."""
    found = buttons_of(card(SAMPLES["promoted"]))
    assert list(found) == ["meshbot.rollback", "meshbot.undo"]
    assert found["meshbot.rollback"]["style"] == "danger"
    assert "v1 to 100 %" in found["meshbot.rollback"]["confirm"]["text"]["text"]
    assert "v1 90 %, v2 10 %" in found["meshbot.undo"]["confirm"]["text"]["text"]
    assert {button["value"] for button in found.values()} == {"op-k3v9x2m4ta"}


def test_buttons_where_they_make_sense() -> None:
    """Rollback offers only undo, undo only rollback, a failure never undo, a status with a canary only rollback.

    A rollback that nobody knows the end of offers itself again.
    """
    offered = {name: list(buttons_of(card(sample))) for name, sample in SAMPLES.items()}
    assert offered["rolled_back"] == ["meshbot.undo"]
    for name in ("undone", "failed_unsure", "failed_overwritten", "rollback_unsure", "status"):
        assert offered[name] == ["meshbot.rollback"]
    assert offered["status_everything"] == []
    assert offered["failed_unavailable"] == []


def test_no_rollback_without_a_stable_arm() -> None:
    """Where nobody knows the stable arm, no button promises it."""
    nobody = planned(route(("v1", 90), ("v2", 10)), Roles(), v1=50, v2=50)
    assert list(buttons_of(card(replace(SAMPLES["promoted"], plan=nobody)))) == ["meshbot.undo"]


def test_force_is_loud() -> None:
    """A forced change says FORCED, with its reason, in the blocks and in the spoken text."""
    drawn = card(SAMPLES["forced"])
    assert ":rotating_light: *FORCED* past the gates by <@U0JIN>" in str(drawn.blocks)
    assert "FORCED" in drawn.text
    assert "FORCED" not in card(SAMPLES["force_not_needed"]).text


def test_a_conflict_is_no_open_patch() -> None:
    """When somebody else wrote first and then the operation failed, nobody is told that the outcome is unknown."""
    steps = (Step.CHECKING, Step.PATCHING, Step.CONFLICT, Step.FAILED)
    drawn = card(operation("promote api 50", *steps, state=State.FAILED, plan=SAMPLES["promoted"].plan))
    assert drawn.text.startswith("Failed: ")
    assert "Unknown" not in drawn.text


def test_a_huge_operation_still_fits() -> None:
    """Fifty arms, hundreds of gates and long words are cut to what Slack takes, and the failing gates are kept."""
    names = [f"checkout-service-frontend-{index}" for index in range(50)]
    wide = route(*((name, 2) for name in names), warnings=tuple(f"{name} {'w' * 500}" for name in names))
    many = plan(wide, dict.fromkeys(names[:25], 3), Roles(names[0], names[1]), stamps={})
    rows = gates(*((name, replace(QUIET, problem="q" * 900)) for name in names), (names[49], FAILING))
    story = tuple(Event(Step.RESUMED, AT + index, "r" * 900) for index in range(400))
    wish = replace(SAMPLES["forced"], plan=many, gates=rows, story=story, choices=("c" * 900,) * 90, outcome="o" * 9000)
    drawn = card(wish)
    assert_accepted(drawn)
    assert_inert(drawn, allowed=("U0JIN",))
    assert "FAIL" in str(drawn.blocks)
