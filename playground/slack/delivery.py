"""Carries payloads to the app: signed HTTP or Socket Mode, deadlines, the retries of events, and a record of it all."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import logging
import time
from collections.abc import Coroutine
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias
from urllib.parse import urlencode

import aiohttp

from playground.slack.clock import Clock
from playground.slack.rules import Rules
from playground.slack.socketmode import SocketHub
from playground.slack.trouble import Trouble, Troubles
from playground.slack.wire import Json

logger = logging.getLogger(__name__)
Kind: TypeAlias = Literal["slash_commands", "interactive", "events_api"]
OPERATION_TIMEOUT = "operation_timeout"
DISPATCH_FAILED = "dispatch_failed"
REASONS = {OPERATION_TIMEOUT: "http_timeout", DISPATCH_FAILED: "connection_failed"}


@dataclass(frozen=True)
class Attempt:
    """One try to hand over a payload."""

    number: int
    """0 for the first, then x-slack-retry-num."""
    via: str
    """http, socket, or nothing when no way to the app was known."""
    seconds: float
    """Until the ack, or until it was given up."""
    status: int | None = None
    """HTTP status; 200 for a Socket Mode ack; None without an answer."""
    body: str | Json = ""
    """What came with the ack."""
    error: str = ""
    """operation_timeout, dispatch_failed, http_client_error, http_service_error; empty when acknowledged."""
    no_retry: bool = False
    """The app asked for no more retries (x-slack-no-retry: 1)."""


@dataclass(frozen=True)
class Delivery:
    """One payload and every attempt to deliver it."""

    number: int
    """Counts from 1."""
    kind: Kind
    """The Socket Mode envelope type, in HTTP too."""
    payload: Json
    """What was sent."""
    attempts: tuple[Attempt, ...] = ()
    """Oldest first."""
    duplicate_of: int | None = None
    """The delivery this one repeats on purpose."""

    def as_json(self) -> Json:
        """Return the record as `/_playground/deliveries` shows it; the top level repeats the last attempt."""
        last = self.attempts[-1] if self.attempts else None
        return {
            "number": self.number,
            "kind": self.kind,
            "payload": self.payload,
            "attempts": [asdict(attempt) for attempt in self.attempts],
            "status": last.status if last else None,
            "seconds_to_ack": last.seconds if last and not last.error else None,
            "response_body": last.body if last else None,
            "error": last.error if last else None,
            "timeout": any(attempt.error == OPERATION_TIMEOUT for attempt in self.attempts),
            "duplicate_of": self.duplicate_of,
        }


def signed_headers(secret: str, body: bytes, *, now: int | None = None) -> dict[str, str]:
    """Return the v0 signature headers (docs.slack.dev /authentication/verifying-requests-from-slack)."""
    stamp = str(int(time.time()) if now is None else now)
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def encode(kind: Kind, payload: Json) -> tuple[str, bytes]:
    """Return content type and body of a payload over HTTP."""
    if kind == "events_api":
        return "application/json", json.dumps(payload).encode()
    form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return "application/x-www-form-urlencoded", urlencode(form).encode()


@dataclass(frozen=True)
class Line:
    """How the app is reached."""

    sockets: SocketHub
    """Its websockets; while one is open nothing goes over HTTP."""
    signing_secret: str
    """Signs HTTP deliveries."""
    request_url: str | None = None
    """Where HTTP deliveries go; None for an app in Socket Mode only."""


class Courier:
    """Delivers payloads; `start` and `close` it on the loop that uses it."""

    def __init__(self, line: Line, rules: Rules, clock: Clock, *, troubles: Troubles) -> None:
        self._line = line
        self._rules = rules
        self._clock = clock
        self._troubles = troubles
        self._numbers = itertools.count(1)
        self._records: dict[int, Delivery] = {}
        self._tasks: set[asyncio.Task[object]] = set()
        self._session: aiohttp.ClientSession | None = None

    @property
    def deliveries(self) -> list[Delivery]:
        """Every delivery so far, oldest first."""
        return list(self._records.values())

    async def start(self) -> None:
        """Open the HTTP client."""
        timeout = aiohttp.ClientTimeout(total=self._rules.ack_deadline_s)
        # Each delivery on a connection of its own: a kept-alive one that the app just closed would look like its fault.
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(force_close=True))

    async def close(self) -> None:
        """Drop deliveries under way and close the HTTP client."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    def in_background(self, work: Coroutine[Any, Any, object]) -> None:
        """Run `work` on its own; `close` ends it."""
        task: asyncio.Task[object] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def deliver(self, kind: Kind, payload: Json, *, duplicate_of: int | None = None) -> Attempt:
        """Deliver one payload, retrying events, and return the last attempt."""
        number = next(self._numbers)
        self._records[number] = Delivery(number, kind, payload, duplicate_of=duplicate_of)
        trouble = None if duplicate_of else self._troubles.take(delivery=kind)
        await self._before(trouble, self._records[number])
        attempt = await self._try(number, retry=0, reason="", lose_ack=_is(trouble, "accept_then_drop"))
        return await self._retry(number, attempt) if kind == "events_api" else attempt

    def _done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("a delivery broke off: this is a bug of the stand-in", exc_info=error)

    async def _before(self, trouble: Trouble | None, delivery: Delivery) -> None:
        if trouble is None:
            return
        if trouble.kind == "hang":
            await self._clock.sleep(trouble.seconds)
        if trouble.kind == "disconnect":
            await self._line.sockets.disconnect(trouble.reason)
        if trouble.kind == "duplicate_delivery":
            self.in_background(self.deliver(delivery.kind, delivery.payload, duplicate_of=delivery.number))

    async def _retry(self, number: int, attempt: Attempt) -> Attempt:
        for retry, delay_s in enumerate(self._rules.retry_delays_s[:3], start=1):
            if not attempt.error or attempt.no_retry:
                break
            await self._clock.sleep(delay_s)
            attempt = await self._try(number, retry=retry, reason=REASONS.get(attempt.error, "http_error"))
        return attempt

    async def _try(self, number: int, *, retry: int, reason: str, lose_ack: bool = False) -> Attempt:
        started = time.monotonic()
        attempt = await self._send(self._records[number], retry, reason)
        attempt = replace(attempt, seconds=round(time.monotonic() - started, 4))
        if lose_ack:
            attempt = replace(attempt, error=OPERATION_TIMEOUT, body="", status=None)
        record = self._records[number]
        self._records[number] = replace(record, attempts=(*record.attempts, attempt))
        return attempt

    async def _send(self, delivery: Delivery, retry: int, reason: str) -> Attempt:
        via = "socket" if self._line.sockets.connected else "http" if self._line.request_url else "nothing"
        failed = Attempt(retry, via, 0.0, error=DISPATCH_FAILED)
        try:
            if via == "socket":
                body = await self._line.sockets.send(delivery.kind, delivery.payload, retry=retry, reason=reason)
                return replace(failed, status=200, body=body, error="")
            return failed if via == "nothing" else await self._send_http(delivery, retry, reason)
        except TimeoutError:
            return replace(failed, error=OPERATION_TIMEOUT)
        except (ConnectionError, aiohttp.ClientError):
            return failed

    async def _send_http(self, delivery: Delivery, retry: int, reason: str) -> Attempt:
        content_type, data = encode(delivery.kind, delivery.payload)
        headers = {"Content-Type": content_type, "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)"}
        headers |= signed_headers(self._line.signing_secret, data)
        if retry:
            headers |= {"x-slack-retry-num": str(retry), "x-slack-retry-reason": reason}
        if self._session is None or self._line.request_url is None:
            raise RuntimeError("start the courier, and give it a request_url")
        request = self._session.post(self._line.request_url, data=data, headers=headers, allow_redirects=False)
        async with request as response:
            text = await response.text()
            good = response.status == 200 or (delivery.kind == "events_api" and 200 <= response.status < 300)
            error = "" if good else "http_client_error" if response.status < 500 else "http_service_error"
            no_retry = not good and response.headers.get("x-slack-no-retry") == "1"
            body = _parsed(text, response.content_type)
            return Attempt(retry, "http", 0.0, response.status, body, error, no_retry)


def _parsed(text: str, content_type: str) -> str | Json:
    if content_type != "application/json":
        return text
    try:
        parsed = json.loads(text)
    except ValueError:
        return text
    return parsed if isinstance(parsed, dict) else text


def _is(trouble: Trouble | None, kind: str) -> bool:
    return trouble is not None and trouble.kind == kind
