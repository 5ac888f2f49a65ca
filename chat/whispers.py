"""What the step-up check says, told to the person alone: why not, and where to prove that it is them."""

from __future__ import annotations

import logging

from slack_sdk import WebClient

from chat.alone import tell_alone
from chat.blocks import Block, Message, message, section
from chat.escape import bold, code, esc, join, shorten, tell
from chat.locales import locale_of, speaking, tr
from chat.trouble import TROUBLE, word
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Operation
from mesh.domain.stepups import Proof
from mesh.ports import Outbox

PROVE = "meshbot.prove"
"""Slack says that the link was followed; nothing is to be done about it."""

log = logging.getLogger(__name__)


class SlackWhispers:
    """Implements `ports.Whispers`."""

    def __init__(self, outbox: Outbox, client: WebClient) -> None:
        """Tell with `client`, which has no retry handlers; direct messages go through the outbox."""
        self._outbox = outbox
        self._client = client

    def proof_wanted(self, operation: Operation, proof: Proof) -> bool:
        """Show the person what the step-up check says; tells whether they were shown it. Never raises."""
        try:
            key = f"proof {operation.id}"
            with speaking(locale_of(operation.origin.locale)):
                drawn = proof_message(operation, proof)
            tell_alone(self._outbox, self._client, operation, drawn, key=key)
        except TROUBLE as trouble:
            log.warning("%s was not told what the step-up check says: %s", operation.actor.user, word(trouble))
            return False
        except Unavailable as error:
            log.warning("%s was not told what the step-up check says: %s", operation.actor.user, error.message)
            return False
        return bool(operation.origin.response_url or operation.origin.channel)


def proof_message(operation: Operation, proof: Proof) -> Message:
    """Draw it: what it is about, the other system's words set apart, and a button that leads there."""
    asked = f"{operation.command.verb} {operation.target.service}"
    what = tr("Prove that it is you, then repeat it.") if proof.url else tr("The step-up check said no.")
    head = join(" ", [esc(":closed_lock_with_key:"), bold(esc(what)), esc(shorten(asked, 120)), code(operation.id)])
    said = [tell("It says: {reason}", reason=code(shorten(proof.reason, 300)))] if proof.reason else []
    return message(esc(what), [section(join("\n", [head, *said])), *([_link(proof.url)] if proof.url else [])])


def _link(url: str) -> Block:
    label = {"type": "plain_text", "text": tr("Prove that it is you"), "emoji": False}
    return {"type": "actions", "elements": [{"type": "button", "text": label, "url": url, "action_id": PROVE}]}
