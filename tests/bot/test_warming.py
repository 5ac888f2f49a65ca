"""What a bot has done before it says that it is ready; that leaves no trace and keeps nobody from starting."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import redis
from prometheus_client import generate_latest

from bot import identity, wiring
from bot.serving import Place
from bot.warming import rehearse, warm
from bot.wiring import Bot, http_builder, make_bot, run_socket
from chat import connection
from chat.connection import trusted, web_client
from mesh.domain.errors import Unavailable
from playground.serving import ServerThread, free_port
from playground.slack.server import make_app
from playground.slack.world import default_world
from settings.environment import Environment, read_environment
from settings.reloading import CatalogFile
from store.lines import LINES
from telemetry.metrics import REGISTRY
from telemetry.serving import Port
from tests.bot.bench import Bench

AWAY = "http://127.0.0.1:9"
TOKENS = {
    "SLACK_BOT_TOKEN": default_world().bot.bot_token,
    "SLACK_SIGNING_SECRET": "s" * 32,
    "SLACK_APP_TOKEN": "xapp-1",
}


def environment(redis_url: str, slack_url: str = AWAY) -> Environment:
    """Return that of a bot."""
    return read_environment({**TOKENS, "REDIS_URL": redis_url, "SLACK_API_URL": f"{slack_url}/api/"})


def test_a_warm_bot_has_its_lines_and_knows_who_it_is(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections to Redis are open, the scripts are there, and Slack has said who we are; nothing was written."""
    monkeypatch.setattr(identity, "FIRST_S", 60.0)
    world = default_world()
    with ServerThread(make_app(world)) as slack:
        bot = make_bot(environment(redis_url, slack.url), CatalogFile())
        bot.warm()
        bot.finish()
    assert bot.passport.identity.team == "T0MESH"
    assert len(bot.redis.connection_pool._available_connections) == LINES
    with redis.Redis.from_url(redis_url) as client:
        assert client.keys("*") == []
        assert client.info("commandstats")["cmdstat_script|load"]["calls"] >= 2


def test_a_rehearsal_leaves_no_trace() -> None:
    """An answer in each language is drawn, and nothing is counted, started or on record."""
    bench = Bench()
    before = generate_latest(REGISTRY)
    said = [one.text for one in rehearse(bench.desk)]
    assert [text for text in said if "op-rehearsal" in text and "Queued" in text]
    assert [text for text in said if "op-rehearsal" in text and "Queued" not in text]
    assert (bench.started, list(bench.operations.log.entries())) == ([], [])
    assert generate_latest(REGISTRY) == before


@pytest.mark.parametrize("broken", [Unavailable("Redis did not answer."), KeyError("a bug")])
def test_whatever_is_cold_is_told_and_keeps_nobody_from_starting(
    broken: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """The other steps are taken all the same."""
    done: list[str] = []

    def fails() -> None:
        raise broken

    warm(fails, lambda: done.append("the other"))
    assert done == ["the other"]
    assert "not everything is warm" in caplog.text
    assert all(one.levelno >= logging.WARNING for one in caplog.records)


def test_a_bot_starts_without_slack_and_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readiness says that Redis does not answer; nothing of that depends on Slack, which is waited for at most once."""
    monkeypatch.setattr(identity, "FIRST_S", 0.01)
    bot = make_bot(environment(f"redis://127.0.0.1:{free_port()}/0"), CatalogFile())
    bot.warm()
    assert bot.ready()[0] is False
    bot.finish()


@pytest.mark.parametrize("kind", ["http", "socket"])
def test_a_process_is_warm_before_it_can_say_that_it_is_ready(
    kind: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of its ports answers before."""
    order: list[str] = []
    port = Port("bot", None)
    monkeypatch.setattr(Bot, "warm", lambda _: order.append("warm"))
    monkeypatch.setattr(Port, "serve", lambda *_: order.append("port"))
    monkeypatch.setattr(Port, "open", lambda *_, **__: port)

    def serve_socket(_app: object, _token: str, _place: object, ready: Any, serves: Callable[[Any], object]) -> None:
        order.append("socket")
        serves(ready)

    monkeypatch.setattr(wiring, "serve_socket", serve_socket)
    settings = environment(redis_url)
    if kind == "http":
        served = http_builder(settings, CatalogFile(), port)()
        order.append("requests")
        served.finish()
        assert order == ["warm", "port", "requests"]
    else:
        run_socket(settings, Place("127.0.0.1", 0))
        assert order == ["warm", "socket", "port"]


def test_certificates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call to Slack over HTTPS reads no bundle: all certificates of the system take longer than the call."""
    made: list[int] = []
    inner = ssl.create_default_context

    def counted(*arguments: Any, **more: Any) -> ssl.SSLContext:
        made.append(1)
        return inner(*arguments, **more)

    connection.trusted.cache_clear()
    monkeypatch.setattr(ssl, "create_default_context", counted)
    monkeypatch.setattr(ssl, "_create_default_https_context", counted)
    client = web_client("xoxb-1", f"https://127.0.0.1:{free_port()}/api/")
    for _ in range(3):
        with pytest.raises(OSError, match="refused"):
            client.auth_test()
    assert made == [1]
    assert trusted().verify_mode is ssl.CERT_REQUIRED
    assert trusted().check_hostname
