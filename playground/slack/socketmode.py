"""Socket Mode: envelopes over websockets, acknowledged by envelope_id.

Rules: docs.slack.dev /apis/events-api/using-socket-mode.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import uuid

from aiohttp import WSMsgType, web

from playground.slack.clock import Clock
from playground.slack.rules import Rules
from playground.slack.wire import Json, SlackError

DEBUG_LIFE_S = 360.0
NORMAL_LIFE_S = 18_060
CLOSE_PATIENCE_S = 0.5


class SocketHub:
    """Keeps the app's websockets; each payload goes to one of them, any."""

    def __init__(self, rules: Rules, clock: Clock, *, app_id: str) -> None:
        self._rules = rules
        self._clock = clock
        self._app_id = app_id
        self._tickets: set[str] = set()
        self._sockets: dict[web.WebSocketResponse, asyncio.BaseTransport | None] = {}
        self._mute: set[web.WebSocketResponse] = set()
        self._acks: dict[str, asyncio.Future[Json]] = {}

    @property
    def connected(self) -> bool:
        """Whether at least one websocket is open."""
        return bool(self._sockets)

    def new_ticket(self) -> str:
        """Return the one-time secret of a websocket URL; raises SlackError when too many are open."""
        if len(self._sockets) >= self._rules.socket_limit:
            raise SlackError("too_many_websockets")
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Hold one websocket open until either side closes it."""
        if request.query.get("ticket") not in self._tickets:
            return web.Response(status=401, text="ask apps.connections.open for a new URL; each is good for one use")
        self._tickets.discard(request.query["ticket"])
        socket = web.WebSocketResponse(timeout=CLOSE_PATIENCE_S, autoping=False)
        await socket.prepare(request)
        debug = "debug_reconnects" in request.query
        self._sockets[socket] = request.transport
        life = asyncio.create_task(self._expire(socket)) if debug else None
        try:
            await socket.send_json(self._hello(DEBUG_LIFE_S if debug else NORMAL_LIFE_S))
            await self._read(socket)
        finally:
            self._sockets.pop(socket, None)
            self._mute.discard(socket)
            if life:
                life.cancel()
        return socket

    async def send(self, kind: str, payload: Json, *, retry: int, reason: str) -> Json:
        """Send one envelope and return what came back with its ack, {} when nothing.

        Raises ConnectionError when no websocket is open, TimeoutError without an ack within the deadline.
        """
        if not self._sockets:
            raise ConnectionError("no websocket is open")
        envelope_id = str(uuid.uuid4())
        envelope: Json = {"envelope_id": envelope_id, "type": kind, "payload": payload}
        envelope["accepts_response_payload"] = kind != "events_api"
        if kind == "events_api":
            envelope |= {"retry_attempt": retry, "retry_reason": reason}
        ack = self._acks[envelope_id] = asyncio.get_running_loop().create_future()
        try:
            socket = random.choice(list(self._sockets))
            if socket not in self._mute:
                await socket.send_json(envelope)
            answer = await asyncio.wait_for(ack, self._rules.ack_deadline_s)
        finally:
            del self._acks[envelope_id]
        return answer if envelope["accepts_response_payload"] else {}

    async def disconnect(self, reason: str) -> None:
        """End every websocket: `warning` closes it 10 s later, `none` drops the line without a word or a frame.

        `silence` leaves it open, and nothing comes over it any more: no payload, no answer to a ping.
        """
        await asyncio.gather(*(self._end(socket, reason) for socket in list(self._sockets)))

    async def _end(self, socket: web.WebSocketResponse, reason: str) -> None:
        if reason == "silence":
            self._mute.add(socket)
            return
        if reason == "none":
            if transport := self._sockets.pop(socket, None):
                transport.close()
            return
        await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "playground"}})
        if reason == "warning":
            await self._clock.sleep(self._rules.socket_warning_s)
        self._sockets.pop(socket, None)
        await socket.close()

    async def _expire(self, socket: web.WebSocketResponse) -> None:
        await self._clock.sleep(DEBUG_LIFE_S - self._rules.socket_warning_s)
        await self._end(socket, "warning")

    async def _read(self, socket: web.WebSocketResponse) -> None:
        async for frame in socket:
            if frame.type is WSMsgType.PING and socket not in self._mute:
                await socket.pong(frame.data)
            if frame.type is not WSMsgType.TEXT:
                continue
            answer: Json = json.loads(frame.data)
            ack = self._acks.get(str(answer.get("envelope_id")))
            if ack and not ack.done():
                ack.set_result(answer.get("payload") or {})

    def _hello(self, life_s: float) -> Json:
        debug = {"host": "playground", "build_number": 1, "approximate_connection_time": int(life_s)}
        return {
            "type": "hello",
            "num_connections": len(self._sockets),
            "debug_info": debug,
            "connection_info": {"app_id": self._app_id},
        }
