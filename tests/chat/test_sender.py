"""The sender against the stand-in Slack with its real limits: pace, refusals, kills and what nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from chat.blocks import MOST_JSON, message, section, size
from chat.calls import EVENT, SlackCalls
from chat.escape import esc
from chat.letters import REPEATED, Where
from chat.outcomes import MOST_REPETITIONS
from chat.paces import POST_BURST
from chat.places import card_key
from chat.sender import Sender
from mesh.domain.letters import Fate, Urgency
from mesh.domain.operations import Operation
from mesh.ports import Lease, Pace
from playground.serving import free_port
from playground.slack.world import default_world
from tests.chat.conftest import Slack, workspace
from tests.chat.posting import PostOffice
from tests.chat.samples import SAMPLES

CHECKING, VERIFYING, PROMOTED = SAMPLES["checking"], SAMPLES["verifying"], SAMPLES["promoted"]
BACK = replace(SAMPLES["rolled_back"], id="op-back000001")


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def office(slack: Slack) -> PostOffice:
    """Everything between an operation and Slack, which may be asked for its history."""
    return PostOffice(slack)


@pytest.fixture
def blind() -> Iterator[PostOffice]:
    """The same with the scopes of the app's manifest: no history."""
    world = default_world()
    scopes = tuple(scope for scope in world.bot.scopes if "history" not in scope or scope == "im:history")
    with workspace(replace(world, bot=replace(world.bot, scopes=scopes))) as slack:
        yield PostOffice(slack)


def numbered(operation: Operation, number: int) -> Operation:
    """Return the operation under another id."""
    return replace(operation, id=f"op-{number:010d}")


def said(text: str) -> Any:
    """Draw a plain message."""
    return message(esc(text), [section(esc(text))])


def seen(office: PostOffice, channel: str = "C0PROD") -> list[str]:
    """Return what a channel shows, as people read it."""
    return [office.slack.driver.render_text(one) for one in office.slack.driver.messages(channel)]


def refusals(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note every 429 that Slack answers from now on."""
    found: list[str] = []
    real: Callable[[SlackResponse], SlackResponse] = SlackResponse.validate

    def noting(self: SlackResponse) -> SlackResponse:
        if self.status_code == 429:
            found.append(self.api_url)
        return real(self)

    monkeypatch.setattr(SlackResponse, "validate", noting)
    return found


# --- pace ------------------------------------------------------------------------------------------------------------


def test_threat_22_two_hundred_commands_in_a_second(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their ends are all visible within the time that one message a second takes, without one refusal."""
    refused = refusals(office, monkeypatch)
    for number in range(200):
        office.cards.show(numbered(CHECKING, number))
        office.cards.show(numbered(PROMOTED, number))
        office.cards.announce(numbered(PROMOTED, number), f"{number} 0123456789abcdef")
    took = office.deliver(within_s=400)
    print(f"\n200 ends in one channel: visible after {took:.0f} s")  # noqa: T201 - the figure is what it is for
    assert refused == []
    assert took <= 200
    shown = office.slack.driver.messages("C0PROD")
    assert len(shown) == 200
    assert all("Verified" in office.slack.driver.render_text(one) for one in shown)
    assert [number for number in range(200) if f"#{number} 0123456789ab" in "\n".join(seen(office, "C0AUDIT"))] == list(
        range(200)
    )


def test_a_rollback_in_the_flood(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind 200 cards to be posted and as many to be edited, the end of a rollback is the next message."""
    refused = refusals(office, monkeypatch)
    placed = [office.show(numbered(CHECKING, number)) for number in range(20)]
    for number in range(20, 200):
        office.cards.show(numbered(CHECKING, number))
    for shown in placed:
        office.cards.show(replace(VERIFYING, id=shown.id, card=shown.card))
    office.deliver(within_s=30)
    office.cards.show(BACK)
    started = office.time.now()
    office.deliver(within_s=1.5)
    assert office.outbox.rows[card_key(BACK)].settled
    assert office.time.now() - started < 1.5
    assert refused == []


def test_edits_of_many_channels_share_one_pace(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """100 cards that are redrawn and redrawn are edited about 50 times a minute, each with its newest drawing."""
    refused = refusals(office, monkeypatch)
    placed = [office.show(numbered(CHECKING, number)) for number in range(100)]
    for text in ("a", "b", "c"):
        for shown in placed:
            office.posts.edit(card_key(shown), Where("C0PROD"), said(text), urgency=Urgency.PROGRESS)
    office.deliver(within_s=300)
    assert [one["text"] for one in office.slack.driver.messages("C0PROD")] == ["c"] * 100
    assert {len(one["edits"]) for one in office.slack.driver.transcript()} == {1}
    assert refused == []


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
def test_retry_after_is_kept_without_waiting(office: PostOffice, method: str) -> None:
    """What Slack refuses for 30 s is due again after 30 s; meanwhile nothing of the kind is asked; nobody sleeps."""
    shown = office.show(CHECKING)
    office.slack.driver.trouble("ratelimit", method=method, retry_after=30)
    office.cards.show(replace(PROMOTED, card=shown.card) if method == "chat.update" else numbered(PROMOTED, 2))
    assert office.sender.send("C0PROD") == 1
    assert office.sender.send("C0PROD") == 0
    assert office.outbox.lanes["C0PROD"] - office.time.now() == pytest.approx(30, abs=8)
    office.deliver(within_s=20)
    assert not any("Verified" in text for text in seen(office))
    office.deliver()
    assert "Verified" in seen(office)[-1]


def test_other_channels_do_not_wait(office: PostOffice) -> None:
    """A channel that Slack wants to be left alone holds up no other."""
    office.slack.driver.trouble("ratelimit", method="chat.postMessage", retry_after=60)
    office.cards.show(CHECKING)
    office.sender.send("C0PROD")
    office.posts.post("digest", Where("C0AUDIT"), said("good morning"))
    office.deliver(within_s=10)
    assert seen(office, "C0AUDIT") == ["good morning"]


def test_lines_of_a_channel_that_is_behind_are_joined(office: PostOffice) -> None:
    """Audit lines that wait share messages, each of them readable, all in order."""
    for number in range(25):
        office.cards.announce(numbered(PROMOTED, number), f"{number} 0123456789abcdef")
    office.deliver()
    lines = seen(office, "C0AUDIT")
    assert len(lines) == 3
    found = [part.split()[0] for part in "\n".join(lines).split("#")[1:]]
    assert found == [str(number) for number in range(25)]


def test_a_burst_and_then_one_a_second(office: PostOffice) -> None:
    """The first few messages come at once, more of them where somebody has to act."""
    for number in range(10):
        office.posts.post(f"call {number}", Where("C0PROD"), said("act"), urgency=Urgency.CALL)
    office.sender.send("C0PROD")
    assert len(seen(office)) == POST_BURST[Urgency.CALL]


# --- posts of other rooms --------------------------------------------------------------------------------------------


def test_a_post_is_said_once(office: PostOffice) -> None:
    """Whoever posts the same key again, before or after it was sent, posts nothing; an edit changes it in place."""
    for _ in range(2):
        office.posts.post("digest C0PROD 09:00", Where("C0PROD"), said("one"))
    office.deliver()
    assert office.posts.post("digest C0PROD 09:00", Where("C0PROD"), said("two"))
    office.posts.edit("incident 1", Where("C0PROD"), said("firing"))
    office.posts.post("incident 1 resolved", Where("C0PROD", under="incident 1", loud=True), said("resolved"))
    office.posts.edit("incident 1", Where("C0PROD"), said("over"))
    office.deliver()
    assert sorted(seen(office)) == ["one", "over", "resolved"]
    place = office.outbox.rows["incident 1"].ts
    assert [one["text"] for one in office.slack.driver.replies("C0PROD", place)] == ["over", "resolved"]


# --- what nobody knows -----------------------------------------------------------------------------------------------


def test_threat_17_taken_and_not_answered(office: PostOffice) -> None:
    """A post that Slack took without an answer is found again by its id, and then edited: there is one card."""
    office.slack.driver.trouble("accept_then_drop", method="chat.postMessage")
    shown = office.show(CHECKING)
    assert shown.card
    office.show(replace(PROMOTED, card=shown.card))
    (only,) = office.slack.driver.messages("C0PROD")
    assert only["ts"] == shown.card.ts
    assert "Verified" in office.slack.driver.render_text(only)


def test_not_taken_and_not_answered(office: PostOffice) -> None:
    """A post that never arrived is looked for, and then posted: there is one card."""
    office.slack.driver.trouble("disconnect", method="chat.postMessage")
    assert office.show(CHECKING).card
    assert len(seen(office)) == 1


def test_an_entry_without_an_answer(office: PostOffice) -> None:
    """A thread's entry is looked for in its thread, and told once."""
    shown = office.show(CHECKING)
    assert shown.card
    office.slack.driver.trouble("accept_then_drop", method="chat.postMessage")
    office.posts.post("entry", Where("C0PROD", under=card_key(CHECKING)), said("by the way"))
    office.deliver()
    assert len(office.slack.driver.replies("C0PROD", shown.card.ts)) == 2


def test_joined_lines_without_an_answer(office: PostOffice) -> None:
    """Lines that shared a message without an answer are found in it, each of them, and none is said twice."""
    for number in range(5):
        office.cards.announce(numbered(PROMOTED, number), f"{number} 0123456789abcdef")
    office.slack.driver.trouble("accept_then_drop", method="chat.postMessage")
    office.deliver()
    assert len(seen(office, "C0AUDIT")) == 1
    assert {row.fate for row in office.outbox.rows.values()} == {Fate.POSTED}


def test_joined_lines_that_did_not_arrive(office: PostOffice) -> None:
    """Lines whose common message never arrived are all said."""
    for number in range(5):
        office.cards.announce(numbered(PROMOTED, number), f"{number} 0123456789abcdef")
    office.slack.driver.trouble("disconnect", method="chat.postMessage")
    office.deliver()
    assert [text.count("#") for text in seen(office, "C0AUDIT")] == [1] * 5


def test_the_id_is_all_that_metadata_says(office: PostOffice) -> None:
    """Everybody in the workspace can read it, so it holds a random id and nothing of ours."""
    office.show(CHECKING)
    (found,) = office.slack.client.conversations_history(channel="C0PROD", include_all_metadata=True)["messages"]
    row = office.outbox.rows[card_key(CHECKING)]
    assert found["metadata"] == {"event_type": EVENT, "event_payload": {"key": row.client}}
    assert len(row.client) == 16


@pytest.mark.parametrize("trouble", ["accept_then_drop", "disconnect"])
def test_who_may_not_look(blind: PostOffice, trouble: str) -> None:
    """Without the scope a card is not repeated while it goes on; its end comes as a second one that says so."""
    blind.slack.driver.trouble(trouble, method="chat.postMessage")
    assert blind.show(CHECKING).card is None
    assert blind.show(VERIFYING).card is None
    there = 1 if trouble == "accept_then_drop" else 0
    assert len(seen(blind)) == there
    assert blind.show(PROMOTED).card
    assert len(seen(blind)) == there + 1
    assert "Verified" in seen(blind)[-1]
    assert REPEATED in seen(blind)[-1]


def test_who_may_not_look_repeats_what_must_be_known(blind: PostOffice) -> None:
    """Without the scope an end is said again, and says that it may be a repetition; nothing is lost."""
    blind.slack.driver.trouble("accept_then_drop", method="chat.postMessage")
    assert blind.show(PROMOTED).card
    assert [REPEATED in text for text in seen(blind)] == [False, True]


def test_who_may_not_look_does_not_repeat_for_ever(blind: PostOffice) -> None:
    """While no post gets an answer, an end is said a few times, later and later; then it is on record as unknown."""
    blind.slack.driver.trouble("accept_then_drop", method="chat.postMessage", times=50)
    blind.cards.show(PROMOTED)
    blind.deliver(within_s=600)
    assert len(seen(blind)) == 1 + MOST_REPETITIONS
    row = blind.outbox.rows[card_key(PROMOTED)]
    assert (row.fate, blind.lost) == (Fate.UNKNOWN, [row])
    assert blind.time.ahead > 30


def test_a_thread_brings_its_card(blind: PostOffice) -> None:
    """What must be told in the thread of a card that nobody knows of has the card posted anew."""
    blind.slack.driver.trouble("disconnect", method="chat.postMessage")
    blind.show(CHECKING)
    blind.posts.post("held", Where("C0PROD", under=card_key(CHECKING)), said("somebody must act"), urgency=Urgency.CALL)
    blind.deliver()
    row = blind.outbox.rows[card_key(CHECKING)]
    assert [one["text"] for one in blind.slack.driver.replies("C0PROD", row.ts)][1:] == ["somebody must act"]


# --- kills -----------------------------------------------------------------------------------------------------------


def dying(office: PostOffice, monkeypatch: pytest.MonkeyPatch, name: str, *, after: bool) -> None:
    """Let the process end before or after its next call of one method of the outbox or of Slack."""
    owner: Any = office.outbox if hasattr(office.outbox, name) else office.sender._calls
    real: Callable[..., Any] = getattr(owner, name)

    def die(*args: Any, **arguments: Any) -> Any:
        monkeypatch.setattr(owner, name, real)
        if after:
            real(*args, **arguments)
        raise Killed

    monkeypatch.setattr(owner, name, die)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", ["look", "begin", "post", "settle", "rest"])
def test_a_kill_while_posting(office: PostOffice, monkeypatch: pytest.MonkeyPatch, name: str, after: bool) -> None:
    """Killed before or after any step of a post, the next sender loses nothing and doubles nothing."""
    office.cards.show(PROMOTED)
    dying(office, monkeypatch, name, after=after)
    with pytest.raises(Killed):
        office.sender.send("C0PROD")
    office.sender = office.new_sender()
    office.deliver()
    assert len(seen(office)) == 1
    assert office.outbox.rows[card_key(PROMOTED)].settled


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", ["begin", "edit", "settle"])
def test_a_kill_while_editing(office: PostOffice, monkeypatch: pytest.MonkeyPatch, name: str, after: bool) -> None:
    """The same while it edits: the card is edited after all, and is one."""
    shown = office.show(CHECKING)
    office.cards.show(replace(PROMOTED, card=shown.card))
    dying(office, monkeypatch, name, after=after)
    with pytest.raises(Killed):
        office.sender.send("C0PROD")
    office.sender = office.new_sender()
    office.deliver()
    (only,) = seen(office)
    assert "Verified" in only


@pytest.mark.parametrize("after", [False, True])
def test_a_kill_between_joined_lines(office: PostOffice, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    """Killed while several lines are written down as sent, each of them is said once."""
    for number in range(3):
        office.cards.announce(numbered(PROMOTED, number), f"{number} 0123456789abcdef")
    real, count = office.outbox.begin, iter(range(10))

    def begin(*args: Any, **arguments: Any) -> Any:
        answer = real(*args, **arguments) if after else None
        if next(count) == 1:
            monkeypatch.setattr(office.outbox, "begin", real)
            raise Killed
        return answer or real(*args, **arguments)

    monkeypatch.setattr(office.outbox, "begin", begin)
    with pytest.raises(Killed):
        office.sender.send("C0AUDIT")
    office.deliver()
    text = "\n".join(seen(office, "C0AUDIT"))
    assert [text.count(f"#{number} ") for number in range(3)] == [1, 1, 1]


def test_one_sender_at_a_time(office: PostOffice) -> None:
    """While somebody sends from a lane, nobody else does."""
    office.cards.show(PROMOTED)
    with office.locks.hold("lane C0PROD", wait_s=0):
        assert office.sender.send("C0PROD") == 0
    assert seen(office) == []
    assert office.sender.send("C0PROD") == 1


def test_a_lost_lane(office: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lost the lane meanwhile sends nothing more."""
    office.cards.show(PROMOTED)
    real = office.outbox.begin

    def late(row: Any, lease: Lease, pace: Pace, *, now: float) -> Any:
        office.locks.take_away(lease.key)
        return real(row, lease, pace, now=now)

    monkeypatch.setattr(office.outbox, "begin", late)
    assert office.sender.send("C0PROD") == 0
    assert seen(office) == []


def test_slack_is_away(office: PostOffice) -> None:
    """With nobody listening it is tried later and later, and everything comes once Slack is back."""
    away = WebClient(token="xoxb-none", base_url=f"http://127.0.0.1:{free_port()}/api/", retry_handlers=[])
    office.sender = Sender(office.outbox, office.locks, SlackCalls(away), office.time)
    for number in range(3):
        office.cards.show(numbered(PROMOTED, number))
    office.deliver(within_s=60)
    failures = [row.failures for row in office.outbox.rows.values()]
    assert 3 <= max(failures) <= 10
    office.sender = office.new_sender()
    office.deliver()
    assert len(seen(office)) == 3


def test_a_long_card_that_may_be_a_repetition(blind: PostOffice) -> None:
    """The word about it has room beside a card that is as long as Slack takes."""
    long = message(esc("long"), [section(esc("x" * 2990)) for _ in range(4)])
    blind.slack.driver.trouble("accept_then_drop", method="chat.postMessage")
    blind.posts.post("long", Where("C0PROD"), long)
    blind.deliver()
    shown = blind.slack.driver.messages("C0PROD")[-1]
    assert len(shown["blocks"]) == len(long.blocks) + 1
    assert size(shown["blocks"]) <= MOST_JSON + 200  # Slack adds an id to each block
