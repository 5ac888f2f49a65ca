"""What one person alone is told about what they asked for: a letter like any other, shown to nobody else."""

from __future__ import annotations

from chat.blocks import Message
from chat.letters import body_of
from mesh.domain.letters import Letter, Urgency
from mesh.domain.operations import Operation
from mesh.ports import Outbox


def tell_alone(outbox: Outbox, operation: Operation, answer: Message, *, key: str) -> bool:
    """Let whoever asked be told, once, and nobody else; False where there is nobody, or no place, to tell it.

    In direct messages it is a message between the two of us, in which Slack has none for one person alone; a person's
    id names such a channel. Raises Unavailable when it may not be on record: tell it again under the same `key`.
    """
    origin, user = operation.origin, operation.actor.user
    if not user or not origin.channel:
        return False
    private = origin.channel.startswith(("D", "U", "W"))
    letter = Letter(
        key,
        origin.channel,
        body_of(answer),
        Urgency.CALL,
        thread=origin.thread,
        once=True,
        alone="" if private else user,
        answer_to=origin.response_url,
        asker=user,
    )
    outbox.put(letter)
    return True
