"""Cards of incidents: golden drawings for review, and the rules that hold for every one of them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from chat.incidents import FREEZE, ROLL_BACK, STATUS, digest, incident_card, incidents_answer
from mesh.domain.incidents import ENDED, Alert, Incident, Scene
from mesh.domain.operations import Card
from mesh.domain.points import Answered, Point
from mesh.ports import Open
from playground.slack.render import render_text
from tests.chat.checking import assert_accepted, assert_inert, buttons_of
from tests.chat.rolling import ROLLOUTS
from tests.chat.samples import API, AT, SAMPLES
from tests.chat.test_cards import HOSTILE, NAMES

GOLDEN = Path(__file__).parent / "golden_incidents"

ERRORS = Alert("8a1b", "HighErrorRate", "critical", "api fails in 5 % of its requests", AT, AT + 5)
SLOW = Alert("9c2d", "SlowRequests", "warning", "p99 of api is 900 ms", AT + 120, AT + 125)
OVER = replace(SLOW, ended_at=AT + 300)
FIRING = Incident("in-k3v9x2m4ta", API, AT + 5, "C0INC", alerts=(ERRORS, SLOW), card=Card("C0INC", "1.1"), stable="v1")


def points() -> tuple[Point, ...]:
    """An hour in which the canary got worse; of the first twenty minutes nothing is known."""
    found = []
    for number in range(12):
        known = number >= 4
        stable = Answered(900.0, 99.95, 120.0) if known else Answered()
        canary = Answered(100.0, 99.9 - number, 150.0 + 70 * number) if known else Answered()
        found.append(Point(AT - 3600 + 300 * number, 10.0, canary, stable))
    return tuple(found)


STATUSES = SAMPLES["status"].statuses
RECENT = (SAMPLES["promoted"], SAMPLES["refused_by_gate"], SAMPLES["rolled_back"], SAMPLES["forced"], SAMPLES["queued"])
FULL = Scene(STATUSES, rollout=ROLLOUTS["canary_baking"], recent=RECENT)
SHOWN: dict[str, tuple[Incident, Scene]] = {
    "firing": (replace(FIRING, alerts=(ERRORS,), points=points()), Scene(STATUSES, recent=RECENT[:1])),
    "firing_in_a_rollout": (replace(FIRING, points=points(), chart="F0CHART01"), FULL),
    "one_of_two_is_over": (replace(FIRING, alerts=(ERRORS, OVER)), Scene(STATUSES)),
    "warns_only": (FIRING, Scene(STATUSES, refuses=False)),
    "unread": (FIRING, Scene(unread="The API server of prod did not answer in 5 s.")),
    "many_alerts": (
        replace(FIRING, alerts=tuple(replace(ERRORS, fingerprint=f"f{n}", name=f"Alert{n:02d}") for n in range(30))),
        Scene(STATUSES),
    ),
    "over": (
        replace(FIRING, alerts=(replace(ERRORS, ended_at=AT + 600), OVER), ended_at=AT + 605,
                why_ended="every alert is resolved", points=points()),
        Scene(STATUSES, recent=RECENT[2:3]),
    ),
    "expired": (
        replace(FIRING, alerts=(replace(ERRORS, ended_at=AT + 18_000),), ended_at=AT + 18_000,
                why_ended="nobody repeated it for 5 h"),
        Scene(STATUSES),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOWN)
def test_golden(name: str) -> None:
    """Each card is drawn exactly as its golden files say (MESHBOT_GOLDEN=write draws them anew, for review)."""
    drawn = incident_card(*SHOWN[name])
    as_json = json.dumps({"text": drawn.text, "blocks": drawn.blocks}, indent=1, ensure_ascii=False) + "\n"
    as_text = f"{drawn.text}\n\n{render_text({'blocks': drawn.blocks}, NAMES)}\n"
    for path, content in ((GOLDEN / f"{name}.json", as_json), (GOLDEN / f"{name}.txt", as_text)):
        if os.environ.get("MESHBOT_GOLDEN") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(content)
        assert path.read_text() == content


def test_no_golden_file_is_left_over() -> None:
    """Every golden file belongs to a sample."""
    assert {path.stem for path in GOLDEN.iterdir()} == set(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_slack_accepts(name: str) -> None:
    """Slack takes every card, and nothing in it is active but its people and dates."""
    drawn = incident_card(*SHOWN[name])
    assert_accepted(drawn)
    assert_inert(drawn, allowed=tuple(NAMES))


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_a_strangers_words_become_nothing(word: str) -> None:
    """Whatever an alert says in any field, card and list are accepted, and nothing becomes active."""
    alert = replace(ERRORS, name=word, severity=word, summary=word)
    incident = replace(FIRING, alerts=(alert, replace(alert, fingerprint="2", ended_at=AT + 1)), stable=word)
    for drawn in (incident_card(incident, FULL), incidents_answer(Open((incident,) * 30, {incident.target: word}))):
        assert_accepted(drawn)
        assert_inert(drawn, allowed=tuple(NAMES))


def test_an_incident_that_nobody_can_read_is_listed_with_its_service() -> None:
    """It may be open, so that nothing else is does not sound as if all were well."""
    said = json.dumps(incidents_answer(Open(unread={FIRING.target: "A newer meshbot wrote it."})).blocks)
    assert "A newer meshbot wrote it." in said
    assert FIRING.target.service in said
    assert "No other incident is open." in said
    assert "No incident is open." in json.dumps(incidents_answer(Open()).blocks)


def test_buttons_are_those_that_make_sense() -> None:
    """Roll back while traffic is away from stable, Hold while a rollout goes on by itself, Status always; ids only."""
    full = buttons_of(incident_card(FIRING, FULL))
    assert set(full) - {FREEZE} == {ROLL_BACK, STATUS, "meshbot.pause"}
    assert full[ROLL_BACK]["value"] == full[STATUS]["value"] == FIRING.id
    assert full["meshbot.pause"]["value"].startswith(f"{ROLLOUTS['canary_baking'].id}/")
    assert full["meshbot.pause"]["text"]["text"] == "Hold"
    assert "v1" in full[ROLL_BACK]["confirm"]["text"]["text"]
    assert set(buttons_of(incident_card(FIRING, Scene(STATUSES)))) - {FREEZE} == {ROLL_BACK, STATUS}
    held = {name: Scene(STATUSES, rollout=ROLLOUTS[f"canary_held_{name}"]) for name in ("incident", "drift")}
    offered = {name: "meshbot.pause" in buttons_of(incident_card(FIRING, scene)) for name, scene in held.items()}
    assert offered == {"incident": True, "drift": False}
    assert set(buttons_of(incident_card(*SHOWN["over"]))) == {STATUS}


def test_all_on_stable_needs_no_roll_back() -> None:
    """There is nothing to take back."""
    [status] = STATUSES
    arms = tuple(replace(arm, share=100.0 if arm.role == "stable" else 0.0) for arm in status.arms)
    assert ROLL_BACK not in buttons_of(incident_card(FIRING, Scene((replace(status, arms=arms),))))


def test_the_digest_tells_drawings_apart_and_the_end_from_all() -> None:
    """Two looks at the same thing are one drawing; only the last one begins like an end."""
    first = incident_card(FIRING, FULL)
    assert digest(FIRING, first) == digest(FIRING, incident_card(FIRING, FULL))
    assert digest(FIRING, first) != digest(FIRING, incident_card(FIRING, Scene()))
    assert not digest(FIRING, first).startswith(ENDED)
    assert digest(SHOWN["over"][0], incident_card(*SHOWN["over"])).startswith(ENDED)
