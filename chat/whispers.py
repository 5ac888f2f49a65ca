"""What the step-up check says, told to the person alone: why not, and where to prove that it is them."""

from __future__ import annotations

import logging

from chat.alone import tell_alone
from chat.blocks import Block, Message, message, section
from chat.escape import bold, code, esc, join, shorten, tell
from chat.locales import locale_of, speaking, tr
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Operation
from mesh.domain.stepups import Proof
from mesh.ports import Outbox

PROVE = "meshbot.prove"
"""Slack says that the link was followed; nothing is to be done about it."""

log = logging.getLogger(__name__)


class SlackWhispers:
    """Implements `ports.Whispers`: what is told is on record when a call returns, and is seen a moment later."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def proof_wanted(self, operation: Operation, proof: Proof) -> bool:
        """Let the person be shown what the step-up check says; tells whether they will be. Never raises."""
        try:
            with speaking(locale_of(operation.origin.locale)):
                drawn = proof_message(operation, proof)
                return tell_alone(self._outbox, operation, drawn, key=f"proof {operation.id}")
        except Unavailable as error:
            log.warning("%s is not told what the step-up check says: %s", operation.actor.user, error.message)
            return False


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
