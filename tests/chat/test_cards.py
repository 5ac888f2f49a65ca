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
from mesh.domain.gates import GateResult, Verdict
from mesh.domain.grammar import parse
from mesh.domain.incidents import judge_incident, unknown_incident
from mesh.domain.operations import UNSENT, Event, State, Step
from mesh.domain.plans import Roles, plan
from mesh.domain.routes import Drift
from playground.slack.render import render_text
from tests.chat.agreeing import APPROVALS
from tests.chat.checking import assert_accepted, assert_inert, buttons_of
from tests.chat.rolling import ROLLOUTS
from tests.chat.samples import (
    AT,
    FAILING,
    HEALTHY,
    INCIDENT,
    QUIET,
    SAMPLES,
    SILENT,
    STATUS,
    gates,
    hostile,
    operation,
    planned,
    route,
)

GOLDEN = Path(__file__).parent / "golden"
NAMES = {"U0JIN": "jin", "U0ANA": "ana", "U0LEE": "lee"}
CARDS = SAMPLES | ROLLOUTS | APPROVALS
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


@pytest.mark.parametrize("name", CARDS)
def test_golden(name: str) -> None:
    """Each card is drawn exactly as its golden files say (MESHBOT_GOLDEN=write draws them anew, for review)."""
    drawn = card(CARDS[name])
    as_json = json.dumps({"text": drawn.text, "blocks": drawn.blocks}, indent=1, ensure_ascii=False) + "\n"
    as_text = f"{drawn.text}\n\n{render_text({'blocks': drawn.blocks}, NAMES)}\n"
    for path, content in ((GOLDEN / f"{name}.json", as_json), (GOLDEN / f"{name}.txt", as_text)):
        if os.environ.get("MESHBOT_GOLDEN") == "write":
            path.write_text(content)
        assert path.read_text() == content


def test_no_golden_file_is_left_over() -> None:
    """Every golden file belongs to a sample."""
    assert {path.stem for path in GOLDEN.iterdir()} == set(CARDS)


@pytest.mark.parametrize("name", CARDS)
def test_slack_accepts(name: str) -> None:
    """Slack takes every card, and nothing in it is active but its people and dates."""
    drawn = card(CARDS[name])
    assert_accepted(drawn)
    assert_inert(drawn, allowed=tuple(NAMES))


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_threat_3_hostile_words_in_cards(word: str) -> None:
    """Whatever stands in any field, the card is accepted and nothing becomes active."""
    for wish in hostile(word):
        drawn = card(wish)
        assert_accepted(drawn)
        assert_inert(drawn)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
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


_WHOLE = {
    "only stable is not known": ((), "Gates pass"),
    "an incident is open": (judge_incident(INCIDENT, "refuse", service="api", at=AT), "A gate fails"),
    "only warned of": (judge_incident(INCIDENT, "warn", service="api", at=AT), "Gates pass"),
    "not known": (unknown_incident("Redis is away", service="api", at=AT), "Unknown: not proven safe"),
    "it burns": ((GateResult("incident", "api", Verdict.FAIL, 5, 1.4, "%", 0, 300, at_most=True),), "A gate fails"),
}


@pytest.mark.parametrize("stable", ["v1", "api"])
@pytest.mark.parametrize("case", _WHOLE)
def test_what_holds_for_the_whole_service_heads_its_gates(case: str, stable: str) -> None:
    """`gates` is headed by what the canary's rows and the service's come to; stable may bear the service's name."""
    whole, word = _WHOLE[case]
    status = replace(STATUS, arms=(replace(STATUS.arms[0], name=stable), STATUS.arms[1]))
    rows = (*gates((stable, SILENT), ("v2", HEALTHY)), *whole)
    drawn = card(replace(SAMPLES["gates"], statuses=(status,), gates=rows))
    assert word in drawn.text
    assert word in str(drawn.blocks[1])


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


@pytest.mark.parametrize("name", ["queued", "checking", "verifying", "awaiting", "held_unknown", "expired", "plan"])
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
    """Rollback offers only undo, undo only rollback, a status with a canary only rollback.

    A failure offers undo only where the weights were written for certain, and a look where that may help; a rollback
    that nobody knows the end of offers itself again.
    """
    offered = {name: list(buttons_of(card(sample))) for name, sample in SAMPLES.items()}
    assert offered["rolled_back"] == ["meshbot.undo"]
    for name in ("undone", "failed_overwritten", "status", "adopted"):
        assert offered[name] == ["meshbot.rollback"]
    for name in ("failed_unsure", "rollback_unsure"):
        assert offered[name] == ["meshbot.rollback", "meshbot.choice.0"]
    for name in ("unaccepted", "measured_astray"):
        assert offered[name] == ["meshbot.rollback", "meshbot.undo", "meshbot.choice.0"]
    assert offered["status_everything"] == []
    assert offered["failed_unavailable"] == []
    assert offered["status_owned"] == []


def test_drift_is_named_and_both_ways_out_are_offered() -> None:
    """The card says who changed the weights, when and from what; each button says beforehand which weights it means."""
    drawn = card(SAMPLES["status_drift"])
    assert "*Drift:* `kubectl-edit` changed these weights <!date^1699998600^" in str(drawn.blocks)
    found = buttons_of(drawn)
    adopt, reapply = found["meshbot.choice.1"], found["meshbot.choice.2"]
    assert adopt["value"] == "/mesh adopt api --namespace mesh-demo --cluster prod"
    assert "v1=90 v2=10" in adopt["confirm"]["text"]["text"]
    assert "no traffic moves" in adopt["confirm"]["text"]["text"]
    assert reapply["value"].startswith("/mesh reapply api ")
    assert "v1=50 v2=50" in reapply["confirm"]["text"]["text"]


def test_buttons_of_several_routes_say_which() -> None:
    """Where a service has several routes, each command carries its route; without a service there are no buttons."""
    several = SAMPLES["status_several"]
    found = buttons_of(card(several))
    assert [button["text"]["text"] for button in found.values()] == [
        'Roll back http "canary"',
        "Adopt http default",
        "Re-apply http default",
    ]
    for button in found.values():
        assert parse(button["value"]).route in [route.key for route in several.statuses]
    assert buttons_of(card(replace(several, target=replace(several.target, service="")))) == {}


def test_a_drift_of_an_odd_time_is_shown_as_it_stands() -> None:
    """What the API server's time is not is no date, and no crash."""
    status = SAMPLES["status_drift"].statuses[0]
    for at in ("yesterday", "0001-01-01T00:00:00Z", "9999-99-99", ""):
        drifted = replace(status, drift=Drift("v1=1", "me", at))
        drawn = card(replace(SAMPLES["status_drift"], statuses=(drifted,)))
        assert f"changed these weights {at}".rstrip() in str(drawn.blocks)


def test_what_is_measured_is_quiet_unless_the_traffic_goes_astray() -> None:
    """A split as written is a small line, an unknown one says why; another split is told in the headline's sign too."""
    shown = {name: str(card(SAMPLES[name]).blocks) for name in SAMPLES}
    assert "Split seen: v1 50.4 % / v2 49.6 % in 1 200 requests over 40 s" in shown["measured"]
    assert "Split not known: only 3 requests in 87 s." in shown["measured_unknown"]
    assert "does not follow" not in shown["measured"] + shown["measured_unknown"]
    assert "*The traffic does not follow the weights.*" in shown["measured_astray"]
    assert "Written, traffic does not follow" in card(SAMPLES["measured_astray"]).text


def test_waiting_and_not_accepted() -> None:
    """While parents have not spoken the card says whom it waits for; when that ends badly the bars show what stands."""
    assert "It waits for Gateway infra/public to accept it." in str(card(SAMPLES["awaiting"]).blocks)
    ended = card(SAMPLES["unaccepted"])
    assert "Written, not accepted" in ended.text
    assert "v1  " + "█" * 10 + "░" * 10 in str(ended.blocks)
    assert "waiting" not in str(ended.blocks)


def test_quantities_are_shown_as_they_stand() -> None:
    """Weights that are quantities are shown as they are written, with shares beside them."""
    assert "weight 900m -> 500m" in render_text({"blocks": card(SAMPLES["set_quantities"]).blocks})


def test_rounding_is_told() -> None:
    """How weights were rounded stands under them, on the card of a change and on that of a plan."""
    note = "Weights are whole: v1 33.33 to 33, v3 16.67 to 17; the total is kept."
    changed = SAMPLES["promoted_among_three"]
    plan_only = replace(changed, command=replace(changed.command, dry_run=True))
    assert all(note in str(card(one).blocks) for one in (changed, plan_only))


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


def test_a_patch_that_was_not_sent_is_no_patch_without_an_answer() -> None:
    """What waits for a replica of Redis says that, and not that an answer was lost."""
    made = operation("promote api 50", Step.CHECKING, Step.PATCHING, state=State.RUNNING)
    drawn = render_text({"blocks": card(made.add(Event(Step.UNWRITTEN, AT + 9, UNSENT))).blocks}, {})
    assert "No replica of Redis had the plan, so the patch was not sent at first." in drawn
    assert "No answer came" not in drawn


def test_a_huge_operation_still_fits() -> None:
    """Fifty arms, hundreds of gates and long words are cut to what Slack takes, and the failing gates are kept."""
    names = [f"checkout-service-frontend-{index}" for index in range(50)]
    wide = route(*((name, 2) for name in names), warnings=tuple(f"{name} {'w' * 500}" for name in names))
    many = plan(wide, dict.fromkeys(names[:25], 3), Roles(names[0], names[1]), stamps={})
    rows = gates(*((name, replace(QUIET, why="q" * 900)) for name in names), (names[49], FAILING))
    story = tuple(Event(Step.RESUMED, AT + index, "r" * 900) for index in range(400))
    long = tuple(f"/mesh promote api v{n} 50 --force --reason '{chr(34) * 900}'" for n in range(20))
    wish = replace(SAMPLES["forced"], plan=many, gates=rows, story=story, outcome="o" * 9000)
    for choices in (("c" * 900,) * 90, long):
        drawn = card(replace(wish, choices=choices))
        assert_accepted(drawn)
        assert_inert(drawn, allowed=("U0JIN",))
        assert "FAIL" in str(drawn.blocks)


def test_a_huge_status_still_fits() -> None:
    """A dozen drifted routes with long names: three get buttons, and Slack takes the card."""
    status = SAMPLES["status_several"].statuses[1]
    many = tuple(replace(status, label="l" * 300, key=f"VirtualService/{'n' * 200}-{n}") for n in range(12))
    drawn = card(replace(SAMPLES["status_several"], statuses=many))
    assert_accepted(drawn)
    assert len(buttons_of(drawn)) == 6
