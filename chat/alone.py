"""What one person alone is told about what they asked for: a letter like any other, shown to nobody else."""

from __future__ import annotations

from dataclasses import replace

from chat.blocks import Message
from chat.letters import body_of
from mesh.domain.letters import Letter, Urgency
from mesh.domain.operations import Operation, Origin
from mesh.ports import Outbox


def tell_alone(outbox: Outbox, operation: Operation, answer: Message, *, key: str) -> bool:
    """Let whoever asked be told, once, and nobody else; False where there is nobody, or no place, to tell it.

    Raises Unavailable when it may not be on record: tell it again under the same `key`.
    """
    if not operation.actor.user or not operation.origin.channel:
        return False
    outbox.put(letter_to(operation.actor.user, operation.origin, answer, key=key))
    return True


def letter_to(user: str, origin: Origin, answer: Message, *, key: str) -> Letter:
    """Return the letter that tells `user` alone what became of what they asked for at `origin`.

    In direct messages it is a message between the two of us, in which Slack has none for one person alone; a person's
    id names such a channel, and so it is where nobody said where they asked.
    """
    letter = Letter(
        key,
        origin.channel or user,
        body_of(answer),
        Urgency.CALL,
        thread=origin.thread,
        once=True,
        answer_to=origin.response_url,
        asker=user,
    )
    return letter if letter.in_private else replace(letter, alone=user)
