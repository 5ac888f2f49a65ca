"""The buttons of a rollout."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.cards import card
from chat.choices import offer
from chat.steering import STEER
from mesh.domain.commands import STEERING, Command, Verb
from mesh.domain.operations import Operation, State
from mesh.domain.rollouts import Happening, after
from mesh.domain.strategies import RolloutStep, Strategy
from tests.chat.checking import assert_accepted, buttons_of
from tests.chat.rolling import BACK, QUARTER, ROLLOUTS, SECOND, H, canary, rolled


def pressable(operation: Operation) -> list[str]:
    """Return the labels of the card's buttons."""
    return [button["text"]["text"] for button in buttons_of(card(operation)).values()]


def question(name: str, verb: str) -> str:
    """Return what the button asks before it acts."""
    return str(buttons_of(card(ROLLOUTS[name]))[f"meshbot.{verb}"]["confirm"]["text"]["text"])


def test_every_word_to_a_rollout_has_a_button() -> None:
    """There is one button for each steering verb, and each verb is a happening of the machine."""
    assert set(STEER.values()) == STEERING
    assert {str(verb) for verb in STEERING} <= set(Happening)


def test_buttons_are_what_the_machine_takes() -> None:
    """In every phase exactly those buttons are there whose word the rollout takes, with its id and step."""
    for operation in ROLLOUTS.values():
        rollout = operation.rollout
        if rollout is None or not rollout.active or operation.command.dry_run:
            continue
        found = buttons_of(card(operation))
        taken = {action for action, verb in STEER.items() if after(rollout, Happening(str(verb)))}
        assert set(found) == taken
        step = f"{operation.id}/{rollout.at}"
        stops = {action: f"/{rollout.stop}" if STEER[action] is Verb.RESUME else "" for action in found}
        assert {action: button["value"] for action, button in found.items()} == {
            action: f"{step}{stop}" for action, stop in stops.items()
        }


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("canary_moving", ["Pause", "Abort"]),
        ("canary_paused_first", ["Resume", "Abort"]),
        ("canary_baking", ["Skip", "Pause", "Abort"]),
        ("canary_confirming", ["Confirm", "Pause", "Abort"]),
        ("canary_paused", ["Resume", "Abort"]),
        ("canary_held_blind", ["Resume", "Skip", "Pause", "Abort"]),
        ("canary_held_worse", ["Resume", "Abort"]),
        ("canary_turning_back", []),
        ("canary_turned_back", []),
        ("canary_aborted", []),
        ("canary_stopped", []),
        ("canary_completed", ["Roll back"]),
        ("canary_expired", ["Roll back"]),
        ("canary_plan", []),
        ("canary_refused", []),
        ("steered", []),
    ],
)
def test_buttons_of_each_phase(name: str, labels: list[str]) -> None:
    """The way forward stands first, the way back last; after the end there is Roll back where v2 still has traffic."""
    assert pressable(ROLLOUTS[name]) == labels


@pytest.mark.parametrize(
    ("name", "verb", "said"),
    [
        ("canary_confirming", "confirm", "This gives v2 50 % of api in prod / mesh-demo."),
        ("canary_paused", "resume", "The steps go on where they stopped, with v2 at 25 % of api in prod / mesh-demo."),
        (
            "canary_held_worse",
            "resume",
            "This writes 25 % of api in prod / mesh-demo for v2 again, and bakes it for 5 min anew.",
        ),
        ("canary_baking", "skip", "The rest of this bake is left out; then somebody must confirm 50 % for v2 of api"),
        ("canary_undecided", "skip", "The rest of this bake is left out: v2 gets 25 % of api in prod / mesh-demo now."),
        ("canary_held_blind", "skip", "The gates are not waited for: v2 gets 25 % of api in prod / mesh-demo now."),
        (
            "canary_baking",
            "pause",
            "v2 keeps 25 % of api in prod / mesh-demo and is still watched. No step follows until",
        ),
        (
            "canary_moving",
            "pause",
            "Nothing is written until somebody presses Resume, unless the first step is just being written.",
        ),
        (
            "canary_paused_first",
            "resume",
            "This writes 5 % of api in prod / mesh-demo for v2, and bakes it for 5 min.",
        ),
        ("canary_baking", "pause", "If it is worse, all goes back to v1."),
        ("canary_baking", "abort", "All traffic of api in prod / mesh-demo goes back to v1, at once."),
    ],
)
def test_each_button_says_what_follows(name: str, verb: str, said: str) -> None:
    """Before a press acts, the question says what will be with which weights, and in whose name."""
    assert said in question(name, verb)
    assert question(name, verb).endswith("The card names you.")


def test_skipping_the_last_bake_completes() -> None:
    """At the last step the question says that the canary is complete then."""
    last = canary(rolled(*SECOND, H.SKIP, H.CONFIRM, H.MOVED, H.RIPE, H.MOVED), QUARTER)
    asked = buttons_of(card(last))["meshbot.skip"]["confirm"]["text"]["text"]
    assert "the canary of api in prod / mesh-demo is complete, with v2 at 100 %." in asked


def test_danger_and_the_way_forward_look_different() -> None:
    """Abort is red, Confirm is green, the rest is neither."""
    styles = {action: button.get("style") for action, button in buttons_of(card(ROLLOUTS["canary_confirming"])).items()}
    assert styles == {"meshbot.confirm": "primary", "meshbot.pause": None, "meshbot.abort": "danger"}


def test_a_broken_rollout_has_no_buttons() -> None:
    """An operation that is done takes no word any more, whatever its rollout says."""
    assert pressable(replace(ROLLOUTS["canary_baking"], state=State.FAILED)) == []


def test_long_names_still_fit_the_question() -> None:
    """With names as long as Kubernetes allows, every question is whole and short enough for Slack."""
    long = "x" * 63
    for name in ("canary_baking", "canary_held_blind", "canary_confirming"):
        base = ROLLOUTS[name]
        assert base.rollout
        target = replace(base.target, service=long, namespace=long, cluster=long)
        drawn = card(replace(base, target=target, command=replace(base.command, version=long)))
        assert_accepted(drawn)
        for button in buttons_of(drawn).values():
            assert button["confirm"]["text"]["text"].endswith("The card names you.")


def test_typed_choices_of_steering_ask_first() -> None:
    """A steering command offered as a choice asks before it acts and says about what."""
    for verb in STEERING:
        (button,) = offer((f"/mesh {verb} api",), asked=Command(verb=Verb.STATUS, service="web")).buttons
        assert button.confirm
        assert button.confirm.title.endswith("the canary of api?")
        assert button.confirm.text.endswith("The card names you.")


def test_nothing_promises_an_unknown_stable() -> None:
    """Where nobody knows the stable arm, no Roll back is offered after the end."""
    done = ROLLOUTS["canary_completed"]
    assert done.plan
    assert pressable(replace(done, plan=replace(done.plan, stable=""))) == []
    strategy = Strategy((RolloutStep(100),))
    assert pressable(replace(done, rollout=replace(rolled(), strategy=strategy), plan=BACK, state=State.RUNNING)) == [
        "Pause",
        "Abort",
    ]
