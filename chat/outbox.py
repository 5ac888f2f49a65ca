"""Cards, threads and audit lines, drawn and written into the outbox. Nothing is posted here: see `chat.sender`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from slack_sdk import WebClient

from chat.alone import tell_alone
from chat.approvals import APPROVE, vote_answer
from chat.audit_line import audit_line
from chat.blocks import message, section
from chat.cards import card
from chat.escape import bold, esc
from chat.letters import body_of
from chat.locales import tr
from chat.phrases import went_astray
from chat.pictures import Draw, Picture, Pictures
from chat.places import card_key, channel_of, mirror_key
from chat.story import Told, closing_story, is_followed, tell
from chat.trouble import TROUBLE, word
from mesh.domain.errors import Unavailable
from mesh.domain.letters import Fate, Letter, Urgency
from mesh.domain.operations import Operation, State
from mesh.domain.persons import is_person
from mesh.domain.points import Point
from mesh.domain.rollouts import Phase
from mesh.ports import Outbox

_ASKING = frozenset({Phase.CONFIRMING, Phase.HELD, Phase.PAUSED})

log = logging.getLogger(__name__)


class SlackCards:
    """Implements `ports.Cards`: what is shown is on record when a call returns, and is seen a moment later."""

    def __init__(self, outbox: Outbox, client: WebClient, *, audit_channel: str = "", draw: Draw | None = None) -> None:
        """Pictures are uploaded with `client`, which has no retry handlers (`chat.connection`).

        No `audit_channel`, no audit lines; without `draw` charts are made of characters.
        """
        self._outbox = outbox
        self._audit_channel = audit_channel
        self._pictures = Pictures(client, draw)

    def show(self, operation: Operation) -> Operation:
        """Let the card be posted, or edited where it is, and its thread told what is new of a rollout.

        Returns the operation with the card's place, once it has one, and with how much is told. A rollout's own steps
        have no card. Raises Unavailable when it may not be on record; the next call writes the same again.
        """
        channel = channel_of(operation)
        if operation.command.votes:
            self._answer_vote(operation)
            return operation
        if operation.command.rollout:
            return operation
        if not channel:
            return self._mirror(replace(operation, told=len(operation.story)) if is_followed(operation) else operation)
        place = self._outbox.put(_card(operation, channel))
        shown = replace(operation, card=place or operation.card)
        if ending := closing_story(operation):
            self._outbox.put(_ending(operation, channel, body_of(message(ending, [section(ending)]))))
        shown = self._mirror(shown)
        return self._tell(shown) if is_followed(operation) else shown

    def picture(self, operation: Operation, points: Sequence[Point]) -> Operation:
        """Let the thread be told what is new of a rollout, with its chart below; then the card may show it, too.

        Returns the operation with the picture's id and with how much is told. Never raises.
        """
        if operation.rollout is None or operation.command.dry_run:
            return operation
        try:
            shown = self._outbox.find(card_key(operation))
            if shown is None or shown.fate is Fate.LOST:
                return operation
            made = self._pictures.make(operation, points)
            return self._picture(operation, made) if made else operation
        except (Unavailable, *TROUBLE) as trouble:
            why = trouble.message if isinstance(trouble, Unavailable) else word(trouble)
            log.warning("the chart of %s was not shown: %s", operation.id, why)
        except Exception:
            log.exception("a bug kept the chart of %s from being shown", operation.id)
        return operation

    def announce(self, operation: Operation, entry: str) -> None:
        """Put one line about a finished change into the audit channel, once; raise Unavailable like `show`."""
        if not self._audit_channel:
            return
        body = body_of(audit_line(operation, entry))
        line = Letter(f"audit {operation.id}", self._audit_channel, body, Urgency.STORY, once=True, joins=True)
        self._outbox.put(line)

    def _mirror(self, operation: Operation) -> Operation:
        """Show the same card where approval is asked for, from when it is asked to the end."""
        channel = operation.approval.channel if operation.approval else ""
        former = self._outbox.find(mirror_key(operation)) if channel else None
        if not channel or (former is None and operation.state is not State.WAITING):
            return operation
        # A rollout's card changes every few seconds: here people see that it was decided, and how it ended.
        if former is not None and operation.active_rollout and APPROVE not in former.letter.body:
            return operation
        letter = Letter(
            mirror_key(operation),
            channel,
            body_of(card(operation)),
            Urgency.CALL if operation.state is State.WAITING else Urgency.NEWS,
            must=operation.done,
            version=operation.revision,
            ts=operation.mirror.ts if operation.mirror else "",
        )
        return replace(operation, mirror=self._outbox.put(letter) or operation.mirror)

    def _answer_vote(self, operation: Operation) -> None:
        """Tell the voter alone what became of the vote, once; everybody sees it on the card of what was voted on."""
        if operation.done:
            tell_alone(self._outbox, operation, vote_answer(operation), key=f"voted {operation.id}")

    def _tell(self, operation: Operation) -> Operation:
        """Tell the thread what it has not heard of a rollout, or of an approval."""
        for told in tell(operation):
            self._reply(operation, told)
        return replace(operation, told=len(operation.story))

    def _picture(self, operation: Operation, made: Picture) -> Operation:
        news = tell(operation)
        if news and self._outbox.find(_told_key(operation, news[-1])):
            # Whoever told it died before that was on record; the picture needs a message that is posted with it.
            news = []
        if not news and not made.file_id:
            return operation
        for told in news[:-1]:
            self._reply(operation, told)
        alone = Told(bold(esc(tr("Chart so far"))), loud=False, count=len(operation.story))
        self._reply(operation, news[-1] if news else alone, made, alone=not news)
        self._pictures.shown(operation)
        return replace(operation, told=len(operation.story), chart=made.file_id or operation.chart)

    def _reply(self, operation: Operation, told: Told, made: Picture | None = None, *, alone: bool = False) -> None:
        """Tell one event in the thread, and in the channel as well where it is loud."""
        drawn = message(told.text, [section(told.text), *([made.block] if made else [])])
        # By its place in the story, so that whoever tells it again tells it once.
        key = f"chart {operation.id} {made.file_id}" if made and alone else _told_key(operation, told)
        urgency = Urgency.CALL if told.loud else Urgency.STORY
        entry = _entry(operation, key, body_of(drawn), urgency, loud=told.loud)
        if told.to_voters and operation.approval and operation.approval.channel and self._has_mirror(operation):
            entry = replace(entry, channel=operation.approval.channel, under=mirror_key(operation), thread="")
        self._outbox.put(entry)

    def _has_mirror(self, operation: Operation) -> bool:
        """Tell whether those who may vote see the card where they are asked: else they are called where it stands."""
        mirror = self._outbox.find(mirror_key(operation))
        if mirror is None:
            return False
        # What was refused before and drawn anew waits for another try, which will hardly go better.
        refused = mirror.fate is Fate.WAITING and mirror.attempts and not mirror.ts
        return not refused and mirror.fate is not Fate.LOST


def _told_key(operation: Operation, told: Told) -> str:
    return f"told {operation.id} {told.count}"


def _card(operation: Operation, channel: str) -> Letter:
    """Return the card as a letter. Its progress is not worth a second card, its end is."""
    return Letter(
        card_key(operation),
        channel,
        body_of(card(operation)),
        _urgency(operation),
        thread=operation.origin.thread,
        # Where it has no place a person is told so at first; of what a machine asks, the audit log must say it.
        must=not _goes_without_saying(operation) if operation.done else not is_person(operation.actor.user),
        version=operation.revision,
        answer_to=operation.origin.response_url,
        asker=operation.actor.user,
        calls=1 + sum(told.loud for told in tell(replace(operation, told=0))),
        ts=operation.card.ts if operation.card and operation.card.channel == channel else "",
    )


def _urgency(operation: Operation) -> Urgency:
    if went_astray(operation) or _asks(operation):
        return Urgency.CALL
    if operation.done and operation.command.goes_back and not operation.split:
        return Urgency.CALL
    if _goes_without_saying(operation):
        return Urgency.PROGRESS
    untold = operation.story[operation.told :] if is_followed(operation) else ()
    if any(event.by for event in untold):
        # Who pressed a button waits to see it happen, and for the next one.
        return Urgency.CALL
    first = operation.card is None
    return Urgency.NEWS if operation.done or first or untold else Urgency.PROGRESS


def _asks(operation: Operation) -> bool:
    """Tell whether the card waits for somebody to press a button."""
    if operation.state is State.WAITING:
        return True
    return operation.rollout is not None and operation.rollout.phase in _ASKING


def _goes_without_saying(operation: Operation) -> bool:
    """Tell whether all that is new is that the traffic did as it should: people were told the end before."""
    return operation.split is not None and not went_astray(operation)


def _ending(operation: Operation, channel: str, body: str) -> Letter:
    """Return what the card's thread is told of an unusual end, or of traffic that does not follow."""
    key = f"astray {operation.id}" if operation.split else f"story {operation.id}"
    urgency = Urgency.CALL if operation.split else Urgency.STORY
    return replace(_entry(operation, key, body, urgency), channel=channel)


def _entry(operation: Operation, key: str, body: str, urgency: Urgency, *, loud: bool = False) -> Letter:
    thread = operation.origin.thread
    under = card_key(operation)
    return Letter(key, channel_of(operation), body, urgency, under=under, thread=thread, loud=loud, once=True)
