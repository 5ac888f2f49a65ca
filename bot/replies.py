"""Answers that cannot ride on the acknowledgement: to mentions, buttons, and to whatever came too late for one.

A small bounded pool says them after the acknowledgement, at Slack's pace. What is not known to be shown after that, for
whatever reason, is written into the outbox: a letter for one person alone, under the delivery's own name. So is what
the pool did not come to before the process ends, for which whoever runs it calls `Replies.close`.
"""

from __future__ import annotations

import logging
import secrets
import threading
from concurrent.futures import Future, wait
from dataclasses import replace
from time import monotonic

from bot.chores import Chores
from bot.requests import Request
from chat.alone import letter_to
from chat.blocks import Message
from chat.calls import Perhaps, SlackCalls, Slow, Trouble
from chat.letters import body_of, language_of, message_of, repeated
from chat.locales import speaking
from chat.paces import pace_of
from mesh.domain.errors import Unavailable
from mesh.domain.letters import Letter, Row
from mesh.ports import Lanes, Time
from telemetry.metrics import lost_message

PATIENCE_S = 3.0
"""How long what is being said may take once the process ends, in seconds. A call may take 5 s, but all the process has
is `bot.serving.GRACE_S`, of which the outbox needs some."""

log = logging.getLogger(__name__)


class Replies:
    """Sends messages that only the asking person sees."""

    def __init__(self, calls: SlackCalls, outbox: Lanes, time: Time) -> None:
        self._calls = calls
        self._outbox = outbox
        self._time = time
        self._chores = Chores()
        self._unsaid: dict[Future[None], Letter] = {}
        """What was taken on and is not over yet."""
        self._taking = threading.Lock()
        """While nobody holds it, all that was taken on and is not over is among the unsaid."""

    def later(self, request: Request, message: Message) -> None:
        """Send `message` soon, in the language spoken now; returns at once, never raises."""
        person = request.actor.user
        # The same delivery heard twice may be answered twice at once, but waits in the outbox once.
        letter = letter_to(person, request.origin, message, key=f"answer {request.dedupe}")
        with self._taking:
            taken = self._chores.taken(f"an answer to {person}", lambda: self._deliver(letter))
            if taken is not None:
                self._unsaid[taken] = letter
        if taken is None:
            # Whoever floods the bot must not make it forget the others.
            self._leave(letter, "too many wait, or the bot ends")
        else:
            taken.add_done_callback(lambda over: self._unsaid.pop(over, None))

    def close(self) -> None:
        """End, within PATIENCE_S and what the outbox takes: whatever is not known to be shown then is in the outbox.

        What waits goes there at once. What is being said is waited for; then it counts as what nobody knows of.
        """
        until = monotonic() + PATIENCE_S
        with self._taking:
            self._chores.stop()
            unsaid = dict(self._unsaid)
        begun = {over: letter for over, letter in unsaid.items() if not over.cancel()}
        for over, letter in unsaid.items():
            if over not in begun:
                self._leave(letter, "the bot ends")
        for over in wait(begun, until - monotonic()).not_done:
            self._leave(_again(begun[over]), "the bot ends, and Slack has not said")

    def _deliver(self, letter: Letter) -> None:
        """Say it at once, by whichever way leads to the person; else leave it to the outbox."""
        pace = pace_of(Row(letter))
        try:
            if not letter.answer_to and self._spent(letter):
                self._leave(letter, "Slack takes no more of these now")
                return
            self._say(letter)
        except Slow as trouble:
            self._leave(letter, str(trouble))
            self._outbox.slow(pace, until=self._time.now() + trouble.seconds)
        except Perhaps as trouble:
            self._leave(_again(letter), str(trouble))
        except Trouble as trouble:
            self._leave(letter, str(trouble))

    def _spent(self, letter: Letter) -> bool:
        """Tell whether Slack would refuse it now: the sender has counted, too. Unknown is no."""
        try:
            return self._outbox.spend(pace_of(Row(letter)), now=self._time.now()) > 0
        except Unavailable:
            return False

    def _say(self, letter: Letter) -> None:
        drawn = message_of(letter)
        if letter.answer_to:
            self._calls.answer(letter.answer_to, drawn)
        elif letter.alone:
            self._calls.whisper(letter.channel, letter.alone, drawn, thread=letter.thread)
        else:
            self._calls.post(letter.channel, drawn, client=secrets.token_hex(8), thread=letter.thread)

    def _leave(self, letter: Letter, why: str) -> None:
        """Write it into the outbox; never raises."""
        try:
            self._outbox.put(letter)
        except Unavailable as error:
            log.warning("an answer to %s was not shown (%s), and is lost: %s", letter.asker, why, error.message)
            lost_message(letter.key)
        else:
            log.warning("an answer to %s was not shown at once (%s); it is in the outbox", letter.asker, why)


def _again(letter: Letter) -> Letter:
    """Return what is said once more, where nobody can tell whether it was shown: marked, and not a third time."""
    with speaking(language_of(letter)):
        return replace(letter, body=body_of(repeated(message_of(letter))), repeats=False)
