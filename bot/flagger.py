"""Flagger's questions over HTTP: may this revision go on? Answered from approvals, 200 for yes and 403 for not yet.

Flagger sends JSON `{name, namespace, phase, checksum, metadata}` (docs.flagger.app/usage/webhooks) and asks again until
its own deadline. `metadata.cluster` names the cluster where meshbot has several.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mesh.domain.commands import Command, Verb
from mesh.domain.errors import MeshbotError, Unavailable
from mesh.operations.gatekeeping import HOOKS, is_open, question
from mesh.operations.receiving import Desk

PATH = "/hooks/flagger/"
MAX_BODY = 65_536
"""Bytes."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_CHECKSUM = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """One HTTP request, before anybody trusts it."""

    hook: str
    authorization: str
    """The Authorization header, as sent."""
    length: str
    """The Content-Length header, as sent."""
    read: Callable[[int], bytes]
    """Reads at most so many bytes of the body."""


def flagger(asked: Question, desk: Desk, token: str) -> tuple[int, str]:
    """Return status and words. Only 200 lets Flagger go on; whatever cannot be known is not 200."""
    if not is_trusted(asked.authorization, token):
        return 401, "The token is missing or wrong."
    if asked.hook not in HOOKS:
        return 404, f"There is {', '.join(HOOKS)}."
    command = _command(asked.hook, _body(asked))
    return (400, command) if isinstance(command, str) else _answer(desk, command)


def _answer(desk: Desk, command: Command) -> tuple[int, str]:
    try:
        operation = question(desk, command)
    except Unavailable as error:
        return 503, error.message
    except MeshbotError as error:
        log.warning("Flagger's question cannot be asked: %s %s", error.message, error.hint)
        return 403, f"{error.message} {error.hint}"
    if is_open(operation):
        return 200, f"{operation.id} was approved."
    return 403, f"{operation.id} is {operation.state}."


def is_trusted(authorization: str, token: str) -> bool:
    """Tell whether the header holds the token, in a time that says nothing about it; without a token nobody is.

    As a bearer token, or as the password of Basic (RFC 7617): Flagger sends no headers of its own, but what stands in
    an address as `http://flagger:TOKEN@…` its HTTP library sends in that way.
    """
    kind, _, given = authorization.partition(" ")
    held = _SCHEMES.get(kind.lower(), _nothing)(given.strip())
    return bool(token) and hmac.compare_digest(held.encode(errors="replace"), token.encode())


def _password(given: str) -> str:
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _nothing(_given: str) -> str:
    return ""


_SCHEMES: dict[str, Callable[[str], str]] = {"bearer": str, "basic": _password}


def _body(asked: Question) -> dict[str, Any] | str:
    if not (asked.length.isascii() and asked.length.isdigit()) or int(asked.length[:20]) > MAX_BODY:
        return f"Content-Length must be a number of at most {MAX_BODY}."
    try:
        body = json.loads(asked.read(int(asked.length)))
    except (ValueError, RecursionError):
        return "The body is not JSON."
    return body if isinstance(body, dict) else "The body is not a JSON object."


def _command(hook: str, body: dict[str, Any] | str) -> Command | str:
    """Return what is asked, or what is wrong with it; every word is checked, for cards and keys are made of them."""
    if isinstance(body, str):
        return body
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, dict):
        return "`metadata` is not a JSON object."
    cluster = metadata.get("cluster")
    named = {"name": body.get("name"), "namespace": body.get("namespace"), "metadata.cluster": cluster or "any"}
    for key, value in named.items():
        if not (isinstance(value, str) and _NAME.fullmatch(value)):
            return f"`{key}` is not a name."
    checksum = body.get("checksum")
    if not (isinstance(checksum, str) and _CHECKSUM.fullmatch(checksum)):
        return "`checksum` is missing, and approval is bound to it."
    words = {"service": body["name"], "namespace": body["namespace"], "cluster": cluster or ""}
    return Command(verb=Verb.FLAGGER, hook=hook, checksum=checksum, **words)
