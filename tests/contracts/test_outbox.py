"""What the outbox keeps, in Redis and in memory alike: rows, lanes, paces."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from mesh.domain.errors import Conflict, LostLease
from mesh.domain.letters import Fate, Letter, Row, Urgency
from mesh.domain.operations import Card
from mesh.ports import Lease, Pace
from store.connection import patient
from store.locks import RedisLocks
from store.memory import MemoryLocks
from store.memory_outbox import MemoryOutbox
from store.outbox import RedisOutbox

FREE = Pace("free", 0.0)
POST = Pace("post C1", 1.0, burst=3)


@dataclass
class SetTime:
    """A clock that stands."""

    at: float = 1_700_000_000.0

    def now(self) -> float:
        """Return it."""
        return self.at


@dataclass
class Kept:
    """One implementation, and the leases it believes in."""

    outbox: RedisOutbox | MemoryOutbox
    locks: RedisLocks | MemoryLocks
    time: SetTime
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def put(self, key: str = "", **changes: Any) -> Letter:
        """Put a letter, with a key of its own unless named, and return it."""
        letter = replace(Letter(key or f"key {next(self.numbers)}", "C1", "hello"), **changes)
        self.outbox.put(letter)
        return letter

    def waiting(self) -> list[str]:
        """Return the keys that wait, the next one first."""
        return [row.letter.key for row in self.outbox.look("C1", 100).rows]

    def row(self, key: str) -> Row:
        """Return a row that exists."""
        found = self.outbox.find(key)
        assert found is not None
        return found

    def send(self, key: str, *, ts: str = "1.5", pace: Pace = FREE) -> Row:
        """Send a row as the sender does, and return it as it is kept."""
        with self.locks.hold("lane C1", wait_s=0) as lease:
            assert lease
            begun, wait = self.outbox.begin(self.row(key), lease, pace, now=self.time.at)
            assert wait == 0
            self.outbox.settle(replace(begun, fate=Fate.POSTED, ts=ts, sent=begun.drawing))
        return self.row(key)


@pytest.fixture(params=["memory", "redis"])
def kept(request: pytest.FixtureRequest) -> Kept:
    """Each implementation in turn."""
    time = SetTime()
    if request.param == "memory":
        locks = MemoryLocks()
        return Kept(MemoryOutbox(time, locks=locks), locks, time)
    client = patient(request.getfixturevalue("redis_url"))
    return Kept(RedisOutbox(client, time), RedisLocks(client), time)


def test_a_letter_waits_until_it_is_sent(kept: Kept) -> None:
    """What is put waits in its channel's lane, which is due at once; what was sent does not, and its place is known."""
    letter = kept.put()
    assert (kept.waiting(), kept.outbox.due(kept.time.at)) == ([letter.key], ["C1"])
    sent = kept.send(letter.key)
    assert (sent.place, sent.fate, sent.sent, sent.settled) == (Card("C1", "1.5"), Fate.POSTED, 1, True)
    assert kept.waiting() == []
    assert kept.outbox.put(letter) == Card("C1", "1.5")
    kept.outbox.rest("C1", seen=kept.outbox.look("C1", 1).seen, due=None)
    assert kept.outbox.due(kept.time.at) == []


def test_only_the_newest_drawing_is_kept(kept: Kept) -> None:
    """However often a message is drawn before its turn, it waits once, with the newest one, where it first stood."""
    kept.put("card")
    kept.put("other")
    for number in range(5):
        kept.put("card", body=f"drawing {number}")
    assert kept.waiting() == ["card", "other"]
    assert (kept.row("card").letter.body, kept.row("card").drawing) == ("drawing 4", 6)


def test_the_same_again_changes_nothing(kept: Kept) -> None:
    """The same drawing is no edit."""
    letter = kept.put("card")
    kept.send("card")
    kept.outbox.put(replace(letter, urgency=Urgency.CALL))
    assert (kept.waiting(), kept.row("card").drawing) == ([], 1)


def test_an_older_drawing_is_left_out(kept: Kept) -> None:
    """A worker that was slow never puts an old drawing over a newer one."""
    kept.put("card", body="end", version=7)
    kept.put("card", body="begun", version=6)
    assert kept.row("card").letter.body == "end"
    kept.put("card", body="measured", version=7)
    assert kept.row("card").letter.body == "measured"


def test_what_says_the_same_is_newer_all_the_same(kept: Kept) -> None:
    """A drawing that changes no word bars those before it, and says how much it matters by now; nothing is sent."""
    kept.put("card", body="held", version=3, must=False)
    kept.send("card")
    kept.put("card", body="held", version=5, must=True, calls=2)
    kept.put("card", body="steps", version=4)
    letter = kept.row("card").letter
    assert (letter.body, letter.version, letter.must, letter.calls) == ("held", 5, True, 2)
    assert (kept.row("card").drawing, kept.waiting()) == (1, [])


def test_what_is_said_once_is_never_said_again(kept: Kept) -> None:
    """A key that is said once keeps its first words, waiting or sent."""
    kept.put("line", body="first", once=True)
    kept.put("line", body="second", once=True)
    kept.send("line")
    kept.put("line", body="third", once=True)
    assert (kept.waiting(), kept.row("line").letter.body) == ([], "first")


def test_who_goes_first(kept: Kept) -> None:
    """The most urgent go first, and of those the oldest; a drawing that is more urgent moves its message forward."""
    for urgency in (Urgency.PROGRESS, Urgency.STORY, Urgency.NEWS, Urgency.CALL, Urgency.NEWS):
        kept.put(urgency=urgency)
    assert kept.waiting() == ["key 4", "key 3", "key 5", "key 2", "key 1"]
    kept.put("key 1", body="end", urgency=Urgency.NEWS)
    kept.put("key 3", body="goes on", urgency=Urgency.PROGRESS)
    assert kept.waiting() == ["key 4", "key 3", "key 5", "key 1", "key 2"]


def test_a_thread_keeps_its_order(kept: Kept) -> None:
    """An urgent entry takes along what waits of its thread before it, and nothing of other threads."""
    for key, under in (("first", "card"), ("elsewhere", "other"), ("second", "card")):
        kept.put(key, under=under, urgency=Urgency.STORY, once=True)
    kept.send("first")
    kept.put("news")
    kept.put("third", under="card", urgency=Urgency.CALL, once=True)
    assert kept.waiting() == ["second", "third", "news", "elsewhere"]


def test_a_message_from_before(kept: Kept) -> None:
    """A message whose place is known before it has a row is edited there, not posted again."""
    kept.put("card", ts="9.1")
    row = kept.row("card")
    assert (row.fate, row.place, row.sent, row.settled) == (Fate.POSTED, Card("C1", "9.1"), 0, False)
    assert kept.waiting() == ["card"]


def test_a_message_to_a_person(kept: Kept) -> None:
    """It is where Slack put it, which has another name, for as long as it is edited; and waits in its lane as ever."""
    letter = kept.put("card", channel="U1")
    with kept.locks.hold("lane U1", wait_s=0) as lease:
        assert lease
        begun, _ = kept.outbox.begin(kept.row("card"), lease, FREE, now=kept.time.at)
        kept.outbox.settle(replace(begun, fate=Fate.POSTED, ts="1.5", posted_in="D1", sent=1))
    assert kept.outbox.put(replace(letter, body="later")) == Card("D1", "1.5")
    assert (kept.row("card").place, kept.row("card").channel) == (Card("D1", "1.5"), "D1")
    assert [row.letter.key for row in kept.outbox.look("U1", 9).rows] == ["card"]


def test_whom_alone_it_is_for_is_kept(kept: Kept) -> None:
    """A letter for one person is never read back as one for everybody."""
    letter = kept.put("voted op-1", alone="U1", asker="U1", answer_to="https://hooks.slack.com/x", once=True)
    assert kept.row("voted op-1").letter == letter


def test_a_drawing_that_comes_while_it_is_sent(kept: Kept) -> None:
    """What is drawn during the call is no part of it: it waits again, as urgent as it is itself."""
    kept.put("card")
    kept.put("line", urgency=Urgency.STORY)
    with kept.locks.hold("lane C1", wait_s=0) as lease:
        assert lease
        begun, _ = kept.outbox.begin(kept.row("card"), lease, FREE, now=kept.time.at)
        kept.put("card", body="later", urgency=Urgency.PROGRESS)
        kept.outbox.settle(replace(begun, fate=Fate.POSTED, ts="1.5", sent=begun.drawing))
    row = kept.row("card")
    assert (row.letter.body, row.sent, row.drawing, row.ts) == ("later", 1, 2, "1.5")
    assert kept.waiting() == ["line", "card"]


def test_what_was_posted_before_it_was_lost_is_edited(kept: Kept) -> None:
    """Drawn anew afterwards or meanwhile, or tried again: its message is touched before another one is made."""
    for key in ("afterwards", "meanwhile", "again"):
        kept.put(key)
        kept.send(key)
        kept.put(key, body="two")
        with kept.locks.hold("lane C1", wait_s=0) as lease:
            assert lease
            begun, _ = kept.outbox.begin(kept.row(key), lease, FREE, now=kept.time.at)
            if key == "meanwhile":
                kept.put(key, body="three")
            kept.outbox.settle(replace(begun, fate=Fate.LOST, told=2))
    assert (kept.row("afterwards").fate, kept.row("afterwards").told) == (Fate.LOST, 2)
    kept.put("afterwards", body="three")
    assert kept.outbox.revive("again", "C1")
    assert {(row.fate, row.ts) for row in kept.outbox.look("C1", 9).rows} == {(Fate.POSTED, "1.5")}
    assert sorted(kept.waiting()) == ["afterwards", "again", "meanwhile"]


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.UNKNOWN])
def test_a_new_drawing_of_what_was_lost_meanwhile(kept: Kept, fate: Fate) -> None:
    """What is drawn while its older drawing is being lost is sent all the same."""
    kept.put("card", must=False)
    with kept.locks.hold("lane C1", wait_s=0) as lease:
        assert lease
        begun, _ = kept.outbox.begin(kept.row("card"), lease, FREE, now=kept.time.at)
        kept.put("card", body="end")
        kept.outbox.settle(replace(begun, fate=fate))
    assert (kept.row("card").fate, kept.waiting()) == (Fate.WAITING, ["card"])


def test_what_was_lost_can_be_tried_again(kept: Kept) -> None:
    """By its key and channel, once; it keeps its urgency, and its failures are forgotten. Nothing else is touched."""
    kept.put("posted")
    kept.put("lost", urgency=Urgency.STORY)
    with kept.locks.hold("lane C1", wait_s=0) as lease:
        assert lease
        for key, fate in (("posted", Fate.POSTED), ("lost", Fate.LOST)):
            begun, _ = kept.outbox.begin(kept.row(key), lease, FREE, now=kept.time.at)
            kept.outbox.settle(replace(begun, fate=fate, failures=3, not_before=kept.time.at + 99, why="no entry"))
    kept.outbox.rest("C1", seen=kept.outbox.look("C1", 9).seen, due=None)
    assert [kept.outbox.revive(*one) for one in (("posted", "C1"), ("lost", "C2"), ("never", "C1"))] == [False] * 3
    assert (kept.waiting(), kept.outbox.due(kept.time.at)) == ([], [])
    assert [kept.outbox.revive("lost", "C1") for _ in range(2)] == [True, False]
    row = kept.row("lost")
    assert (row.fate, row.failures, row.not_before, row.why) == (Fate.WAITING, 0, 0.0, "")
    kept.put("urgent", urgency=Urgency.CALL)
    assert (kept.waiting(), kept.outbox.due(kept.time.at)) == (["urgent", "lost"], ["C1"])


def test_what_may_have_been_posted(kept: Kept) -> None:
    """A message whose outcome nobody knows waits for a drawing that must reach people; a lost one for any."""
    for fate, quiet in ((Fate.UNKNOWN, []), (Fate.LOST, ["lost"])):
        kept.put(fate, must=False)
        with kept.locks.hold("lane C1", wait_s=0) as lease:
            assert lease
            begun, _ = kept.outbox.begin(kept.row(fate), lease, FREE, now=kept.time.at)
            kept.outbox.settle(replace(begun, fate=fate))
        kept.put(fate, body="goes on", must=False)
        assert kept.waiting() == quiet
        kept.put(fate, body="goes on")
        assert kept.row(fate).fate is Fate.WAITING
        kept.send(fate)
    assert kept.waiting() == []


def test_one_try_at_a_time(kept: Kept) -> None:
    """Who lost the lane, or knows the row as it was before, sends nothing; and what they report late counts no more."""
    kept.put("card")
    known = kept.row("card")
    with kept.locks.hold("lane C1", wait_s=0) as lease:
        assert lease
        with pytest.raises(LostLease):
            kept.outbox.begin(known, Lease(lease.key, lease.token - 1), FREE, now=kept.time.at)
        first, _ = kept.outbox.begin(known, lease, FREE, now=kept.time.at)
        assert kept.row("card").fate is Fate.SENDING
        with pytest.raises(Conflict):
            kept.outbox.begin(known, lease, FREE, now=kept.time.at)
        second, _ = kept.outbox.begin(first, lease, FREE, now=kept.time.at)
        kept.outbox.settle(replace(second, fate=Fate.POSTED, ts="2.0", sent=1))
        kept.outbox.settle(replace(first, fate=Fate.LOST))
    assert (kept.row("card").fate, kept.row("card").ts) == (Fate.POSTED, "2.0")


def test_a_pace_is_kept(kept: Kept) -> None:
    """After a burst one a second is sent; who asks too early is told when to come, and nothing is written."""
    started = kept.time.at
    for _ in range(3):
        kept.send(kept.put().key, pace=POST)
    early = kept.put()
    with kept.locks.hold("lane C1", wait_s=0) as lease:
        assert lease
        same, wait = kept.outbox.begin(kept.row(early.key), lease, POST, now=started)
        assert same == kept.row(early.key)
        assert wait == pytest.approx(started + 1)
        # The most urgent may go on a little longer.
        assert kept.outbox.begin(kept.row(early.key), lease, replace(POST, burst=4), now=started)[1] == 0
    kept.time.at += 2
    kept.send(kept.put().key, pace=POST)


def test_a_pace_can_be_stopped(kept: Kept) -> None:
    """After a refusal nothing of that pace is sent until the time that was named, and then one at a time."""
    letter, until = kept.put(), kept.time.at + 30
    kept.outbox.slow(POST, until=until)
    with kept.locks.hold("lane C1", wait_s=0) as lease:
        assert lease
        assert kept.outbox.begin(kept.row(letter.key), lease, POST, now=until - 1)[1] == pytest.approx(until)
        begun, wait = kept.outbox.begin(kept.row(letter.key), lease, POST, now=until)
        assert wait == 0
        assert kept.outbox.begin(begun, lease, POST, now=until)[1] == pytest.approx(until + 1)


def test_a_lane_rests(kept: Kept) -> None:
    """A lane that was left until later is due then, unless something was put into it since it was looked at."""
    kept.put()
    seen = kept.outbox.look("C1", 10).seen
    kept.outbox.rest("C1", seen=seen, due=kept.time.at + 5)
    assert (kept.outbox.due(kept.time.at), kept.outbox.due(kept.time.at + 5)) == ([], ["C1"])
    kept.put()
    assert kept.outbox.due(kept.time.at) == ["C1"]
    kept.outbox.rest("C1", seen=seen, due=kept.time.at + 5)
    assert kept.outbox.due(kept.time.at) == ["C1"]


def test_a_head_is_not_the_whole(kept: Kept) -> None:
    """Who looks at the head of a lane is told whether there is more."""
    for _ in range(3):
        kept.put()
    assert [kept.outbox.look("C1", most).whole for most in (2, 3)] == [False, True]


def test_what_a_message_continues_is_kept(kept: Kept) -> None:
    """Whose place it takes is known to whoever posts it, and to whoever edits that."""
    kept.put("card")
    with kept.locks.hold("lane C1", wait_s=0) as lease:
        assert lease
        begun, _ = kept.outbox.begin(kept.row("card"), lease, FREE, now=kept.time.at)
        kept.outbox.settle(replace(begun, fate=Fate.WAITING, ts="", continues="https://x.test/p1"), waits=True)
    kept.put("card", body="anew")
    assert kept.row("card").continues == "https://x.test/p1"


def test_a_row_that_waits_on(kept: Kept) -> None:
    """What went wrong and is tried again keeps its turn."""
    kept.put("first")
    kept.put("second")
    with kept.locks.hold("lane C1", wait_s=0) as lease:
        assert lease
        begun, _ = kept.outbox.begin(kept.row("first"), lease, FREE, now=kept.time.at)
        kept.outbox.settle(replace(begun, fate=Fate.CHECKING, not_before=kept.time.at + 2, failures=1), waits=True)
    assert kept.waiting() == ["first", "second"]
    assert (kept.row("first").fate, kept.row("first").failures) == (Fate.CHECKING, 1)
    assert kept.outbox.find("nothing") is None
