"""The bot's wiring: the only module of this room that names concrete classes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis import Redis, RedisError
from slack_bolt import App
from slack_sdk import WebClient

from bot.chores import Chores
from bot.gate import Gate
from bot.hearing import Ear
from bot.homes import Homes
from bot.identity import Passport
from bot.listeners import Listeners, listen
from bot.replies import Replies
from bot.serving import Place, serve_http
from bot.surface import Surface
from bot.web import Health, web
from bot.websocket import serve_socket
from chat.connection import web_client
from chat.directory import SlackDirectory
from chat.screens import Screens
from mesh.domain.catalog import Catalog
from mesh.operations.admitting import Door
from mesh.operations.overview import Boards
from mesh.operations.receiving import Desk
from settings.environment import Environment
from settings.time import SystemTime
from store.connection import quick
from store.jobs import JobQueue
from store.operations import RedisOperations

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ASKING_S = 1
"""How long Slack may take to say who is in a usergroup while a person waits for the acknowledgement."""


@dataclass(frozen=True)
class Bot:
    """A wired bot, ready to be served."""

    app: App
    passport: Passport
    afterwards: tuple[Replies | Chores, ...]
    """What is still to be done after acknowledgements; each can be closed, which waits for it."""
    ready: Health

    def finish(self) -> None:
        """Do what was begun, then stop."""
        for pool in self.afterwards:
            pool.close()


def make_bot(environment: Environment, catalog: Catalog) -> Bot:
    """Build everything the bot needs; calls nobody, so it starts while Slack or Redis are away."""
    redis, time_ = quick(environment.redis_url), SystemTime()
    client = web_client(environment.slack_bot_token, environment.slack_api_url)
    asking = web_client(environment.slack_bot_token, environment.slack_api_url, timeout_s=ASKING_S)
    operations = RedisOperations(redis, time_, enqueue=JobQueue(redis).enqueue)
    directory = SlackDirectory(asking)
    desk, door = Desk(catalog, operations, directory, time_), Door(directory, operations, time_)
    passport, replies, chores = Passport(client), Replies(client), Chores()
    app, ear = make_app(client, passport), Ear(desk, passport, door)
    screens = Screens(asking)
    surface = Surface(ear, directory, Boards(running=operations), screens, Homes(screens, chores), chores)
    listen(app, Listeners(ear, replies, surface))
    return Bot(app, passport, (replies, chores), readiness(redis, catalog))


def make_app(client: WebClient, passport: Passport) -> App:
    """Return a Bolt application that answers before it responds, and leaves signatures and probes to the gate."""
    # Bolt logs whole request bodies at INFO and WARNING; ours are for nobody's log.
    quiet = logging.getLogger("meshbot.bolt")
    quiet.setLevel(logging.ERROR)
    return App(
        name="meshbot",
        logger=quiet,
        client=client,
        authorize=passport,
        process_before_response=True,
        raise_error_for_unhandled_request=True,
        request_verification_enabled=False,
        ssl_check_enabled=False,
        token_verification_enabled=False,
    )


def readiness(redis: Redis, catalog: Catalog) -> Health:
    """Return the check behind /readyz: Redis answers. Whether there is a policy is told, not judged."""
    policy = ", ".join(role.name for role in catalog.policy.roles) or "none: reading only"

    def ready() -> tuple[bool, dict[str, Any]]:
        try:
            well = bool(redis.ping())
        except RedisError:
            well = False
        return well, {"ready": well, "redis": "ok" if well else "does not answer", "policy": policy}

    return ready


def run_http(environment: Environment, catalog: Catalog, place: Place) -> None:
    """Serve signed requests on `place` until SIGTERM; raise Refused naming what the environment lacks."""
    environment.need("SLACK_BOT_TOKEN")
    environment.need("SLACK_SIGNING_SECRET")
    serve_http(http_builder(environment, catalog), place)


def http_builder(environment: Environment, catalog: Catalog) -> Callable[[], WSGIApplication]:
    """Return what each serving process calls after the fork."""

    def build() -> WSGIApplication:
        bot = make_bot(environment, catalog)
        bot.passport.learn_in_background()
        return web(bot.app, Gate(environment.signing_secrets), bot.ready)

    return build


def run_socket(environment: Environment, catalog: Catalog, place: Place) -> None:
    """Receive over Slack's websocket; raise Refused naming what the environment lacks."""
    environment.need("SLACK_BOT_TOKEN")
    environment.need("SLACK_APP_TOKEN")
    bot = make_bot(environment, catalog)
    bot.passport.learn_in_background()
    serve_socket(bot.app, environment.slack_app_token, place, bot.ready)
    bot.finish()
