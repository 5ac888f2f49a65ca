"""The door of the Web API: bodies, tokens, scopes, rates and ordered failures, then the method."""

from __future__ import annotations

import json
import mimetypes
from dataclasses import dataclass

from aiohttp import web

from playground.slack import appapi, chatapi, directory
from playground.slack.backstage import BACKSTAGE, Backstage, Call, Method
from playground.slack.clock import Clock
from playground.slack.trouble import Trouble
from playground.slack.wire import Json, SlackError, rate_limited

PICTURES = ("image/png", "image/jpeg", "image/gif")
JSON_ARGUMENTS = ("blocks", "attachments", "metadata", "view", "files")


@dataclass(frozen=True)
class Endpoint:
    """One method of the Web API."""

    run: Method
    """What it does."""
    tier: int | None
    """1 to 4, or None where Slack has a rule of its own."""
    scope: str = ""
    """What the token must be allowed to do; empty for nothing in particular."""
    token: str = "bot"
    """bot, app, config, or none."""


# Tiers and scopes are those of the method pages on docs.slack.dev.
ENDPOINTS = {
    "api.test": Endpoint(appapi.api_test, None, token="none"),
    "auth.test": Endpoint(appapi.auth_test, None),
    "apps.manifest.export": Endpoint(appapi.manifest_export, 3, token="config"),
    "apps.connections.open": Endpoint(appapi.connections_open, 1, token="app"),
    "chat.postMessage": Endpoint(chatapi.post_message, None, "chat:write"),
    "chat.update": Endpoint(chatapi.update, 3, "chat:write"),
    "chat.delete": Endpoint(chatapi.delete, 3, "chat:write"),
    "chat.postEphemeral": Endpoint(chatapi.post_ephemeral, 4, "chat:write"),
    "chat.getPermalink": Endpoint(chatapi.get_permalink, None),
    "users.info": Endpoint(directory.users_info, 4, "users:read"),
    "users.list": Endpoint(directory.users_list, 2, "users:read"),
    "usergroups.list": Endpoint(directory.usergroups_list, 2, "usergroups:read"),
    "usergroups.users.list": Endpoint(directory.usergroups_users_list, 2, "usergroups:read"),
    "conversations.info": Endpoint(directory.conversations_info, 3, "channels:read"),
    "conversations.list": Endpoint(directory.conversations_list, 2, "channels:read"),
    "conversations.members": Endpoint(directory.conversations_members, 4, "channels:read"),
    "conversations.history": Endpoint(directory.conversations_history, 3, "channels:history"),
    "conversations.replies": Endpoint(directory.conversations_replies, 3, "channels:history"),
    "views.open": Endpoint(appapi.views_open, 4),
    "views.push": Endpoint(appapi.views_push, 4),
    "views.update": Endpoint(appapi.views_update, 4),
    "views.publish": Endpoint(appapi.views_publish, 4),
    "files.getUploadURLExternal": Endpoint(appapi.get_upload_url, 4, "files:write"),
    "files.completeUploadExternal": Endpoint(appapi.complete_upload, 4, "files:write"),
}


def base_url_of(request: web.Request) -> str:
    """Return this server's address as the app shall use it, whatever name the caller used for it."""
    if told := request.app[BACKSTAGE].public_url:
        return told
    address = request.transport.get_extra_info("sockname") if request.transport else None
    return f"http://{address[0]}:{address[1]}" if address else str(request.url.origin())


def error_response(error: SlackError) -> web.Response:
    """Return the HTTP answer for a refused call."""
    return web.json_response(error.body(), status=error.status, headers=error.headers)


def drop_line(request: web.Request) -> web.Response:
    """Close the connection without an answer; the returned response goes nowhere."""
    if request.transport:
        request.transport.close()
    return web.Response()


async def suffer(trouble: Trouble | None, clock: Clock) -> web.Response | None:
    """Live through an ordered failure that needs no call; None when the call shall go on."""
    if trouble is None or trouble.kind == "accept_then_drop":
        return None
    if trouble.kind == "hang":
        await clock.sleep(trouble.seconds)
        return None
    if trouble.kind == "status":
        return web.Response(status=trouble.status, text="ordered by /_playground/trouble")
    return error_response(
        rate_limited(trouble.retry_after) if trouble.kind == "ratelimit" else SlackError(trouble.error)
    )


async def handle(request: web.Request) -> web.Response:
    """Serve /api/METHOD."""
    back = request.app[BACKSTAGE]
    method = request.match_info["method"]
    trouble = back.troubles.take(method=method)
    if trouble and trouble.kind == "disconnect":
        return drop_line(request)
    if failed := await suffer(trouble, back.clock):
        return failed
    try:
        answer = web.json_response(await _run(request, back, method), headers=_scopes(back))
    except SlackError as error:
        answer = error_response(error)
    return drop_line(request) if trouble and trouble.kind == "accept_then_drop" else answer


async def _run(request: web.Request, back: Backstage, method: str) -> Json:
    if method not in ENDPOINTS:
        raise SlackError("unknown_method", req_method=method)
    endpoint = ENDPOINTS[method]
    args = await arguments(request)
    _authenticate(back, endpoint, request, args)
    if endpoint.tier:
        back.limits.spend_call(method, endpoint.tier)
    return endpoint.run(Call(back, args, base_url_of(request)))


async def arguments(request: web.Request) -> Json:
    """Return the arguments of a form, query or JSON body; raises `invalid_json` or `json_not_object` and the like."""
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(body, dict):
            raise SlackError("json_not_object")
        args |= body
    else:
        args |= dict(await request.post())
    return {key: _parsed(key, value) if key in JSON_ARGUMENTS else value for key, value in args.items()}


def _parsed(key: str, value: object) -> object:
    if not isinstance(value, str) or not value:
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise SlackError("invalid_blocks_format" if key == "blocks" else "invalid_arguments") from None


def _authenticate(back: Backstage, endpoint: Endpoint, request: web.Request, args: Json) -> None:
    bot = back.world.bot
    token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip() or args.pop("token", "")
    if endpoint.token == "none":
        return
    if not token:
        raise SlackError("not_authed")
    tokens = {"bot": bot.bot_token, "app": bot.app_token, "config": bot.config_token}
    if token not in tokens.values():
        raise SlackError("invalid_auth")
    if token != tokens[endpoint.token]:
        raise SlackError("not_allowed_token_type")
    if endpoint.scope and endpoint.scope not in bot.scopes:
        raise SlackError("missing_scope", needed=endpoint.scope, provided=",".join(bot.scopes))


def _scopes(back: Backstage) -> dict[str, str]:
    return {"X-OAuth-Scopes": ",".join(back.world.bot.scopes)}


async def upload(request: web.Request) -> web.Response:
    """Take the bytes of a file at the URL files.getUploadURLExternal gave, raw or as a form.

    Ordered failures reach it as the method `upload`.
    """
    back = request.app[BACKSTAGE]
    trouble = back.troubles.take(method="upload")
    if trouble and trouble.kind == "disconnect":
        return drop_line(request)
    if failed := await suffer(trouble, back.clock):
        return failed
    content = await _content(request)
    try:
        done = back.uploads.receive(request.match_info["file_id"], content)
    except SlackError as error:
        return web.Response(status=400, text=error.code)
    return web.Response(text=f"OK - {done.length}")


async def download(request: web.Request) -> web.Response:
    """Serve a completed file; with ?as=U… only to a person it was shared with.

    Only pictures keep their type, so that no upload runs as a page.
    """
    back, file_id, reader = request.app[BACKSTAGE], request.match_info["file_id"], request.query.get("as")
    try:
        found = back.uploads.get(file_id) if reader is None else back.uploads.seen(file_id, reader, back.world.channels)
    except SlackError as error:
        return web.Response(status=404, text=error.code)
    guess = mimetypes.guess_type(found.name)[0] or ""
    kind = guess if guess in PICTURES else "application/octet-stream"
    return web.Response(body=found.content or b"", content_type=kind)


async def _content(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    for value in (await request.post()).values():
        if isinstance(value, web.FileField):
            return value.file.read()
    return b""
