"""Answers through a response_url: five uses in thirty minutes.

Rules: docs.slack.dev /interactivity/handling-user-interaction.
"""

from __future__ import annotations

import json

from aiohttp import web

from playground.slack.backstage import BACKSTAGE, Backstage
from playground.slack.chatapi import content_of
from playground.slack.state import Message
from playground.slack.tickets import Ticket
from playground.slack.webapi import drop_line, error_response, suffer
from playground.slack.wire import Json, SlackError


async def handle(request: web.Request) -> web.Response:
    """Serve /response/TEAM/APP/SECRET."""
    back = request.app[BACKSTAGE]
    trouble = back.troubles.take(method="response_url")
    if trouble and trouble.kind == "disconnect":
        return drop_line(request)
    if failed := await suffer(trouble, back.clock):
        return failed
    try:
        _answer(back, request.match_info["secret"], await _body(request))
    except SlackError as error:
        return error_response(error)
    if trouble and trouble.kind == "accept_then_drop":
        return drop_line(request)
    return web.Response(text="ok")


def show(back: Backstage, ticket: Ticket, body: Json) -> None:
    """Post what the app answers to an act: ephemeral unless `in_channel`; a thread only when in_channel.

    Raises SlackError when the content is refused.
    """
    content = content_of(body, back.uploads)
    in_channel = body.get("response_type") == "in_channel"
    if in_channel:
        back.uploads.share(content.blocks, ticket.channel)
        back.limits.spend_post(ticket.channel)
    message = Message(
        ticket.channel,
        back.world.bot.user_id,
        content.text,
        content.blocks,
        thread_ts=_thread_of(back, ticket, body) if in_channel else _thread_of_origin(back, ticket),
        ephemeral_to=None if in_channel else ticket.user,
    )
    back.workspace.post(message)


async def _body(request: web.Request) -> Json:
    try:
        body = json.loads(await request.text())
    except ValueError:
        raise SlackError("invalid_payload", status=400) from None
    if not isinstance(body, dict):
        raise SlackError("invalid_payload", status=400)
    return body


def _answer(back: Backstage, secret: str, body: Json) -> None:
    ticket = back.tickets.spend_response(secret)
    try:
        _apply(back, ticket, body)
    except SlackError as error:
        error.status = error.status if error.status != 200 else 400
        raise


def _apply(back: Backstage, ticket: Ticket, body: Json) -> None:
    origin = back.workspace.find(ticket.channel, ticket.origin_ts) if ticket.origin_ts else None
    if body.get("delete_original"):
        if origin is None:
            raise SlackError("message_not_found", status=404)
        back.workspace.change(origin, deleted=True)
    elif body.get("replace_original") and origin:
        content = content_of(body, back.uploads)
        # An ephemeral message stays ephemeral, whatever response_type says.
        back.workspace.change(origin, text=content.text, blocks=content.blocks)
    else:
        show(back, ticket, body)


def _thread_of(back: Backstage, ticket: Ticket, body: Json) -> str | None:
    wanted = body.get("thread_ts")
    if not wanted:
        return None
    parent = back.workspace.find(ticket.channel, str(wanted))
    if parent is None:
        raise SlackError("thread_not_found")
    return parent.thread_ts or parent.ts


def _thread_of_origin(back: Backstage, ticket: Ticket) -> str | None:
    origin = back.workspace.find(ticket.channel, ticket.origin_ts) if ticket.origin_ts else None
    return origin.thread_ts if origin else None
