"""The sender: takes a lane, sends what Slack's pace allows, and leaves the rest with the time at which it goes on.

It never sleeps. Who is killed in the middle of a post leaves a row that says so, and the next one looks for the message
before it posts again.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from chat import letters
from chat.blocks import Message
from chat.calls import (
    Blind,
    NoEdit,
    NoEntry,
    NotDone,
    NoThread,
    NotReady,
    Perhaps,
    SlackCalls,
    Slow,
    Trouble,
)  # fmt: skip
from chat.paces import (
    AGAIN_MOST_S,
    AGAIN_S,
    LOOK_UP,
    as_sent,
    conversation,
    follows,
    has_picture,
    looked_over,
    pace_of,
    pause_s,
    together,
    went_well,
)  # fmt: skip
from mesh.domain.errors import Conflict, LostLease
from mesh.domain.letters import Fate, Row
from mesh.ports import Lanes, Lease, Locks, Pace, Time

TURN_S = 3.0
"""How long one turn of a lane lasts, at most about this and one call: then other channels have theirs."""
OVER_S = 15.0
"""After so long nobody is posting a row any more that says so: a call gives up after 5 s, and tries three forms."""
LOOK_UP_AFTER_S, LATEST_S = 2.0, 8.0
"""When a post without an answer is first looked for, and from when on it is not there if it is not found."""
MOST_REPETITIONS = 6
"""How often something is said again where nobody can tell whether it was said."""
TOO_OLD_S = 24 * 3600.0
"""For how long it is tried to post something that Slack refuses."""
OTHERS_S = 5.0
"""How long a failure holds up what else waits for the same channel, at most: Slack would answer it the same."""
IDLE_S = 5.0
"""When to look again at a lane in which nothing can be sent and nothing says when."""
HEADS = (12, 100, 100_000)
"""How far into a lane one looks for something that can be sent, if nothing before it can."""

log = logging.getLogger(__name__)

Lost = Callable[[Row], None]
"""Told of each message that reached nobody."""


@dataclass
class _Turn:
    """What is known during one look at a lane."""

    lease: Lease
    now: float
    due: list[float] = field(default_factory=list)
    """When something of what was passed over can be sent."""
    held: set[str] = field(default_factory=set)
    """Threads, and lines of a channel, of which something waits: what follows there must not overtake it."""
    unseen: set[str] = field(default_factory=set)
    """Threads of which a picture waits: their cards must not show it before it was posted."""
    spent: set[str] = field(default_factory=set)
    """Paces that allow no more now."""

    def pass_over(self, row: Row, at: float) -> None:
        """Leave a row for later."""
        self.due.append(at)
        self.hold(row)

    def hold(self, row: Row) -> None:
        """Let what must not overtake the row wait as well."""
        if follows(row):
            self.held.add(conversation(row))
        if follows(row) and has_picture(row):
            self.unseen.add(conversation(row))

    def holds(self, row: Row) -> bool:
        """Tell whether the row must wait for another."""
        return conversation(row) in (self.held if follows(row) else self.unseen)


class Sender:
    """Sends from one lane at a time; any number of these may run."""

    def __init__(self, lanes: Lanes, locks: Locks, calls: SlackCalls, time: Time, *, lost: Lost | None = None) -> None:
        self._lanes = lanes
        self._locks = locks
        self._calls = calls
        self._time = time
        self._lost = lost or (lambda _: None)

    def send(self, channel: str) -> int:
        """Send what can be sent to a channel now, and return how many calls that were; raise Unavailable.

        Safe to call any number of times at once: one of them sends.
        """
        with self._locks.hold(f"lane {channel}", wait_s=0) as lease:
            if lease is None:
                # Whoever sends leaves the lane with its next time; who died, to the clock.
                return 0
            return self._send(channel, lease)

    def _send(self, channel: str, lease: Lease) -> int:
        calls, until = 0, self._time.now() + TURN_S
        while True:
            turn = _Turn(lease, self._time.now())
            seen = self._lanes.look(channel, 1).seen
            try:
                went = self._send_next(channel, turn)
            except (LostLease, Conflict) as error:
                log.info("a lane is left to somebody else: %s", error.message)
                return calls
            calls += went
            if not went or self._time.now() >= until:
                now = self._time.now()
                due = now if went else min(turn.due, default=now + IDLE_S)
                self._lanes.rest(channel, seen=seen, due=due)
                return calls

    def _send_next(self, channel: str, turn: _Turn) -> bool:
        """Do the most urgent thing that can be done now; False when there is none."""
        done = 0
        for most in HEADS:
            lane = self._lanes.look(channel, most)
            for at, row in enumerate(lane.rows[done:], start=done):
                if self._handled(row, lane.rows[at + 1 :], turn):
                    return True
            done = len(lane.rows)
            if lane.whole:
                return False
        return False

    def _handled(self, row: Row, behind: tuple[Row, ...], turn: _Turn) -> bool:
        """Do what a row needs, and tell whether anything was done; else it is passed over."""
        if turn.holds(row):
            return False
        busy_until = row.since + OVER_S if row.fate is Fate.SENDING else row.not_before
        if busy_until > turn.now:
            turn.pass_over(row, busy_until)
            return False
        if row.fate in (Fate.SENDING, Fate.CHECKING):
            return self._look_up(row, turn)
        if row.fate is Fate.POSTED:
            return self._edit(row, turn)
        return self._post(row, behind, turn)

    # --- posting -------------------------------------------------------------------------------------------------

    def _post(self, row: Row, behind: tuple[Row, ...], turn: _Turn) -> bool:
        thread = self._thread(row, turn)
        if thread is None:
            return False
        if isinstance(thread, _NoThreadAtAll):
            # What it stands under reached nobody, and that was said; there is no thread, so nobody waits for a story.
            self._lose(row, "there is no thread to tell it in", told=True)
            return True
        client = row.client or secrets.token_hex(8)
        begun = self._begin_all([replace(one, client=client) for one in together(row, behind, turn.now)], turn)
        if not begun:
            return False
        drawn = letters.joined([letters.message_of(one.letter) for one in begun])
        try:
            self._posted(begun, self._call_post(begun[0], drawn, thread), turn)
        except Trouble as trouble:
            for one in begun:
                self._not_posted(one, trouble, drawn, turn)
        return True

    def _call_post(self, row: Row, drawn: Message, thread: str) -> str:
        letter, drawn = row.letter, as_sent(row, drawn)
        return self._calls.post(letter.channel, drawn, client=row.client, thread=thread, loud=letter.loud)

    def _begin_all(self, rows: list[Row], turn: _Turn) -> list[Row]:
        """Write down that these are posted together now; nothing when the pace does not allow it."""
        first, pace = rows[0], pace_of(rows[0])
        if not self._may(first, pace, turn):
            return []
        begun, at = self._lanes.begin(first, turn.lease, pace, now=turn.now)
        if at:
            self._spent(first, pace, at, turn)
            return []
        free = Pace("with another", 0.0)
        return [begun, *(self._lanes.begin(one, turn.lease, free, now=turn.now)[0] for one in rows[1:])]

    def _posted(self, rows: list[Row], ts: str, turn: _Turn) -> None:
        for row in rows:
            self._lanes.settle(went_well(replace(row, fate=Fate.POSTED, ts=ts)))
        turn.now = self._time.now()

    def _not_posted(self, row: Row, trouble: Trouble, drawn: Message, turn: _Turn) -> None:
        """Decide what becomes of a row whose post went wrong."""
        waits = replace(row, fate=Fate.WAITING)
        match trouble:
            case Slow():
                self._slow(waits, pace_of(waits), trouble, turn)
            case NotReady():
                self._lanes.settle(looked_over(waits, turn.now), waits=True)
            case NoEntry():
                self._answer_instead(row, drawn, str(trouble))
            case NoThread():
                self._lose(row, str(trouble))
            case Perhaps():
                log.warning("nobody knows whether %s was posted: %s", row.letter.key, trouble)
                check = replace(row, fate=Fate.CHECKING, not_before=turn.now + LOOK_UP_AFTER_S)
                self._lanes.settle(check, waits=True)
                self._lanes.slow(pace_of(waits), until=turn.now + AGAIN_S)
            case _:
                self._fail(waits, trouble, turn)
                self._lanes.slow(pace_of(waits), until=turn.now + min(pause_s(row), OTHERS_S))

    def _thread(self, row: Row, turn: _Turn) -> str | _NoThreadAtAll | None:
        """Return the thread that a row stands in, empty for none; None while that is not posted yet."""
        letter = row.letter
        if not letter.under:
            return letter.thread
        parent = self._lanes.find(letter.under)
        if parent is None or parent.fate is Fate.LOST:
            return _NoThreadAtAll()
        if parent.fate is Fate.UNKNOWN:
            # The thread must be told, so what it stands under is worth a second message.
            self._lanes.settle(replace(parent, fate=Fate.WAITING, again=True), waits=True)
            turn.due.append(turn.now)
            return None
        return (letter.thread or parent.ts) if parent.ts else None

    # --- editing -------------------------------------------------------------------------------------------------

    def _edit(self, row: Row, turn: _Turn) -> bool:
        if row.sent >= row.drawing:
            self._lanes.settle(row)
            return True
        pace, drawn = pace_of(row), letters.message_of(row.letter)
        if not self._may(row, pace, turn):
            return False
        begun, at = self._lanes.begin(row, turn.lease, pace, now=turn.now)
        if at:
            self._spent(row, pace, at, turn)
            return False
        try:
            self._calls.edit(row.letter.channel, row.ts, as_sent(row, drawn))
        except Trouble as trouble:
            self._not_edited(begun, trouble, drawn, turn)
        else:
            self._lanes.settle(went_well(begun))
            turn.now = self._time.now()
        return True

    def _not_edited(self, row: Row, trouble: Trouble, drawn: Message, turn: _Turn) -> None:
        """Decide what becomes of a row whose edit went wrong; an edit may be made twice, so it is just tried again."""
        match trouble:
            case Slow():
                self._slow(row, pace_of(row), trouble, turn)
            case NotReady():
                self._lanes.settle(looked_over(row, turn.now), waits=True)
            case NoEdit():
                # Its old message would be found by the old id.
                self._lanes.settle(replace(row, fate=Fate.WAITING, ts="", client="", failures=0), waits=True)
            case NoEntry():
                self._answer_instead(row, drawn, str(trouble))
            case _:
                self._fail(row, trouble, turn)

    # --- what nobody knows ---------------------------------------------------------------------------------------

    def _look_up(self, row: Row, turn: _Turn) -> bool:
        """Find out whether a post that got no answer was made."""
        thread = self._thread(row, turn)
        if not isinstance(thread, str):
            # The message that it stood under is gone, or on its way anew.
            self._unsure(row, turn)
            return True
        if not self._may(row, LOOK_UP, turn):
            return False
        if at := self._lanes.spend(LOOK_UP, now=turn.now):
            self._spent(row, LOOK_UP, at, turn)
            return False
        try:
            ts = self._calls.look_up(row.letter.channel, client=row.client, since=row.since, thread=thread)
        except Slow as trouble:
            self._slow(row, LOOK_UP, trouble, turn)
        except (Blind, NoEntry, NoThread):
            self._unsure(row, turn)
        except Trouble as trouble:
            self._fail(replace(row, fate=Fate.CHECKING), trouble, turn)
        else:
            self._looked_up(row, ts, turn)
        return True

    def _looked_up(self, row: Row, ts: str, turn: _Turn) -> None:
        if ts:
            found = replace(row, fate=Fate.POSTED, ts=ts, sent=row.sending, failures=0)
            self._lanes.settle(found, waits=found.sent < found.drawing)
        elif turn.now < row.since + LATEST_S:
            self._lanes.settle(replace(row, fate=Fate.CHECKING, not_before=turn.now + LOOK_UP_AFTER_S), waits=True)
        else:
            # The same id goes with the next try: whichever arrives is found by it. Lines that shared it part here.
            client = "" if row.letter.joins else row.client
            self._lanes.settle(replace(row, fate=Fate.WAITING, client=client, not_before=0.0), waits=True)

    def _unsure(self, row: Row, turn: _Turn) -> None:
        """Where we may not look: what must reach people is said again, a few times at most; the rest is left."""
        unknown = replace(row, fate=Fate.UNKNOWN, again=True, why="nobody knows whether Slack showed it")
        if row.letter.must and row.failures < MOST_REPETITIONS:
            pause = pause_s(row) if row.again else 0.0
            again = replace(row, fate=Fate.WAITING, again=True, failures=row.failures + 1, not_before=turn.now + pause)
            self._lanes.settle(again, waits=True)
            return
        self._lanes.settle(unknown)
        if row.letter.must:
            self._lost(unknown)

    # --- trouble -------------------------------------------------------------------------------------------------

    def _answer_instead(self, row: Row, drawn: Message, why: str) -> None:
        """Where we cannot post, the asking person at least gets the same message: at first, and at the end."""
        letter, answered = row.letter, row.answered
        if letter.answer_to and (letter.must or not answered):
            try:
                self._calls.answer(letter.answer_to, drawn)
                answered += 1
            except NotDone as trouble:
                # Used up or too old: there is no other way to this person, now or later.
                log.warning("%s has no place and its answer failed: %s", letter.key, trouble)
        self._lose(replace(row, answered=answered), why, told=answered > row.answered)

    def _lose(self, row: Row, why: str, *, told: bool = False) -> None:
        lost = replace(row, fate=Fate.LOST, why=why, ts="")
        self._lanes.settle(lost)
        if not told:
            log.warning("%s reached nobody: %s", row.letter.key, why)
            if row.letter.must:
                self._lost(lost)

    def _fail(self, row: Row, trouble: Trouble, turn: _Turn) -> None:
        """Try again later, and later."""
        failures, pause = row.failures + 1, pause_s(row)
        if failures * AGAIN_MOST_S > TOO_OLD_S:
            self._lose(row, str(trouble))
            return
        log.warning("%s was not sent (%s); tried again in %.0f s", row.letter.key, trouble, pause)
        self._lanes.settle(replace(row, failures=failures, not_before=turn.now + pause, why=""), waits=True)

    def _slow(self, row: Row, pace: Pace, trouble: Slow, turn: _Turn) -> None:
        log.warning("Slack wants %.0f s of silence (%s)", trouble.seconds, pace.name.partition(" ")[0])
        self._lanes.slow(pace, until=turn.now + trouble.seconds)
        self._lanes.settle(row, waits=True)

    @staticmethod
    def _may(row: Row, pace: Pace, turn: _Turn) -> bool:
        if pace.name in turn.spent:
            turn.hold(row)
            return False
        return True

    @staticmethod
    def _spent(row: Row, pace: Pace, at: float, turn: _Turn) -> None:
        # What follows in the lane is less urgent, and has no more of the burst.
        turn.spent.add(pace.name)
        turn.pass_over(row, at)


class _NoThreadAtAll:
    """There is no thread, and there will be none."""
