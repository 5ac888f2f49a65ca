"""What one person alone is told about what they asked for: an answer to them, or a direct message."""

from __future__ import annotations

from typing import Any

from slack_sdk import WebClient

from chat.blocks import Message
from chat.letters import body_of
from chat.response_url import respond
from mesh.domain.letters import Letter, Urgency
from mesh.domain.operations import Operation
from mesh.ports import Outbox


def tell_alone(outbox: Outbox, client: WebClient, operation: Operation, answer: Message, *, key: str) -> None:
    """Show it to whoever asked, and to nobody else; `key` names it where it becomes a letter, so that it comes once.

    Raises `chat.trouble.TROUBLE` when Slack does not take it, Unavailable when it may not be on record.
    """
    origin, user = operation.origin, operation.actor.user
    if not origin.response_url and origin.channel.startswith(("D", "U", "W")):
        # Between the two of us there are no messages for one person alone, and a person's id names such a channel.
        letter = Letter(key, origin.channel, body_of(answer), Urgency.CALL, thread=origin.thread, once=True)
        outbox.put(letter)
    elif origin.response_url:
        respond(origin.response_url, answer, api_url=client.base_url)
    elif origin.channel:
        where: dict[str, Any] = {"channel": origin.channel, "user": user, "thread_ts": origin.thread or None}
        client.chat_postEphemeral(text=answer.text, blocks=list(answer.blocks), **where)
