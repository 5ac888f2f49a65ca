"""The bot's wiring: the only module of this room that names concrete classes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from redis import Redis
from slack_bolt import App
from slack_sdk import WebClient

from bot.alertmanager import alertmanager
from bot.chores import Chores
from bot.denying import Denials
from bot.flagger import flagger
from bot.gate import Gate
from bot.hearing import Ear
from bot.homes import Homes
from bot.hooks import Hook, Hooks
from bot.identity import Passport
from bot.invited import Invited
from bot.lapses import Lapses
from bot.listeners import Listeners, listen
from bot.news import News
from bot.readiness import Once, Readiness
from bot.replies import Replies
from bot.serving import Place, Served, serve_http
from bot.surface import Surface
from bot.voice import Voice
from bot.warming import rehearse, walk, warm
from bot.web import Health, beside, web
from bot.websocket import serve_socket
from chat.bearer import Bearer
from chat.calls import SlackCalls
from chat.connection import web_client
from chat.directory import SlackDirectory
from chat.screens import Screens
from mesh.domain.catalog import Catalog
from mesh.operations.admitting import Door
from mesh.operations.desk import Desk
from mesh.operations.overview import Boards
from mesh.operations.receiving import note_stranger
from settings.cron import CronAlmanac
from settings.environment import Environment, read_again
from settings.reloading import CatalogFile
from settings.time import SystemTime
from store.buckets import RedisBuckets
from store.changes import RedisChanges
from store.connection import quick
from store.freezes import RedisFreezes
from store.incidents import RedisIncidents
from store.jobs import JobQueue
from store.lines import open_lines
from store.operations import RedisOperations
from store.outbox import RedisOutbox
from store.rounds import RedisRounds
from store.standing import standing
from telemetry import ports, tracing
from telemetry.logs import hide
from telemetry.looks import Looked, Program, Reach
from telemetry.metrics import begin_bot
from telemetry.serving import Port
from telemetry.slack import counted

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

ASKING_S = 1
"""How long Slack may take to say who is in a usergroup while a person waits for the acknowledgement."""


@dataclass(frozen=True)
class Bot:
    """A wired bot, ready to be served."""

    app: App
    passport: Passport
    afterwards: tuple[Replies | Chores, ...]
    """What is still to be done after acknowledgements; each can be closed, answers first: those are never lost."""
    ready: Health
    hooks: Hooks
    redis: Redis
    ear: Ear

    def warm(self) -> None:
        """Do once what the first command would do; takes 1 s and a little where Slack is away, and never raises."""
        self.passport.learn_in_background()
        lines = partial(open_lines, self.redis)
        warm(lines, lambda: rehearse(self.ear.desk), partial(walk, self.app), self.passport.wait)

    def finish(self) -> None:
        """Let each answer be shown or on record, do what else was begun, then stop."""
        for pool in self.afterwards:
            pool.close()


def make_bot(environment: Environment, configuration: CatalogFile, reached: Once | None = None) -> Bot:
    """Build everything the bot needs; calls nobody, so it starts while Slack or Redis are away.

    `reached` is Redis: one for all processes of a pod, where there are several.
    """
    redis, time_ = quick(environment.redis), SystemTime()
    bearer = Bearer(environment.slack_bot_token, _token_now)
    client = counted(web_client(bearer, environment.slack_api_url))
    asking = counted(web_client(bearer, environment.slack_api_url, timeout_s=ASKING_S))
    jobs, changes = JobQueue(redis), RedisChanges(redis)
    directory = SlackDirectory(asking, changes=changes)
    operations = ports.operations(RedisOperations(redis, time_, enqueue=jobs.enqueue))
    outbox = RedisOutbox(redis, time_, enqueue=jobs.send)
    desk = Desk(
        catalog=configuration.current(),
        operations=operations,
        directory=directory,
        time=time_,
        incidents=RedisIncidents(redis, time_, enqueue=jobs.incident),
        freezes=RedisFreezes(redis, time_),
        buckets=RedisBuckets(redis),
        rounds=RedisRounds(redis),
        almanac=CronAlmanac(),
        outbox=outbox,
    )
    passport, chores, screens = Passport(client), Chores(), Screens(asking)
    replies = Replies(SlackCalls(client), outbox, time_)
    door = Door(directory, operations, time_, desk.buckets)
    voice = Voice(directory.locale, lambda: configuration.current().language)
    ear = Ear(desk, passport, Lapses(door, chores), catalog=configuration.current, voice=voice)
    surface = Surface(ear, directory, Boards(running=operations), screens, Homes(screens, chores), chores)
    news = News(changes, Invited(operations, desk.incidents, outbox))
    app = make_app(client, passport)
    listen(app, Listeners(ear, replies, surface, Denials(surface), news))
    tokens = {"alertmanager": environment.hook_tokens, "flagger": environment.flagger_tokens}
    hooks = Hooks(tokens, _others(desk, configuration.current), stranger=partial(note_stranger, desk))
    ready = Readiness(redis, configuration.standing, hooks, lambda: bearer.trouble, reached or Once())
    return Bot(app, passport, (replies, chores), ready, hooks, redis, ear)


def _token_now() -> str:
    token = read_again("SLACK_BOT_TOKEN")
    hide([token])
    return token


def _others(desk: Desk, catalog: Callable[[], Catalog]) -> dict[str, Hook]:
    """Return what other systems post, by the hook's name; each is answered by the configuration of that moment."""
    return {"alertmanager": alertmanager(desk, catalog=catalog), **flagger(desk, catalog=catalog)}


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


def configured(environment: Environment) -> CatalogFile:
    """Return the configuration that the environment names; a broken one denies every change, and the bot comes up."""
    return CatalogFile(environment.config_path, environment.prometheus_url)


def run_http(environment: Environment, place: Place) -> None:
    """Serve signed requests on `place` until SIGTERM; raise Refused naming what the environment lacks."""
    environment.need("SLACK_BOT_TOKEN")
    environment.need("SLACK_SIGNING_SECRET")
    configuration = configured(environment)
    port = Port.open("bot", environment.metrics_port, several=True)
    begin_bot()
    serve_http(http_builder(environment, configuration, port), place, tick=configuration.current)


def http_builder(environment: Environment, configuration: CatalogFile, port: Port) -> Callable[[], Served]:
    """Return what each serving process calls after the fork; from then on each looks at the file for itself.

    They inherit the last good configuration: one that takes another's place while the file is broken must not deny what
    those beside it allow, a rollback above all. Whichever of them is free answers at the `port` for all.
    """
    reached = Once()

    def build() -> Served:
        bot = make_bot(environment, configuration, reached)
        tracing.begin("bot", wanted=environment.traced)
        # Before anybody can ask whether this process is ready: connections wait until it has been built.
        bot.warm()
        port.serve(port.application(_looks(configuration, bot), _living, bot.ready))
        log.info("This process serves.")
        application = web(bot.app, Gate(environment.signing_secrets), bot.ready, bot.hooks)
        return Served(application, bot.finish)

    return build


def run_socket(environment: Environment, place: Place) -> None:
    """Receive over Slack's websocket; raise Refused naming what the environment lacks."""
    environment.need("SLACK_BOT_TOKEN")
    environment.need("SLACK_APP_TOKEN")
    configuration = configured(environment)
    bot = make_bot(environment, configuration)
    port = Port.open("bot", environment.metrics_port, several=False)
    begin_bot()
    tracing.begin("bot", wanted=environment.traced)
    bot.warm()

    def serves(ready: Health) -> WSGIApplication:
        port.serve(port.application(_looks(configuration, bot), _living, ready))
        return beside(ready, bot.hooks)

    serve_socket(bot.app, environment.slack_app_token, place, bot.ready, serves)
    bot.finish()
    tracing.end()


def _looks(configuration: CatalogFile, bot: Bot) -> list[Looked]:
    return [Program("bot", lambda: configuration.standing().trouble), Reach("bot", lambda: standing(bot.redis))]


def _living() -> tuple[bool, dict[str, Any]]:
    """Say that the process lives. Who hangs does not answer, or is ended: gunicorn and the websocket's watchdog do."""
    return True, {"alive": True}
