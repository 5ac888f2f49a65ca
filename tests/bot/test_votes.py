"""Votes on every way in: one command, one delivery, and only on the card that asks."""

from __future__ import annotations

import pytest

from chat.memory import FixedDirectory
from mesh.domain.approvals import Approval, Demand
from mesh.domain.commands import Verb
from mesh.domain.operations import Card, Event, Operation, State, Step
from tests.bot.bench import Bench
from tests.bot.senders import Mail, button, event, slash

ANA = {"id": "U0ANA", "team_id": "T0MESH"}
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
    }


@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize("way", ["slash", "mention", "button"])
def test_a_vote_is_one_command_on_every_way_in(way: str, verb: str) -> None:
    """The voter is the actor, the target is that of what is voted on."""
    bench = Bench()
    operation = asking(bench)
    assert bench.send(ways(operation, verb)[way]).status == 200
    (vote,) = votes(bench)
    assert (vote.command.verb, vote.command.operation, vote.actor.user) == (Verb(verb), operation.id, "U0ANA")
    assert (vote.target, vote.origin.way) == (operation.target, way)


@pytest.mark.parametrize("way", ["slash", "mention", "button"])
@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_threat_7_and_9_who_may_not_vote_is_turned_away_on_every_way_in(way: str, verb: str) -> None:
    """Somebody of no group, and somebody who is no full member: words, an audit entry, no vote."""
    for directory in (FixedDirectory({}), FixedDirectory({"S0SRE": {"U0ANA"}}, gone=frozenset({"U0ANA"}))):
        bench = Bench()
        operation = asking(bench)
        bench = Bench(operations=bench.operations, directory=directory)
        back = bench.send(ways(operation, verb)[way])
        assert votes(bench) == []
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


@pytest.mark.parametrize(("channel", "ts"), [("C0OTHER", "1.1"), ("C0PROD", "9.9"), ("C0APPROVE", "1.1")])
def test_threat_4_a_press_anywhere_but_on_the_card_is_no_vote(channel: str, ts: str) -> None:
    """Another channel, another message, and one place's channel with the other one's message."""
    bench = Bench()
    operation = asking(bench)
    container = {"type": "message", "message_ts": ts, "channel_id": channel}
    bench.send(button("meshbot.approve", operation.id, user=ANA, container=container))
    assert votes(bench) == []
    assert "not on the card" in bench.told[0]


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
