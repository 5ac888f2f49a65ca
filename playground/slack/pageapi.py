"""The JSON under the page people type in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import aiohttp
from aiohttp import web

from playground.slack.acting import Actor
from playground.slack.backstage import BACKSTAGE, Backstage
from playground.slack.state import Message
from playground.slack.webapi import base_url_of
from playground.slack.wire import Json, SlackError
from playground.slack.world import EXTERNAL, Channel, Person

PAGE = Path(__file__).parent / "page"
KEEP_ALIVE_S = 15.0
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def index(request: web.Request) -> web.StreamResponse:
    """Serve the page."""
    del request
    if not (PAGE / "index.html").exists():
        return web.Response(status=404, text="the page is not part of this installation; the API works without it")
    return web.FileResponse(PAGE / "index.html")


async def state(request: web.Request) -> web.Response:
    """Serve people, channels, user groups, commands and completions."""
    back = request.app[BACKSTAGE]
    world = back.world
    commands = [
        {"command": c.command, "description": c.description, "usage_hint": c.usage_hint} for c in world.commands
    ]
    return web.json_response(
        {
            "team": {"id": world.team_id, "name": world.team_name},
            "bot": {"id": world.bot.user_id, "name": world.bot.name},
            "people": [_person(back, person) for person in world.people],
            "channels": [_channel(back, channel) for channel in world.channels if not channel.archived],
            "usergroups": [{"id": group.id, "handle": group.handle} for group in world.usergroups],
            "commands": commands,
            "completions": list(back.completions),
        }
    )


async def messages(request: web.Request) -> web.Response:
    """Serve what one person sees of a channel, oldest first, without replies."""
    back = request.app[BACKSTAGE]
    found = back.workspace.visible(request.query.get("channel", ""), request.query.get("as"))
    return _messages(back, [m for m in found if m.thread_ts is None or m.broadcast])


async def replies(request: web.Request) -> web.Response:
    """Serve what one person sees of a thread, its first message included, oldest first."""
    back = request.app[BACKSTAGE]
    query = request.query
    return _messages(back, back.workspace.replies(query.get("channel", ""), query.get("ts", ""), query.get("as")))


async def events(request: web.Request) -> web.StreamResponse:
    """Stream every change as server-sent events; with ?as=U… ephemerals of others are left out."""
    back = request.app[BACKSTAGE]
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    queue = back.workspace.listen()
    try:
        await response.write(b": hello\n\n")
        while event := await _next_event(queue, request.query.get("as")):
            await response.write(event)
    except ConnectionResetError:
        return response
    finally:
        back.workspace.unlisten(queue)
    return response


async def send(request: web.Request) -> web.Response:
    """Let a person type something."""
    body = await json_body(request)
    actor = _actor(request, body)
    actor.send(str(body.get("text", "")), thread_ts=body.get("thread_ts") or None)
    return web.json_response({"ok": True})


async def click(request: web.Request) -> web.Response:
    """Let a person press a button."""
    body = await json_body(request)
    keys = (str(body.get(key, "")) for key in ("message_ts", "block_id", "action_id"))
    _actor(request, body).click(*keys, chosen=body.get("value"))
    return web.json_response({"ok": True})


async def world(request: web.Request) -> web.Response:
    """Pass GET on to the traffic simulator's /state, and say which services have an alert.

    `alerts` is a list of `namespace/service`, or null where nobody takes alerts.
    """
    answer = await _proxy(request, "GET", "/state")
    if answer.status != 200:
        return answer
    alerting = request.app[BACKSTAGE].alerting
    state = json.loads(answer.body) if isinstance(answer.body, bytes) else {}
    return web.json_response({**state, "alerts": alerting.firing if alerting else None})


async def break_world(request: web.Request) -> web.Response:
    """Pass POST on to the traffic simulator's /break."""
    return await _proxy(request, "POST", "/break")


async def alert(request: web.Request) -> web.Response:
    """Raise an alert of a service with the bot, or resolve it, as Alertmanager would."""
    body = await json_body(request)
    alerting = request.app[BACKSTAGE].alerting
    if alerting is None:
        raise SlackError("nobody takes alerts here")
    await alerting.tell(str(body.get("namespace", "")), str(body.get("service", "")), firing=bool(body.get("firing")))
    return web.json_response({"ok": True})


async def json_body(request: web.Request) -> Json:
    """Return the JSON object of a request; raises SlackError `invalid_json`."""
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError:
        raise SlackError("invalid_json") from None
    if not isinstance(body, dict):
        raise SlackError("json_not_object")
    return body


def answering(handler: Handler) -> Handler:
    """Turn a SlackError of a handler into its JSON."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except SlackError as error:
            return web.json_response(error.body(), status=error.status)

    return answered


def _actor(request: web.Request, body: Json) -> Actor:
    back = request.app[BACKSTAGE]
    return Actor(back, str(body.get("as", "")), str(body.get("channel", "")), base_url=base_url_of(request))


def _person(back: Backstage, person: Person) -> Json:
    flags = sorted(person.flags | ({EXTERNAL} if back.world.is_external(person) else set()))
    return {
        "id": person.id,
        "name": person.name,
        "real_name": person.real_name,
        "title": person.title,
        "flags": flags,
    }


def _channel(back: Backstage, channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "topic": channel.topic,
        "members": list(channel.members),
        "bot_is_member": back.world.bot.user_id in channel.members,
    }


def _messages(back: Backstage, found: list[Message]) -> web.Response:
    return web.json_response({"messages": [back.workspace.seen(message) for message in found]})


async def _next_event(queue: asyncio.Queue[Json], as_: str | None) -> bytes:
    try:
        event = await asyncio.wait_for(queue.get(), KEEP_ALIVE_S)
    except TimeoutError:
        return b": still here\n\n"
    if not event:
        return b""
    reader = event["message"]["ephemeral_to"] if "message" in event else event.get("user")
    if as_ and reader not in (None, as_):
        return b": not for you\n\n"
    return f"data: {json.dumps(event)}\n\n".encode()


async def _proxy(request: web.Request, verb: str, path: str) -> web.Response:
    url = request.app[BACKSTAGE].traffic_url
    if url is None:
        return web.json_response({"ok": False, "error": "no traffic simulator"}, status=503)
    data = await request.read() if verb == "POST" else None
    headers = {"Content-Type": "application/json"}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.request(verb, url.rstrip("/") + path, data=data, headers=headers) as answer,
        ):
            return web.Response(body=await answer.read(), status=answer.status, content_type=answer.content_type)
    except (aiohttp.ClientError, TimeoutError):
        return web.json_response({"ok": False, "error": f"the traffic simulator at {url} does not answer"}, status=502)
