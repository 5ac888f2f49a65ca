"""The sender: takes a lane, sends what Slack's pace allows, and leaves the rest with the time at which it goes on.

It never sleeps. Who is killed in the middle of a post leaves a row that says so, and the next one looks for the message
before it posts again.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field, replace

from chat import letters
from chat.blocks import Message
from chat.calls import (
    Blind,
    NoEntry,
    NoThread,
    SlackCalls,
    Slow,
    Trouble,
)  # fmt: skip
from chat.locales import speaking
from chat.outcomes import Lost, Outcomes
from chat.paces import (
    LOOK_UP,
    as_sent,
    conversation,
    follows,
    has_picture,
    pace_of,
    together,
    went_well,
)  # fmt: skip
from mesh.domain.errors import Conflict, LostLease
from mesh.domain.letters import Fate, Row
from mesh.domain.operations import Card
from mesh.ports import Lanes, Lease, Locks, Pace, Time

TURN_S = 3.0
"""How long one turn of a lane lasts, at most about this and one call: then other channels have theirs."""
OVER_S = 15.0
"""After so long nobody is posting a row any more that says so: a call gives up after 5 s, and tries three forms."""
IDLE_S = 5.0
"""When to look again at a lane in which nothing can be sent and nothing says when."""
HEADS = (12, 100, 100_000)
"""How far into a lane one looks for something that can be sent, if nothing before it can."""

log = logging.getLogger(__name__)


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
        self._outcomes = Outcomes(lanes, calls, lost or (lambda _: None))

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
                with speaking(letters.language_of(row.letter)):
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
            self._outcomes.lose(row, "there is no thread to tell it in", told=True)
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
                self._outcomes.not_posted(one, trouble, drawn, turn.now)
        return True

    def _call_post(self, row: Row, drawn: Message, thread: str) -> Card:
        letter, drawn = row.letter, as_sent(row, drawn)
        if letter.alone:
            self._calls.whisper(letter.channel, letter.alone, drawn, thread=thread)
            return Card(letter.channel, "")
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

    def _posted(self, rows: list[Row], place: Card, turn: _Turn) -> None:
        for row in rows:
            posted_in = "" if place.channel == row.letter.channel else place.channel
            self._lanes.settle(went_well(replace(row, fate=Fate.POSTED, ts=place.ts, posted_in=posted_in)))
        turn.now = self._time.now()

    def _thread(self, row: Row, turn: _Turn) -> str | _NoThreadAtAll | None:
        """Return the thread that a row stands in, empty for none; None while that is not posted yet."""
        letter = row.letter
        if not letter.under:
            return letter.thread
        parent = self._lanes.find(letter.under)
        if parent is None or (parent.fate is Fate.LOST and not parent.ts):
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
            self._calls.edit(row.channel, row.ts, as_sent(row, drawn))
        except Trouble as trouble:
            self._outcomes.not_edited(begun, trouble, drawn, turn.now)
        else:
            self._lanes.settle(went_well(begun))
            turn.now = self._time.now()
        return True

    # --- what nobody knows ---------------------------------------------------------------------------------------

    def _look_up(self, row: Row, turn: _Turn) -> bool:
        """Find out whether a post that got no answer was made."""
        thread = self._thread(row, turn)
        if row.letter.alone or not isinstance(thread, str):
            # One person alone saw it, or the message that it stood under is gone, or on its way anew.
            self._outcomes.unsure(row, turn.now)
            return True
        if not self._may(row, LOOK_UP, turn):
            return False
        if at := self._lanes.spend(LOOK_UP, now=turn.now):
            self._spent(row, LOOK_UP, at, turn)
            return False
        try:
            ts = self._calls.look_up(row.channel, client=row.client, since=row.since, thread=thread)
        except Slow as trouble:
            self._outcomes.slow(row, LOOK_UP, trouble, turn.now)
        except (Blind, NoEntry, NoThread):
            self._outcomes.unsure(row, turn.now)
        except Trouble as trouble:
            self._outcomes.fail(replace(row, fate=Fate.CHECKING), trouble, turn.now)
        else:
            self._outcomes.looked_up(row, ts, turn.now)
        return True

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
