"""What becomes of a message after a call to Slack that did not go as it should, and of one that was looked for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from chat.blocks import Message
from chat.calls import NoEdit, NoEntry, NoThread, NotReady, Perhaps, SlackCalls, Slow, Trouble
from chat.paces import AGAIN_MOST_S, AGAIN_S, looked_over, pace_of, pause_s
from mesh.domain.letters import Fate, Letter, Row
from mesh.ports import Lanes, Pace

LOOK_UP_AFTER_S, LATEST_S = 2.0, 8.0
"""When a post without an answer is first looked for, and from when on it is not there if it is not found."""
MOST_REPETITIONS = 6
"""How often something is said again where nobody can tell whether it was said."""
TOO_OLD_S = 24 * 3600.0
"""For how long it is tried to post something that Slack refuses."""
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
            case _:
                self.fail(waits, trouble, now)
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
                self._lanes.settle(replace(row, fate=Fate.WAITING, ts="", client="", failures=0), waits=True)
            case NoEntry():
                self._answer_instead(row, drawn, str(trouble))
            case _:
                self.fail(row, trouble, now)

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

    def _answer_instead(self, row: Row, drawn: Message, why: str) -> None:
        """Where we cannot post, the asking person at least gets it: at first, when they are called, and at the end."""
        letter = row.letter
        if not letter.must and row.answered >= letter.calls:
            self.lose(row, why)
            return
        told = self._answered(letter, drawn)
        self.lose(replace(row, answered=letter.calls) if told else row, why, told=told)

    def _answered(self, letter: Letter, drawn: Message) -> bool:
        """Answer the person; where Slack takes no more answers (five, within half an hour), write to them directly."""
        ways: list[Callable[[], object]] = []
        if letter.answer_to:
            ways.append(lambda: self._calls.answer(letter.answer_to, drawn))
        if letter.asker:
            ways.append(lambda: self._calls.write_to(letter.asker, drawn))
        for way in ways:
            try:
                way()
            except Trouble as trouble:
                log.warning("%s has no place and its answer failed: %s", letter.key, trouble)
            else:
                return True
        return False

    def lose(self, row: Row, why: str, *, told: bool = False) -> None:
        """Give the row up; with `told` whom it was for knows what it says, or need not."""
        lost = replace(row, fate=Fate.LOST, why=why, ts="")
        self._lanes.settle(lost)
        if not told:
            log.warning("%s reached nobody: %s", row.letter.key, why)
            if row.letter.must:
                self._lost(lost)

    def fail(self, row: Row, trouble: Trouble, now: float) -> None:
        """Try again later, and later."""
        failures, pause = row.failures + 1, pause_s(row)
        if failures * AGAIN_MOST_S > TOO_OLD_S:
            self.lose(row, str(trouble))
            return
        log.warning("%s was not sent (%s); tried again in %.0f s", row.letter.key, trouble, pause)
        self._lanes.settle(replace(row, failures=failures, not_before=now + pause, why=""), waits=True)

    def slow(self, row: Row, pace: Pace, trouble: Slow, now: float) -> None:
        """Keep the silence that Slack wants."""
        log.warning("Slack wants %.0f s of silence (%s)", trouble.seconds, pace.name.partition(" ")[0])
        self._lanes.slow(pace, until=now + trouble.seconds)
        self._lanes.settle(row, waits=True)
