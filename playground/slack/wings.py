"""The side entrance for tests under /_playground: what was seen, what was delivered, failures on demand, time."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TypeVar

from aiohttp import web

from playground.slack import viewing
from playground.slack.backstage import BACKSTAGE
from playground.slack.directory import user_object
from playground.slack.pageapi import json_body
from playground.slack.payloads import changes_of_channel, event_payload
from playground.slack.trouble import trouble_from
from playground.slack.wire import Json, SlackError
from playground.slack.world import Channel, Person


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
    """Act on a view: {"as", "view_id", "do": submit|close|click|suggest, …}.

    `values` are its fields, {block_id: {action_id: …}}; click and suggest name `block_id` and `action_id`; click may
    name the chosen option's `value`, suggest what was `typed`.
    """
    back, body = request.app[BACKSTAGE], await json_body(request)
    who, view_id = str(body.get("as", "")), str(body.get("view_id", ""))
    values = body.get("values") or {}
    spot = viewing.Spot(view_id, str(body.get("block_id", "")), str(body.get("action_id", "")), values)
    match body.get("do"):
        case "submit":
            answer = await viewing.submit_view(back, who, view_id, values)
            return web.json_response({"ok": True, "answer": answer})
        case "suggest":
            found = await viewing.suggest(back, who, spot, str(body.get("typed", "")))
            return web.json_response({"ok": True, "options": found})
        case "close":
            viewing.close_view(back, who, view_id)
        case "click":
            viewing.click_view(back, who, spot, chosen=body.get("value"))
        case _:
            raise SlackError("invalid_arguments", messages=("`do` must be submit, close, click or suggest",))
    return web.json_response({"ok": True})


async def home(request: web.Request) -> web.Response:
    """Let a person open the App Home: {"as"}."""
    viewing.open_home(request.app[BACKSTAGE], str((await json_body(request)).get("as", "")))
    return web.json_response({"ok": True})


async def channel(request: web.Request) -> web.Response:
    """Change a channel: {"id", and any of "name", "archived", "ext_shared"}; the app hears of it as from Slack."""
    back, body = request.app[BACKSTAGE], await json_body(request)
    found = back.world.channel(str(body.pop("id", "")))
    if found is None:
        raise SlackError("channel_not_found")
    changed = _changed(found, body, {"name", "archived", "ext_shared"})
    back.workspace.world = replace(
        back.world, channels=tuple(changed if one.id == found.id else one for one in back.world.channels)
    )
    for event in changes_of_channel(found, changed):
        payload = event_payload(back.world, event, ext_shared=changed.ext_shared)
        back.courier.in_background(back.courier.deliver("events_api", payload))
    return web.json_response({"ok": True})


async def person(request: web.Request) -> web.Response:
    """Change a person: {"id", and any of "flags", "title", "locale"}; the app hears user_change."""
    back, body = request.app[BACKSTAGE], await json_body(request)
    found = back.world.person(str(body.pop("id", "")))
    if found is None:
        raise SlackError("user_not_found")
    if "flags" in body:
        body["flags"] = frozenset(body["flags"])
    changed = _changed(found, body, {"flags", "title", "locale"})
    back.workspace.world = replace(
        back.world, people=tuple(changed if one.id == found.id else one for one in back.world.people)
    )
    payload = event_payload(back.world, {"type": "user_change", "user": user_object(changed)})
    back.courier.in_background(back.courier.deliver("events_api", payload))
    return web.json_response({"ok": True})


Changed = TypeVar("Changed", Channel, Person)


def _changed(one: Changed, changes: Json, known: set[str]) -> Changed:
    if not known.issuperset(changes):
        raise SlackError("invalid_arguments", messages=(f"only {', '.join(sorted(known))} can be changed",))
    return replace(one, **changes)
