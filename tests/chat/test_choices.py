"""Choices as buttons: what each says, what it runs, and what stays text."""

from __future__ import annotations

import pytest

from chat.answers import error_answer
from chat.cards import card
from chat.choices import CHOICES, MOST_BUTTONS, Offer, offer
from chat.confirming import _CONSEQUENCES, NAMES, confirm_command
from mesh.domain.choices import about, parted
from mesh.domain.commands import CHANGING, Command, Target, Verb
from mesh.domain.errors import Refused
from mesh.domain.grammar import parse
from tests.chat.checking import assert_accepted, assert_inert, buttons_of
from tests.chat.rolling import ROLLOUTS
from tests.chat.samples import SAMPLES
from tests.chat.test_cards import HOSTILE

API = Target("prod", "mesh-demo", "api")
PROMOTE = parse("promote api 50")


def labels(offered: Offer) -> list[str]:
    """Return what the buttons show."""
    return [button.label for button in offered.buttons]


@pytest.mark.parametrize(
    ("choices", "shown"),
    [
        (("/mesh promote api v1 50", "/mesh promote api v2 50"), ["v1", "v2"]),
        (("/mesh promote api v2 50", "/mesh rollback api"), ["Promote", "Roll back"]),
        (("/mesh rollback api",), ["Roll back"]),
        (("/mesh rollback api to v1", "/mesh rollback api to v2"), ["All to v1", "All to v2"]),
        (("/mesh set api v1=100 v2=0", "/mesh rollback api to v2"), ["All to v1", "All to v2"]),
        (("/mesh promote api v2 50",), ["promote api v2 50"]),
        (
            ("/mesh promote api 50 -r VirtualService/a/http[0]", "/mesh promote api 50 -r VirtualService/a/http[1]"),
            ["http[0]", "http[1]"],
        ),
        (
            ("/mesh promote api 50 -r HTTPRoute/a", "/mesh promote api 50 -r VirtualService/a/'http prefix:/x/y'"),
            ["HTTPRoute/a", "VirtualService/a/http prefix:/x/y"],
        ),
        (
            ("/mesh promote api 50 -r V/a/'http prefix:/x/y'", "/mesh promote api 50 -r V/a/'http prefix:/x/z'"),
            ["http prefix:/x/y", "http prefix:/x/z"],
        ),
        (("/mesh set api v1=100 v2=0", "/mesh set api v1=0 v2=100"), ["All to v1", "All to v2"]),
        (("/mesh set api v1=1 v2=0m", "/mesh set api v1=500m v2=500m"), ["All to v1", "v1=500m v2=500m"]),
    ],
)
def test_a_label_says_what_differs(choices: tuple[str, ...], shown: list[str]) -> None:
    """A button shows the one thing in which the choices differ, or the command where that is no one thing."""
    assert labels(offer(choices, asked=PROMOTE)) == shown


def test_a_button_runs_exactly_its_choice() -> None:
    """The value reads back to the very command, force and reason included; screen readers hear label and command."""
    choice = "/mesh promote api v2 50 -n shop -c east --force --reason 'customer is down'"
    (button, _) = offer((choice, "/mesh rollback api")).buttons
    assert parse(button.value) == parse(choice)
    assert button.spoken.startswith("Promote: /mesh promote api v2 50")


def test_a_word_to_a_rollout_carries_what_it_is_about_and_shows_only_itself() -> None:
    """The value names rollout, step and stop; people see, and type, the command alone."""
    choice = about("/mesh resume api", "op-k3v9x2m4ta/1/1796037066000")
    (button,) = offer((choice,), target=API).buttons
    assert parted(button.value) == ("/mesh resume api", "op-k3v9x2m4ta/1/1796037066000")
    assert (button.label, button.spoken) == ("resume api", "resume api: /mesh resume api")
    many = [about(f"/mesh resume a{number}", "op-k3v9x2m4ta/1/1796037066000") for number in range(MOST_BUTTONS + 1)]
    assert offer(many).lines[-1].text == f"• `/mesh resume a{MOST_BUTTONS}`"


@pytest.mark.parametrize(
    "choice", ["/mesh promote api 50 --reason 'op-k3v9x2m4ta/1/2 /mesh'", "kubectl x", "op-k3v9x2m4ta", ""]
)
def test_what_is_about_nothing_is_left_as_it_is(choice: str) -> None:
    """Names, other tools' commands, and commands whose reason looks like it are whole."""
    assert parted(choice) == (choice, "")


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("/mesh promote api v2 50", "This gives v2 50 % of api, if the gates pass, in prod / mesh-demo."),
        ("/mesh promote api 50 -n shop -c east", "gives the canary 50 % of api, if the gates pass, in east / shop."),
        ("/mesh set api v1=900m v2=100m", "This writes v1=900m v2=100m for api, if the gates pass,"),
        ("/mesh rollback api -r http[1]", "to stable, at once and without gates, in prod / mesh-demo, route http[1]."),
        ("/mesh rollback api to v1", "This sends all traffic of api to v1, at once and without gates, in prod"),
        ("/mesh undo op-k3v9x2m4ta", "from before op-k3v9x2m4ta, if the gates pass,"),
        ("/mesh undo api", "from before the last change of api"),
        ("/mesh adopt api", "This takes the weights as they are of api for meshbot's own"),
        ("/mesh canary api v2 5,25,100", "This gives v2 more and more of api, by 5, 25, 100 %, watched all the time,"),
        ("/mesh canary api", "This gives the canary more and more of api, by the steps of its strategy,"),
        ("/mesh abort api", "All traffic of api goes back to stable, at once, in prod / mesh-demo."),
        ("/mesh reapply api", "This writes meshbot's last weights for api again"),
        (
            "/mesh set api v1=1 v2=1 --force --reason 'we know'",
            "FORCED, even if a gate does not pass. Reason: we know.",
        ),
    ],
)
def test_a_change_is_asked_about_first(choice: str, said: str) -> None:
    """Before anything is changed the dialog says what will be done, where, past which gates, and in whose name."""
    (button,) = offer((choice,), target=API).buttons
    assert button.confirm
    assert said in button.confirm.text
    assert button.confirm.text.endswith("The card names you.")
    assert len(button.confirm.text) <= 300


def test_every_verb_has_a_name_and_every_change_a_question() -> None:
    """A verb that is forgotten in a table would keep a card from being drawn."""
    assert set(NAMES) == set(Verb) - {Verb.PLAN}
    assert set(_CONSEQUENCES) == CHANGING


@pytest.mark.parametrize(
    ("choice", "asked", "said"),
    [
        (
            "/mesh unfreeze op-k3v9x2m4ta",
            "Unfreeze op-k3v9x2m4ta?",
            "This lifts the freeze of op-k3v9x2m4ta, for everybody.",
        ),
        ("/mesh unfreeze all", "Unfreeze everything?", "This lifts the freeze of everything, for everybody."),
        (
            "/mesh freeze -n shop --reason x",
            "Freeze namespace shop?",
            "Nothing of namespace shop is given more traffic then.",
        ),
        (
            "/mesh freeze api --reason x",
            "Freeze api?",
            "Nothing of api is given more traffic then, in prod / mesh-demo.",
        ),
    ],
)
def test_a_freeze_is_asked_about_by_what_it_is_about(choice: str, asked: str, said: str) -> None:
    """Its scope, and a place only where that is not the scope itself."""
    confirm = confirm_command(parse(choice), API)
    assert confirm is not None
    assert confirm.title == asked
    assert confirm.text.startswith(said)


def test_without_a_known_place_none_is_claimed() -> None:
    """An answer to words that were not understood does not know where they would act."""
    (button,) = offer(("/mesh rollback api",)).buttons
    assert button.confirm
    assert button.confirm.text.startswith("This sends all traffic of api to stable, at once and without gates. ")


@pytest.mark.parametrize("choice", ["/mesh status api", "/mesh gates api", "/mesh plan promote api 50", "/mesh help"])
def test_reading_asks_nothing(choice: str) -> None:
    """A choice that changes nothing needs no question."""
    (button,) = offer((choice,)).buttons
    assert (button.confirm, button.style) == (None, "")


@pytest.mark.parametrize(
    "choice", ["api", "kubectl argo rollouts promote api", "/mesh promote", "/mesh nosuch", "/mes"]
)
def test_what_cannot_be_run_stays_text(choice: str) -> None:
    """Names, other tools' commands and commands that are not complete are code to copy."""
    offered = offer((choice,))
    assert offered.buttons == ()
    assert [line.text for line in offered.lines] == [f"• `{choice}`"]


def test_five_buttons_and_the_rest_to_type() -> None:
    """The sixth choice is text, said to be more than the buttons; each button has an id of its own."""
    offered = offer(tuple(f"/mesh promote api v{number} 50" for number in range(7)))
    assert labels(offered) == ["v0", "v1", "v2", "v3", "v4"]
    assert [button.action_id for button in offered.buttons] == list(CHOICES[:MOST_BUTTONS])
    assert [line.text for line in offered.lines] == [
        "… and 2 more, to type:",
        "• `/mesh promote api v5 50`",
        "• `/mesh promote api v6 50`",
    ]


def test_a_choice_given_twice_is_one_button() -> None:
    """Slack is offered each command once."""
    assert labels(offer(("/mesh rollback api", "/mesh rollback api"))) == ["rollback api"]


def test_long_choices_leave_room_for_the_card() -> None:
    """Commands as long as can be typed become as many buttons as fit; no button holds a torn command."""
    choices = tuple(f"/mesh promote api v{number} 50 --force --reason '{'“' * 900}'" for number in range(5))
    offered = offer(choices)
    assert 0 < len(offered.buttons) < MOST_BUTTONS
    assert [parse(button.value) for button in offered.buttons] == [parse(c) for c in choices[: len(offered.buttons)]]


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_threat_3_hostile_words_in_choices(word: str) -> None:
    """Whatever a choice holds, the answer is accepted and inert, and what is pressed is what was offered."""
    choices = (f"/mesh promote api 50 --reason '{word}'", f"/mesh status {word}", f"/mesh {word}", word)
    assert_accepted(error_answer(Refused("No.", choices=choices)))
    assert_inert(error_answer(Refused("No.", choices=choices)))
    for button in offer(choices).buttons:
        assert button.value.isprintable()
        assert parse(button.value) in [parse(choices[0]), Command(verb=Verb.STATUS, service=word)]


def test_what_sends_traffic_back_is_red() -> None:
    """Roll back and abort look like what they are; the rest does not."""
    styles = {verb: offer((f"/mesh {verb} api",)).buttons[0].style for verb in ("rollback", "abort", "pause", "skip")}
    assert styles == {"rollback": "danger", "abort": "danger", "pause": "", "skip": ""}


def test_every_button_of_every_card_can_be_pressed() -> None:
    """On every sample card the commands on buttons are ones the grammar reads."""
    found = [
        button["value"]
        for sample in (SAMPLES | ROLLOUTS).values()
        for button in buttons_of(card(sample)).values()
        if button["action_id"] in CHOICES
    ]
    assert len(found) > 15
    for value in found:
        assert parse(value)
