"""Hooks: what other systems post to `/hooks/<name>`, with a token. One table says who reads which.

The token is compared before the body is read. A sender that tries again on 5xx, and drops what gets a 4xx, must get a
5xx only where trying again helps.
"""

from __future__ import annotations

import base64
import hmac
import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from mesh.domain.errors import Refused, Unavailable
from telemetry.counting import given_up

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

HOOKS_PATH = "/hooks/"
MAX_BODY = 262_144
"""Bytes; some hundred alerts."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reply:
    """What a sender is answered."""

    status: int
    said: Mapping[str, Any]
    wait_s: int = 0
    """In how many whole seconds trying again may help (`Retry-After`, RFC 9110, section 10.2.3); 0 for no such word."""


Hook = Callable[[Any], Reply]
"""Reads what was posted, parsed from JSON. Raises Refused for what no repeating mends, Unavailable for the rest."""


class BadPost(Refused):
    """What was posted is not what this hook reads."""


class Stranger(Protocol):
    """Puts on record that somebody had no token of the hook of this name, or that the hook is closed: it has none."""

    def __call__(self, hook: str, *, closed: bool) -> None:
        """Do so; raise Unavailable."""


class Hooks:
    """The doors for other systems. To whom no token was given there is none."""

    def __init__(self, tokens: Mapping[str, tuple[str, ...]], table: Mapping[str, Hook], *, stranger: Stranger) -> None:
        """Accept `tokens`, by the first word of a hook's name; `table` says who reads `/hooks/<name>`.

        Each system has one, or two while rotating, and none opens the doors of another: whoever reads a Canary of
        Flagger's must not be able to end an incident.
        """
        self._tokens = {system: tuple(token.encode() for token in some) for system, some in tokens.items()}
        self._table = table
        self._stranger = stranger
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def counts(self) -> dict[str, int]:
        """Return how many posts this process answered, by `name status`."""
        with self._lock:
            return dict(self._counts)

    def answer(self, path: str, environ: WSGIEnvironment) -> Reply:
        """Answer one request to `/hooks/…`; never raises."""
        name = path.removeprefix(HOOKS_PATH)
        hook, tokens = self._table.get(name), self._tokens.get(name.partition("/")[0], ())
        if hook is None:
            return _no(404, "There is no such hook.")
        # Whoever asks at a door that nobody was given a token for is told nothing of it, and somebody should know.
        reply = self._checked(hook, environ, tokens) if tokens else _no(404, "There is no such hook.")
        if reply.status == 401 or not tokens:
            self._note_stranger(name, closed=not tokens)
        with self._lock:
            self._counts[f"{name} {reply.status}"] += 1
        if reply.status >= 400:
            why = reply.said.get("error", "") if tokens else "no token of it is set"
            log.warning("hook %s answered %d: %s", name, reply.status, why)
        return reply

    def _checked(self, hook: Hook, environ: WSGIEnvironment, tokens: tuple[bytes, ...]) -> Reply:
        if environ.get("REQUEST_METHOD") != "POST":
            return _no(405, "POST only.")
        if not _knows(tokens, environ.get("HTTP_AUTHORIZATION", "")):
            return _no(401, "The bearer token is missing or wrong.")
        body = _body(environ)
        return body if isinstance(body, Reply) else self._heard(hook, body)

    def _note_stranger(self, name: str, *, closed: bool) -> None:
        try:
            self._stranger(name, closed=closed)
        except Unavailable as error:
            log.warning("that somebody was turned away from %s is not on record: %s", name, error.message)
            given_up("hook", error.lapse)

    def _heard(self, hook: Hook, body: bytes) -> Reply:
        try:
            posted = json.loads(body, parse_constant=_no_number)
        except (ValueError, RecursionError):
            return _no(400, "The body is not JSON.")
        try:
            return hook(posted)
        except Refused as error:
            return _no(422, f"{error.message} {error.hint}".strip())
        except Unavailable as error:
            given_up("hook", error.lapse)
            return _no(503, error.message)
        except Exception:
            # Whether a second try helps is not known; a repeat does no harm.
            log.exception("a bug in a hook")
            return _no(500, "A bug in meshbot; its log has the details.")


def _knows(tokens: tuple[bytes, ...], header: str) -> bool:
    """Compare in constant time with every token, whichever fits."""
    scheme, _, given = header.partition(" ")
    sent = _SCHEMES.get(scheme.lower(), _nothing)(given.strip())
    fits = [hmac.compare_digest(sent, token) for token in tokens]
    return any(fits)


def _body(environ: WSGIEnvironment) -> bytes | Reply:
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != "application/json":
        return _no(415, "The content type must be application/json.")
    length = environ.get("CONTENT_LENGTH", "")
    if not (length.isascii() and length.isdigit()):
        return _no(411, "Content-Length is missing, or is not a number.")
    if len(length) > 12 or int(length) > MAX_BODY:
        return _no(413, f"More than {MAX_BODY} bytes.")
    body: bytes = environ["wsgi.input"].read(int(length))
    return body if len(body) == int(length) else _no(400, "The body is shorter than announced.")


def _bearer(given: str) -> bytes:
    # WSGI hands headers over as Latin-1.
    return given.encode("latin-1", "replace")


def _password(given: str) -> bytes:
    """Return the password of Basic (RFC 7617): who has no headers of its own still sends what stands in an address."""
    try:
        return base64.b64decode(given, validate=True).partition(b":")[2]
    except ValueError:
        return b""


def _nothing(_given: str) -> bytes:
    return b""


_SCHEMES: dict[str, Callable[[str], bytes]] = {"bearer": _bearer, "basic": _password}


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _no(status: int, why: str) -> Reply:
    return Reply(status, {"error": why})
