"""Puts the parts together: `make_app` is the whole stand-in as one aiohttp application."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from playground.slack import pageapi, responseurl, webapi, wings
from playground.slack.alerting import Alerting
from playground.slack.backstage import BACKSTAGE, Backstage
from playground.slack.clock import Clock
from playground.slack.delivery import Courier, Line
from playground.slack.limits import Limits
from playground.slack.rules import Rules
from playground.slack.socketmode import SocketHub
from playground.slack.state import Workspace
from playground.slack.tickets import Tickets
from playground.slack.trouble import Troubles
from playground.slack.uploads import Uploads
from playground.slack.views import Views
from playground.slack.wire import Json
from playground.slack.world import World

# Slack takes snippets of 1 MB; a little more so that the refusal is ours and not the server's.
LARGEST_BODY = 2 * 1024 * 1024


def make_app(  # noqa: PLR0913 - each part of the world beside Slack is one name
    world: World,
    *,
    request_url: str | None = None,
    traffic_url: str | None = None,
    completions: Sequence[Json] = (),
    rules: Rules | None = None,
    alerting: Alerting | None = None,
    public_url: str = "",
) -> web.Application:
    """Return the stand-in Slack for `world`.

    `request_url` takes slash commands, interactivity and events over HTTP while no websocket of Socket Mode is open;
    `traffic_url` is the traffic simulator behind /page/world; `completions` are {"insert", "hint"} for the page;
    `alerting` takes the alerts that the page raises; `public_url` is this server as the app is to call it, where
    something stands before it.
    """
    rules = rules or Rules()
    clock, troubles = Clock(), Troubles()
    sockets = SocketHub(rules, clock, app_id=world.bot.app_id)
    line = Line(sockets, world.bot.signing_secret, request_url)
    workspace = Workspace(world)
    back = Backstage(
        workspace=workspace,
        clock=clock,
        limits=Limits(rules, clock),
        tickets=Tickets(rules, clock),
        troubles=troubles,
        sockets=sockets,
        courier=Courier(line, rules, clock, troubles=troubles),
        views=Views(world, workspace.tell),
        uploads=Uploads(rules, clock),
        completions=completions,
        traffic_url=traffic_url,
        alerting=alerting,
        public_url=public_url,
    )
    app = web.Application(client_max_size=LARGEST_BODY)
    app[BACKSTAGE] = back
    app.on_startup.append(_start)
    app.on_shutdown.append(_hang_up)
    app.on_response_prepare.append(_keep_fresh)
    _route(app)
    return app


def _route(app: web.Application) -> None:
    app.router.add_route("*", "/api/{method}", webapi.handle)
    app.router.add_post("/upload/{file_id}", webapi.upload)
    app.router.add_get("/files/{file_id}", webapi.download)
    app.router.add_post("/response/{team}/{app}/{secret}", responseurl.handle)
    app.router.add_get("/link/", app[BACKSTAGE].sockets.serve)
    app.router.add_get("/", pageapi.index)
    if pageapi.PAGE.is_dir():
        app.router.add_static("/page/static", pageapi.PAGE)
    for verb, path, handler in _PAGE_ROUTES:
        app.router.add_route(verb, path, pageapi.answering(handler))


_PAGE_ROUTES: tuple[tuple[str, str, pageapi.Handler], ...] = (
    ("GET", "/page/state", pageapi.state),
    ("GET", "/page/messages", pageapi.messages),
    ("GET", "/page/replies", pageapi.replies),
    ("GET", "/page/events", pageapi.events),
    ("POST", "/page/send", pageapi.send),
    ("POST", "/page/click", pageapi.click),
    ("GET", "/page/views", wings.views),
    ("POST", "/page/view", wings.view),
    ("POST", "/page/home", wings.home),
    ("GET", "/page/world", pageapi.world),
    ("POST", "/page/world/break", pageapi.break_world),
    ("POST", "/page/world/alert", pageapi.alert),
    ("GET", "/_playground/transcript", wings.transcript),
    ("GET", "/_playground/deliveries", wings.deliveries),
    ("GET", "/_playground/trouble", wings.show_trouble),
    ("POST", "/_playground/trouble", wings.order_trouble),
    ("DELETE", "/_playground/trouble", wings.clear_trouble),
    ("POST", "/_playground/clock", wings.clock),
    ("GET", "/_playground/views", wings.views),
    ("POST", "/_playground/view", wings.view),
    ("POST", "/_playground/home", wings.home),
    ("POST", "/_playground/channel", wings.channel),
    ("POST", "/_playground/person", wings.person),
)


async def _start(app: web.Application) -> None:
    await app[BACKSTAGE].courier.start()


async def _keep_fresh(request: web.Request, response: web.StreamResponse) -> None:
    # The page changes while people work on it; a cached copy would only confuse.
    if request.path == "/" or request.path.startswith("/page/"):
        response.headers["Cache-Control"] = "no-cache"


async def _hang_up(app: web.Application) -> None:
    back = app[BACKSTAGE]
    # Retries first: ending the clock would set them off.
    await back.courier.close()
    await back.sockets.disconnect("none")
    back.workspace.end()
    back.clock.end()
