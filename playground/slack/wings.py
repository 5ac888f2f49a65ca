"""The side entrance for tests under /_playground: what was seen, what was delivered, failures on demand, time."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from playground.slack import acting
from playground.slack.backstage import BACKSTAGE
from playground.slack.pageapi import json_body
from playground.slack.trouble import trouble_from
from playground.slack.wire import SlackError


async def transcript(request: web.Request) -> web.Response:
    """Serve everything anybody has seen, in order, with earlier versions and deletions."""
    workspace = request.app[BACKSTAGE].workspace
    told = [
        {**workspace.seen(message), "edits": list(message.edits), "deleted": message.deleted}
        for message in workspace.everything()
    ]
    return web.json_response({"messages": told})


async def deliveries(request: web.Request) -> web.Response:
    """Serve every delivery to the app with its attempts."""
    return web.json_response({"deliveries": [d.as_json() for d in request.app[BACKSTAGE].courier.deliveries]})


async def order_trouble(request: web.Request) -> web.Response:
    """Order a failure."""
    back = request.app[BACKSTAGE]
    try:
        trouble = trouble_from(await json_body(request))
    except (ValueError, TypeError) as error:
        return web.json_response({"ok": False, "error": str(error)}, status=400)
    if trouble.delivery and trouble.kind == "disconnect":
        back.courier.in_background(back.sockets.disconnect(trouble.reason))
    else:
        back.troubles.add(trouble)
    return web.json_response({"ok": True})


async def show_trouble(request: web.Request) -> web.Response:
    """Serve the failures still to come."""
    return web.json_response({"trouble": [asdict(t) for t in request.app[BACKSTAGE].troubles.pending]})


async def clear_trouble(request: web.Request) -> web.Response:
    """Forget the failures still to come."""
    request.app[BACKSTAGE].troubles.clear()
    return web.json_response({"ok": True})


async def clock(request: web.Request) -> web.Response:
    """Put the clock of limits, retries and tickets forward: {"advance": seconds}."""
    seconds = (await json_body(request)).get("advance")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds < 0:
        return web.json_response({"ok": False, "error": "give `advance`, zero or more seconds"}, status=400)
    request.app[BACKSTAGE].clock.advance(seconds)
    return web.json_response({"ok": True})


async def views(request: web.Request) -> web.Response:
    """Serve the modals and App Homes on somebody's screen (?as=U…)."""
    shown = request.app[BACKSTAGE].views.all(request.query.get("as"))
    return web.json_response({"views": [{"user": s.user, "view": s.view} for s in shown]})


async def view(request: web.Request) -> web.Response:
    """Act on a view: {"as", "view_id", "do": submit|close|click, "values" or "block_id" and "action_id"}."""
    back, body = request.app[BACKSTAGE], await json_body(request)
    who, view_id = str(body.get("as", "")), str(body.get("view_id", ""))
    if body.get("do") == "submit":
        answer = await acting.submit_view(back, who, view_id, body.get("values") or {})
        return web.json_response({"ok": True, "answer": answer})
    if body.get("do") == "close":
        acting.close_view(back, who, view_id)
    elif body.get("do") == "click":
        ids = {key: str(body.get(key, "")) for key in ("block_id", "action_id")}
        acting.click_view(back, who, view_id, **ids)
    else:
        raise SlackError("invalid_arguments", messages=("`do` must be submit, close or click",))
    return web.json_response({"ok": True})


async def home(request: web.Request) -> web.Response:
    """Let a person open the App Home: {"as"}."""
    acting.open_home(request.app[BACKSTAGE], str((await json_body(request)).get("as", "")))
    return web.json_response({"ok": True})
