"""Votes on every way in: one command, one delivery, and only on the card that asks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from bot import arrival
from chat.memory import FixedDirectory
from mesh.domain.approvals import Approval, Demand, Voter, with_vote
from mesh.domain.catalog import Catalog
from mesh.domain.commands import Verb
from mesh.domain.operations import Card, Event, Operation, State, Step
from mesh.domain.policy import Actor, Policy, Role
from playground.slack.blocks import check_view
from tests.bot.bench import Bench
from tests.bot.senders import Back, Mail, button, event, home_opened, reason_given, slash, view_button

ANA = {"id": "U0ANA", "team_id": "T0MESH"}
WAYS = ["slash", "mention", "button", "home"]
CARD = Card("C0PROD", "1.1")
MIRROR = Card("C0APPROVE", "2.2")


def asking(bench: Bench, card: Card | None = CARD) -> Operation:
    """Receive a change, and bring it to where it waits for one of the SREs; its card is message 1.1 in C0PROD."""
    bench.send(slash("promote api 50", user_id="U0JIN"))
    operation = bench.started[0]
    running = bench.operations.commit(operation.move(State.RUNNING, Event(Step.CHECKING, 1.0)))
    now = bench.desk.time.now()
    approval = Approval("hash", "uid", 50.0, (Demand("one", 1, ("S0SRE",)),), now, now + 900)
    places: dict[str, object] = {"approval": approval, "card": card, "mirror": MIRROR}
    return bench.operations.commit(running.move(State.WAITING, Event(Step.ASKED, now), **places))


def votes(bench: Bench) -> list[Operation]:
    """Every vote that was written."""
    return [one for one in bench.started if one.command.votes]


def ways(operation: Operation, verb: str) -> dict[str, Mail]:
    """One vote of Ana's by each way in."""
    return {
        "slash": slash(f"{verb} {operation.id}", user_id="U0ANA"),
        "mention": event(f"<@UMESHBOT> {verb} {operation.id}", event={"user": "U0ANA"}),
        "button": button(f"meshbot.{verb}", operation.id, user=ANA),
        "home": view_button(f"meshbot.{verb}", operation.id, view={"type": "home"}, user=ANA),
    }


def cast(bench: Bench, mail: Mail, operation: Operation) -> Back:
    """Send a vote; where it is a press that is asked why, say so."""
    back = bench.send(mail)
    if bench.screens.opened:
        [(_, view)] = bench.screens.opened
        check_view(view, kind="modal")
        kept = {"private_metadata": view["private_metadata"]}
        return bench.send(reason_given(operation.id, "not during *the sale*", user=ANA, view=kept))
    return back


@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize("way", WAYS)
def test_a_vote_is_one_command_on_every_way_in(way: str, verb: str) -> None:
    """The voter is the actor, the target is that of what is voted on; a pressed Deny becomes one with its reason."""
    bench = Bench()
    operation = asking(bench)
    assert cast(bench, ways(operation, verb)[way], operation).status == 200
    (vote,) = votes(bench)
    assert (vote.command.verb, vote.command.operation, vote.actor.user) == (Verb(verb), operation.id, "U0ANA")
    asked = verb == "deny" and way in ("button", "home")
    assert (vote.target, vote.origin.way) == (operation.target, "modal" if asked else way)
    assert vote.command.reason == ("not during *the sale*" if asked else "")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_threat_7_and_9_who_may_not_vote_is_turned_away_on_every_way_in(way: str, verb: str) -> None:
    """Somebody of no group, and somebody who is no full member: words, an audit entry, no vote."""
    for directory in (FixedDirectory({}), FixedDirectory({"S0SRE": {"U0ANA"}}, gone=frozenset({"U0ANA"}))):
        bench = Bench()
        operation = asking(bench)
        bench = Bench(operations=bench.operations, directory=directory)
        back = bench.send(ways(operation, verb)[way])
        assert (votes(bench), bench.screens.opened) == ([], [])
        assert "Not allowed" in (back.text if way == "slash" else bench.told[0])
        assert [entry.facts["step"] for entry in bench.operations.log.entries()][-1] == "denied"


def test_threat_4_one_press_on_three_bots_is_one_vote() -> None:
    """The same delivery, also after a restart: the first one's vote is given back."""
    first = Bench()
    operation = asking(first)
    press = button("meshbot.approve", operation.id, user=ANA)
    for bench in (first, Bench(operations=first.operations), Bench(operations=first.operations)):
        bench.send(press)
        bench.send(press)
    assert len(votes(first)) == 1


@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize("way", WAYS)
def test_a_vote_that_comes_too_late_is_on_record(way: str, verb: str) -> None:
    """Who votes on what is decided is told so, and the audit log keeps that they did."""
    bench = Bench()
    operation = asking(bench)
    bench.operations._stored[operation.id] = operation.move(State.EXPIRED, Event(Step.EXPIRED, 2.0))
    bench.send(ways(operation, verb)[way])
    assert (votes(bench), bench.screens.opened) == ([], [])
    entry = list(bench.operations.log.entries())[-1].facts
    assert (entry["step"], entry["actor"]) == ("denied", "U0ANA")
    assert entry["command"].startswith(f"{verb} {operation.id}")


@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize(("channel", "ts"), [("C0OTHER", "1.1"), ("C0PROD", "9.9"), ("C0APPROVE", "1.1")])
def test_threat_4_a_press_anywhere_but_on_the_card_is_no_vote(channel: str, ts: str, verb: str) -> None:
    """Another channel, another message, and one place's channel with the other one's message."""
    bench = Bench()
    operation = asking(bench)
    container = {"type": "message", "message_ts": ts, "channel_id": channel}
    bench.send(button(f"meshbot.{verb}", operation.id, user=ANA, container=container))
    assert (votes(bench), bench.screens.opened) == ([], [])
    assert "not on the card" in bench.told[0]
    entry = list(bench.operations.log.entries())[-1].facts
    assert (entry["step"], entry["actor"]) == ("denied", "U0ANA")
    assert entry["command"].startswith(f"{verb} {operation.id}")


def test_threat_4_a_card_whose_message_is_not_known_yet_is_in_its_channel() -> None:
    """The press may come before the place is on record; from anywhere else it is no vote all the same."""
    bench = Bench()
    operation = asking(bench, card=None)
    for channel in ("C0OTHER", "C0PROD"):
        container = {"type": "message", "message_ts": "9.9", "channel_id": channel}
        bench.send(button("meshbot.approve", operation.id, user=ANA, container=container))
    assert [vote.origin.channel for vote in votes(bench)] == ["C0PROD"]


def test_the_second_place_of_a_card_counts_as_well() -> None:
    """Where approval is asked for."""
    bench = Bench()
    operation = asking(bench)
    container = {"type": "message", "message_ts": MIRROR.ts, "channel_id": MIRROR.channel}
    bench.send(button("meshbot.approve", operation.id, user=ANA, container=container))
    assert len(votes(bench)) == 1


@pytest.mark.parametrize("value", ["", "op-unknown234", "'; DROP", "approve op-a", "x" * 2000])
def test_a_tampered_vote_starts_nothing(value: str) -> None:
    """A value that names no operation is refused in words."""
    bench = Bench()
    bench.send(button("meshbot.approve", value, user=ANA))
    assert (bench.started, len(bench.told)) == ([], 1)


def test_threat_4_who_presses_too_late_is_told_by_whom_it_was_decided() -> None:
    """At once, in the answer to the press."""
    bench = Bench()
    operation = asking(bench)
    denied = Event(Step.VOTED_DOWN, 1.0, "no", "U0LEE")
    bench.operations.commit(bench.operations.get(operation.id).move(State.REFUSED, denied))
    bench.send(button("meshbot.approve", operation.id, user=ANA))
    assert votes(bench) == []
    assert "<@U0LEE>" in str(bench.notes.sent[0][1].blocks)


# --- denying by button asks why --------------------------------------------------------------------------------------


def test_threat_4_a_reason_sent_off_twice_counts_once() -> None:
    """The same form, sent again by Slack or by two fingers, is one vote; also on another replica."""
    bench = Bench()
    operation = asking(bench)
    mail = reason_given(operation.id, "no", user=ANA)
    backs = [one.send(mail) for one in (bench, bench, Bench(operations=bench.operations))]
    (vote,) = votes(bench)
    assert all(vote.id in back.text for back in backs)


def test_threat_4_what_was_decided_while_somebody_wrote_is_told_in_the_form() -> None:
    """With by whom, and nothing is written."""
    bench = Bench()
    operation = asking(bench)
    denied = Event(Step.VOTED_DOWN, 1.0, "no", "U0LEE")
    bench.operations.commit(bench.operations.get(operation.id).move(State.REFUSED, denied))
    back = bench.send(reason_given(operation.id, "too late", user=ANA))
    assert back.json["response_action"] == "update"
    check_view(back.json["view"], kind="modal")
    assert "was decided before" in back.text
    assert "U0LEE" in back.text
    assert votes(bench) == []


@pytest.mark.parametrize("asked", ["groups", "active"])
def test_threat_16_a_reason_that_took_too_long_to_be_heard_denies_nothing(
    asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When asking Slack who somebody is took too long, the form says so, and no vote is written after it, only that."""
    bench = Bench()
    operation = asking(bench)
    inner, before = getattr(bench.directory, asked), len(list(bench.operations.log.entries()))

    def slow(*arguments: Any) -> Any:
        monkeypatch.setattr(arrival, "LATEST_S", -1.0)  # time passes
        return inner(*arguments)

    setattr(bench.directory, asked, slow)
    back = bench.send(reason_given(operation.id, "no", user=ANA))
    assert back.json["response_action"] == "update"
    assert "too long" in back.text
    assert votes(bench) == []
    assert [str(entry.facts["text"])[:24] for entry in list(bench.operations.log.entries())[before:]] == [
        "came to nothing (late): "
    ]
    assert bench.operations.get(operation.id).state is State.WAITING


def test_a_press_on_what_is_decided_asks_nobody_why() -> None:
    """Also whoever decided it: a second press is told what became of it."""
    bench = Bench()
    operation = asking(bench)
    denied = Event(Step.VOTED_DOWN, 1.0, "no", "U0ANA")
    bench.operations.commit(bench.operations.get(operation.id).move(State.REFUSED, denied))
    bench.send(button("meshbot.deny", operation.id, user=ANA))
    assert bench.screens.opened == []
    assert "was decided before" in bench.told[0]


@pytest.mark.parametrize("reason", ["", "   \n ", None, 5, ["x"], "x" * 301, "a\u0007b"])
def test_a_denial_needs_a_reason_that_can_be_read(reason: object) -> None:
    """What is missing, too long or hidden stands beside the field; nothing is counted and nothing typed is lost."""
    bench = Bench()
    operation = asking(bench)
    back = bench.send(reason_given(operation.id, reason, user=ANA))
    assert list(back.json["errors"]) == ["reason"]
    assert votes(bench) == []


def test_a_reason_of_several_lines_is_one_sentence() -> None:
    """Quotes and dashes, also the curved ones of a phone, are the person's own: none of them becomes an option."""
    bench = Bench()
    operation = asking(bench)
    bench.send(reason_given(operation.id, 'it\'s "off"\n\n--force me, it’s ’ --dry-run ’', user=ANA))
    (vote,) = votes(bench)
    reason = "it's \"off\" --force me, it's ' --dry-run '"
    assert (vote.command.reason, vote.command.dry_run) == (reason, False)


@pytest.mark.parametrize("kept", ["", "[]", "no json", "{}", '{"operation": "op-unknown234"}', '{"operation": 5}'])
def test_threat_19_what_the_form_is_about_is_a_claim(kept: str) -> None:
    """A form that names no change of ours denies none."""
    bench = Bench()
    asking(bench)
    back = bench.send(reason_given("", "no", user=ANA, view={"private_metadata": kept}))
    assert back.json["response_action"] == "update"
    assert votes(bench) == []


def test_whoever_sends_the_form_off_is_who_votes() -> None:
    """A form that somebody else opened gives no right."""
    bench = Bench()
    operation = asking(bench)
    lee = {"id": "U0LEE", "team_id": "T0MESH"}
    back = bench.send(reason_given(operation.id, "no", user=lee))
    assert "Not allowed" in back.text
    assert votes(bench) == []
    assert [entry.facts["step"] for entry in bench.operations.log.entries()][-1] == "denied"


def test_a_form_that_does_not_open_is_told_with_what_to_type() -> None:
    """The trigger lasts 3 s: after that the person alone reads the command that does the same."""
    bench = Bench()
    operation = asking(bench)
    expired = {"error": "expired_trigger_id"}
    bench.screens.fails = SlackApiError("no", expired)  # type: ignore[no-untyped-call]  # slack_sdk leaves it untyped
    bench.send(button("meshbot.deny", operation.id, user=ANA))
    assert "expired_trigger_id" in bench.told[0]
    assert f"/mesh deny {operation.id} --reason why" in bench.told[0]
    assert votes(bench) == []


# --- the App Home ----------------------------------------------------------------------------------------------------


def test_what_waits_for_my_vote_has_its_buttons_on_my_home() -> None:
    """With the question of the card; once I have voted they are gone, and who may not vote never sees them."""
    bench = Bench()
    operation = asking(bench)
    bench.send(home_opened(event={"user": "U0ANA"}))
    assert home_buttons(bench) == {"meshbot.approve": operation.id, "meshbot.deny": operation.id}
    bench.send(home_opened(event={"user": "U0JIN"}))
    assert home_buttons(bench) == {}
    bench.send(view_button("meshbot.approve", operation.id, view={"type": "home"}, user=ANA))
    waiting = bench.operations.get(operation.id)
    assert waiting.approval
    ana = Voter(Actor("U0ANA", "T0MESH"), "U0ANA", active=True, groups=frozenset({"S0SRE"}))
    counted = with_vote(replace(waiting.approval, demands=(Demand("one", 2, ("S0SRE",)),)), ana, "op-vote222222", 1.0)
    bench.operations.commit(waiting.move(State.WAITING, Event(Step.VOTED, 1.0, by="U0ANA"), approval=counted))
    bench.send(home_opened(event={"user": "U0ANA"}))
    assert home_buttons(bench) == {}


def test_a_vote_on_the_home_draws_it_again() -> None:
    """Whoever looks at it sees what came of it; the answer itself is a direct message."""
    bench = Bench()
    operation = asking(bench)
    bench.send(home_opened(event={"user": "U0ANA"}))
    for mail in (
        view_button("meshbot.approve", operation.id, view={"type": "home"}, user=ANA),
        reason_given(operation.id, "no", user=ANA),
    ):
        drawn = len(bench.screens.published)
        bench.send(mail)
        assert [who for who, _ in bench.screens.published[drawn:]] == ["U0ANA"]
    assert bench.notes.sent[0][0].origin.channel == "U0ANA"


@pytest.mark.parametrize("answered", [False, True])
def test_a_vote_on_a_home_that_another_process_drew_draws_it_again(answered: bool) -> None:
    """Replicas do not tell each other who looks at what; whoever hears the press knows."""
    bench = Bench()
    operation = asking(bench)
    kept = json.dumps({"channel": "U0ANA", "thread": "", "operation": operation.id})
    pressed = view_button("meshbot.approve", operation.id, view={"type": "home"}, user=ANA)
    sent_off = reason_given(operation.id, "no", user=ANA, view={"private_metadata": kept})
    bench.send(sent_off if answered else pressed)
    assert [who for who, _ in bench.screens.published] == ["U0ANA"]


def test_who_has_something_to_vote_on_is_not_told_that_there_is_nothing_to_do() -> None:
    """To vote takes no role; without anything to vote on, the Home says what it always says."""
    bench = Bench(catalog=Catalog(policy=Policy((Role("sre", users=("U0JIN",), verbs=("*",)),))))
    asking(bench)
    bench.send(home_opened(event={"user": "U0ANA"}))
    shown = str(bench.screens.published[-1][1])
    assert "change nothing" not in shown
    assert "To vote takes no role" in shown
    bench.send(home_opened(event={"user": "U0LEE"}))
    assert "change nothing" in str(bench.screens.published[-1][1])


def home_buttons(bench: Bench) -> dict[str, str]:
    """The vote buttons of the Home that was drawn last, which Slack would take."""
    _, view = bench.screens.published[-1]
    check_view(view, kind="home")
    pressed = [element for block in view["blocks"] if block["type"] == "actions" for element in block["elements"]]
    return {
        one["action_id"]: one["value"] for one in pressed if one["action_id"] in ("meshbot.approve", "meshbot.deny")
    }


def test_an_old_mention_votes_for_nothing() -> None:
    """Slack sends an event again for hours; by then nobody expects it to count."""
    bench = Bench()
    operation = asking(bench)
    bench.send(event(f"<@UMESHBOT> approve {operation.id}", event={"user": "U0ANA"}, event_time=1))
    assert votes(bench) == []


def test_approvals_lists_what_waits() -> None:
    """In the acknowledgement; Ana is told that she may."""
    bench = Bench()
    operation = asking(bench)
    assert f"/mesh approve {operation.id}" in bench.send(slash("approvals", user_id="U0ANA")).text
    theirs = bench.send(slash("approvals", user_id="U0JIN")).text
    assert operation.id in theirs
    assert "/mesh approve" not in theirs
