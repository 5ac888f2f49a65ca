"""The gate for HTTP: nothing reaches a listener that Slack did not sign, recently, in full.

The raw body is checked before anything reads it (docs.slack.dev/authentication/verifying-requests-from-slack). Within
the 300 s that a signature lives, a replay of the very same request is harmless: its delivery has the same name, so the
operation it made the first time is given back.
"""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from slack_sdk.signature import SignatureVerifier

from mesh.domain.errors import Lapse
from telemetry.counting import given_up

MAX_BODY = 1_048_576
"""Bytes; Slack's own requests stay far below."""
CONTENT_TYPES = frozenset({"application/x-www-form-urlencoded", "application/json"})

_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Letter:
    """One HTTP request, before anybody trusts it."""

    content_type: str
    length: str
    """The Content-Length header, as sent."""
    timestamp: str
    signature: str
    read: Callable[[int], bytes]
    """Reads at most so many bytes of the body."""


@dataclass(frozen=True)
class Turned:
    """Turned away, or answered at the gate."""

    status: int
    why: str


class Gate:
    """Checks letters against the signing secrets that are accepted now."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        """Take one signing secret, or two while rotating."""
        self._verifiers = tuple(SignatureVerifier(secret) for secret in secrets)

    def open(self, letter: Letter) -> bytes | Turned:
        """Return the body when it may pass."""
        body = _body(letter)
        if isinstance(body, Turned):
            return body
        if b"ssl_check=1" in body.split(b"&"):
            # Slack probes certificates with this, unsigned; it is answered and does nothing.
            return Turned(200, "")
        if not self._signed(letter, body):
            self._note(letter, body)
            return Turned(401, "The signature is missing, wrong or too old.")
        return body

    def _note(self, letter: Letter, body: bytes) -> None:
        """Say in the log what was turned away: what Slack signed, and comes late, is a person who gets no answer."""
        if any(_is_by(verifier, letter, body) for verifier in self._verifiers):
            log.warning("Turned away a request that Slack signed more than 300 s from now: does this clock go right?")
            given_up("gate", Lapse.OLD)
        else:
            log.info("Turned away a request whose signature is missing or wrong.")

    def _signed(self, letter: Letter, body: bytes) -> bool:
        # The verifier would raise on a timestamp that is no number and on a signature that is not ASCII.
        if not _TIMESTAMP.fullmatch(letter.timestamp) or not _SIGNATURE.fullmatch(letter.signature):
            return False
        try:
            return any(verifier.is_valid(body, letter.timestamp, letter.signature) for verifier in self._verifiers)
        except UnicodeDecodeError:
            return False


def _is_by(verifier: SignatureVerifier, letter: Letter, body: bytes) -> bool:
    """Tell whether whoever has the secret signed this, whenever that was."""
    try:
        expected = verifier.generate_signature(timestamp=letter.timestamp, body=body) or ""
    except UnicodeDecodeError:
        return False
    return hmac.compare_digest(expected.encode(), letter.signature.encode())


def _body(letter: Letter) -> bytes | Turned:
    if letter.content_type.partition(";")[0].strip().lower() not in CONTENT_TYPES:
        return Turned(415, "Slack sends forms and JSON.")
    if letter.length and not letter.length.isascii():
        return Turned(400, "Content-Length is not a number.")
    if not letter.length.isdigit():
        return Turned(411, "Content-Length is missing.")
    # Zeros in front would make any number of digits a small one, and Python reads no more than some thousand.
    if len(letter.length) > 12 or int(letter.length) > MAX_BODY:
        return Turned(413, f"More than {MAX_BODY} bytes.")
    body = letter.read(int(letter.length))
    return body if len(body) == int(letter.length) else Turned(400, "The body is shorter than announced.")
