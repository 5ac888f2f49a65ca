"""Where an operation is shown: its card, the same card where approval is asked for, and which messages these are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from mesh.domain.letters import Fate
from mesh.domain.operations import Card, Operation
from mesh.ports import Outbox


def is_private(operation: Operation) -> bool:
    """Tell whether the asking person alone is shown it, in our direct messages."""
    return bool(operation.actor.user) and operation.origin.channel == operation.actor.user


def at_home(operation: Operation) -> Operation:
    """Return the operation as it is shown to the asking person alone."""
    return replace(
        operation, origin=replace(operation.origin, channel=operation.actor.user, thread="", response_url="")
    )


def card_key(operation: Operation) -> str:
    """Return the key of an operation's card. In direct messages it is another message than the one in a channel."""
    return f"home {operation.id}" if is_private(operation) else f"card {operation.id}"


def mirror_key(operation: Operation) -> str:
    """Return the key of the card where approval is asked for."""
    return f"mirror {operation.id}"


def channel_of(operation: Operation) -> str:
    """Return the channel in which an operation is shown; empty for none.

    What goes to a person goes to that name of theirs, so that it stays in one lane; Slack's name of the conversation
    is known once it has been posted.
    """
    if operation.card is None or is_private(operation):
        return operation.origin.channel
    return operation.card.channel


def is_on_card(operation: Operation, outbox: Outbox | None, channel: str, ts: str) -> bool:
    """Tell whether a message is the operation's card, in one of its places. Raises Unavailable.

    The outbox knows a place before the operation does. Where Slack did not say which message it is, its channel counts;
    so it does for a card that only the asking person is answered with.
    """
    places = list(_places(operation, outbox))
    return not places or any(place.channel == channel and place.ts in ("", ts) for place in places)


def _places(operation: Operation, outbox: Outbox | None) -> Iterator[Card]:
    """Yield where the card is; without a timestamp where that is not known."""
    asked_in = operation.approval.channel if operation.approval else ""
    # A card that moved home has left its channel.
    keys = dict.fromkeys((card_key(at_home(operation)), card_key(operation)))
    for names, known, channel in (
        (keys, operation.card, channel_of(operation)),
        ((mirror_key(operation),), operation.mirror, asked_in),
    ):
        found = (outbox.find(name) for name in names) if outbox and channel else ()
        row = next((row for row in found if row), None)
        if row is not None and (row.place or known is None):
            # Where it could not be touched any more, the asking person was answered with it as well.
            lost = row.fate is Fate.LOST
            yield Card(row.channel, "") if lost else row.place or Card(row.letter.channel, "")
        elif known is not None:
            yield known
        elif channel:
            yield Card(channel, "")
