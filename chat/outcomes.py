"""What becomes of a message after a call to Slack that did not go as it should, and of one that was looked for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from chat.blocks import Message
from chat.calls import Gone, NoEdit, NoEntry, NoThread, NotReady, Perhaps, Refusal, SlackCalls, Slow, Trouble
from chat.instead import instead
from chat.letters import body_of, repeated
from chat.paces import AGAIN_MOST_S, AGAIN_S, looked_over, pace_of, pause_s, refused
from mesh.domain.letters import GONE, UNLINKED, Fate, Letter, Row
from mesh.domain.persons import is_person
from mesh.ports import Lanes, Pace

LOOK_UP_AFTER_S, LATEST_S = 2.0, 8.0
"""When a post without an answer is first looked for, and from when on it is not there if it is not found."""
MOST_REPETITIONS = 6
"""How often something is said again where nobody can tell whether it was said."""
TOO_OLD_S = 24 * 3600.0
"""For how long it is tried to post something that Slack refuses."""
TELL_AFTER = 3
"""After so many refusals whose word we do not know the asking person hears of it: they waited for some seconds."""
OTHERS_S = 5.0
"""How long a failure holds up what else waits for the same channel, at most: Slack would answer it the same."""

log = logging.getLogger(__name__)

Lost = Callable[[Row], None]
"""Told of each message that reached nobody."""


class Outcomes:
    """Decides and writes down; each method settles the row that it is given. `now` is Unix time in seconds."""

    def __init__(self, lanes: Lanes, calls: SlackCalls, lost: Lost) -> None:
        self._lanes = lanes
        self._calls = calls
        self._lost = lost

    def not_posted(self, row: Row, trouble: Trouble, drawn: Message, now: float) -> None:
        """Decide what becomes of a row whose post went wrong."""
        waits = replace(row, fate=Fate.WAITING)
        match trouble:
            case Slow():
                self.slow(waits, pace_of(waits), trouble, now)
            case NotReady():
                self._lanes.settle(looked_over(waits, now), waits=True)
            case NoEntry():
                self._answer_instead(row, drawn, str(trouble))
            case NoThread():
                self.lose(row, str(trouble))
            case Perhaps():
                log.warning("nobody knows whether %s was posted: %s", row.letter.key, trouble)
                check = replace(row, fate=Fate.CHECKING, not_before=now + LOOK_UP_AFTER_S)
                self._lanes.settle(check, waits=True)
                self._lanes.slow(pace_of(waits), until=now + AGAIN_S)
            case Refusal() if row.letter.alone and row.failures + 1 >= TELL_AFTER:
                # They are told this very thing elsewhere, so there is nothing left to try.
                self._answer_instead(row, drawn, str(trouble))
            case _:
                self.fail(self._told_meanwhile(waits, trouble, drawn), trouble, now)
                if not row.letter.alone:  # what one person cannot be shown is no matter of the channel's
                    self._lanes.slow(pace_of(waits), until=now + min(pause_s(row), OTHERS_S))

    def not_edited(self, row: Row, trouble: Trouble, drawn: Message, now: float) -> None:
        """Decide what becomes of a row whose edit went wrong; an edit may be made twice, so it is just tried again."""
        match trouble:
            case Slow():
                self.slow(row, pace_of(row), trouble, now)
            case NotReady():
                self._lanes.settle(looked_over(row, now), waits=True)
            case NoEdit():
                # Its old message would be found by the old id.
                anew = replace(row, fate=Fate.WAITING, ts="", client="", failures=0)
                self._lanes.settle(replace(anew, continues=self._address(row, trouble)), waits=True)
            case NoEntry():
                self._answer_instead(row, drawn, str(trouble))
            case _:
                self.fail(self._told_meanwhile(row, trouble, drawn), trouble, now)

    def _address(self, row: Row, trouble: Trouble) -> str:
        """Return where the message stands that Slack does not let us edit: what it says is of then."""
        if isinstance(trouble, Gone):
            return GONE
        try:
            return self._calls.address(row.channel, row.ts)
        except Trouble as unsaid:
            log.warning("%s is posted anew without a link to what it continues: %s", row.letter.key, unsaid)
            return UNLINKED

    def looked_up(self, row: Row, ts: str, now: float) -> None:
        """Decide what becomes of a row that was looked for, and found at `ts` or not."""
        if ts:
            found = replace(row, fate=Fate.POSTED, ts=ts, sent=row.sending, failures=0)
            self._lanes.settle(found, waits=found.sent < found.drawing)
        elif now < row.since + LATEST_S:
            self._lanes.settle(replace(row, fate=Fate.CHECKING, not_before=now + LOOK_UP_AFTER_S), waits=True)
        else:
            # The same id goes with the next try: whichever arrives is found by it. Lines that shared it part here.
            client = "" if row.letter.joins else row.client
            self._lanes.settle(replace(row, fate=Fate.WAITING, client=client, not_before=0.0), waits=True)

    def unsure(self, row: Row, now: float) -> None:
        """Where we may not look: what must reach people is said again, a few times at most; the rest is left."""
        unknown = replace(row, fate=Fate.UNKNOWN, again=True, why="nobody knows whether Slack showed it")
        if row.letter.must and row.letter.repeats and row.failures < MOST_REPETITIONS:
            pause = pause_s(row) if row.again else 0.0
            again = replace(row, fate=Fate.WAITING, again=True, failures=row.failures + 1, not_before=now + pause)
            self._lanes.settle(again, waits=True)
            return
        self._lanes.settle(unknown)
        if row.letter.must:
            self._lost(unknown)

    def _nobody_waits(self, row: Row) -> bool:
        """Tell whether a row is the story of a message that was refused before it, which is on record or was told."""
        parent = self._lanes.find(row.letter.under) if row.letter.under else None
        return parent is not None and refused(parent) and (parent.letter.must or parent.answered > 0)

    def _answer_instead(self, row: Row, drawn: Message, why: str) -> None:
        """Where we cannot post, the asking person at least gets it: at first, when they are called, and at the end."""
        row = self._told(row, drawn, why)
        self.lose(row, why, told=row.told == row.drawing or self._nobody_waits(row))

    def _told_meanwhile(self, row: Row, trouble: Trouble, drawn: Message) -> Row:
        """Return the row that is tried on; whoever asked hears meanwhile of what Slack refuses again and again."""
        unknown = isinstance(trouble, Refusal) and row.failures + 1 >= TELL_AFTER
        return self._told(row, drawn, str(trouble)) if unknown else row

    def _told(self, row: Row, drawn: Message, why: str) -> Row:
        """Return the row with what the asking person was told of it: each drawing once, if they must hear it."""
        letter = row.letter
        if row.told == row.drawing or not (letter.must or row.answered < letter.calls):
            return row
        told = self._answered(row, instead(drawn, why))
        return replace(row, answered=letter.calls, told=row.drawing) if told else row

    def _answered(self, row: Row, note: Message) -> bool:
        """Answer the person; where Slack takes no more answers (five, within half an hour), write to them directly."""
        letter = row.letter
        if letter.answer_to:
            try:
                self._calls.answer(letter.answer_to, note)
            except Trouble as trouble:
                log.warning("%s has no place and its answer failed: %s", letter.key, trouble)
                note = repeated(note) if isinstance(trouble, Perhaps) else note
            else:
                return True
        if letter.in_private or not is_person(letter.asker):
            return False
        # A letter of its own, so that it waits, is looked for and is known as lost like any other.
        key, body = f"{letter.key} instead {row.drawing}", body_of(note)
        self._lanes.put(Letter(key, letter.asker, body, letter.urgency, once=True, must=letter.must))
        return True

    def lose(self, row: Row, why: str, *, told: bool = False) -> None:
        """Give the row up; with `told` whom it was for knows what it says, or need not."""
        # What was posted before stays where it is: the next drawing tries to edit it.
        lost = replace(row, fate=Fate.LOST, why=why)
        self._lanes.settle(lost)
        if not told:
            log.warning("%s reached nobody: %s", row.letter.key, why)
            if row.letter.must:
                self._lost(lost)

    def fail(self, row: Row, trouble: Trouble, now: float) -> None:
        """Try again later, and later."""
        failures, pause = row.failures + 1, pause_s(row)
        if failures * AGAIN_MOST_S > TOO_OLD_S:
            self.lose(row, str(trouble), told=row.told == row.drawing)
            return
        log.warning("%s was not sent (%s); tried again in %.0f s", row.letter.key, trouble, pause)
        self._lanes.settle(replace(row, failures=failures, not_before=now + pause, why=""), waits=True)

    def slow(self, row: Row, pace: Pace, trouble: Slow, now: float) -> None:
        """Keep the silence that Slack wants."""
        log.warning("Slack wants %.0f s of silence (%s)", trouble.seconds, pace.name.partition(" ")[0])
        self._lanes.slow(pace, until=now + trouble.seconds)
        self._lanes.settle(row, waits=True)
