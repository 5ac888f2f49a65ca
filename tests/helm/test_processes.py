"""The processes, started as the chart's pods start them: its words, its environment, its files, a real Redis."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from playground.processes import Child
from playground.servers import RedisServer
from playground.serving import free_port
from settings.environment import VARIABLES
from store import keys
from tests.e2e.admin import until
from tests.helm.chart import Obj, case, pods

pytestmark = [pytest.mark.usefixtures("helm"), pytest.mark.redis]

PLACES = ("/run/secrets/meshbot", "/etc/meshbot", "/tmp")
"""What a pod of ours has beside the image."""
WORDS = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "hush"}


def furnished(pod: Obj, root: Path, redis_url: str) -> dict[str, str]:
    """Make what the pod mounts below `root`, and return its environment with the paths there."""
    [container] = pod["spec"]["containers"]
    mounts = {one["name"]: root / one["mountPath"].lstrip("/") for one in container["volumeMounts"]}
    for volume in pod["spec"]["volumes"]:
        mounts[volume["name"]].mkdir(parents=True)
        for source in volume.get("projected", {"sources": []})["sources"]:
            for item in source["secret"]["items"]:
                text = {**WORDS, "REDIS_URL": redis_url}[item["path"]]
                (mounts[volume["name"]] / item["path"]).write_text(text + "\n")
        if "configMap" in volume:
            [config] = [one for one in case("default") if one["metadata"]["name"] == volume["configMap"]["name"]]
            for name, text in config["data"].items():
                (mounts[volume["name"]] / name).write_text(text)
    environment = {variable["name"]: variable["value"] for variable in container["env"]}
    assert all(value.startswith(PLACES) for value in environment.values() if value.startswith("/"))
    return {name: f"{root}{value}" if value.startswith("/") else value for name, value in environment.items()}


@contextmanager
def running(who: str, root: Path, redis_url: str, *more: str, metrics: int = 0) -> Iterator[Child]:
    """Run the process of one pod, with nothing in its environment that the pod does not give it.

    `metrics` is the port it is watched at; the pod's own may be taken on this machine.
    """
    pod = pods(case("default"))[who]
    [container] = pod["spec"]["containers"]
    environment = furnished(pod, root, redis_url) | {"MESHBOT_METRICS_PORT": str(metrics or free_port())}
    said = [f"{name}={value}" for name, value in environment.items()]
    command = ["env", "-i", *said, sys.executable, "-m", *container["command"], *container["args"], *more]
    with Child(who, command, log_path=root / f"{who}.log") as child:
        yield child


def status(port: int, path: str) -> int:
    """What a probe hears; 0: nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_the_bot_is_ready_from_the_first_time_on_that_redis_answered(own_redis: RedisServer, tmp_path: Path) -> None:
    """Its probes pass; without Redis they still do, so that somebody is there to say that nothing was started."""
    port = free_port()
    with running("bot", tmp_path, own_redis.url, "--host", "127.0.0.1", "--port", str(port)) as child:
        child.wait_ready(lambda: status(port, "/readyz") == 200)
        assert status(port, "/healthz") == 200
        own_redis.stop()
        assert [status(port, path) for path in ("/readyz", "/healthz")] == [200, 200]


def test_a_worker_serves_every_queue(redis_url: str, tmp_path: Path) -> None:
    """One pod has a process for each of them; at SIGTERM it ends by itself."""
    with running("worker", tmp_path, redis_url) as child, redis.Redis.from_url(redis_url) as store:
        child.wait_ready(lambda: store.scard("rq:workers") == 4)
        child.stop(grace_s=30)
        assert child.returncode == 0


def test_a_clock_works_with_redis_alone(redis_url: str, tmp_path: Path) -> None:
    """It has no token of Slack, and leads all the same; at SIGTERM it ends by itself."""
    with running("clock", tmp_path, redis_url) as child, redis.Redis.from_url(redis_url) as store:
        child.wait_ready(lambda: bool(store.exists(keys.lock("clock"))))
        child.stop(grace_s=30)
        assert child.returncode == 0


@pytest.mark.skipif(
    "MESHBOT_METRICS_PORT" not in {one.name for one in VARIABLES}, reason="no process has a port to be watched at yet"
)
@pytest.mark.parametrize("who", ["worker", "clock"])
def test_who_hears_nobody_is_watched_at_a_port_of_its_own(own_redis: RedisServer, tmp_path: Path, who: str) -> None:
    """The probes of worker and clock pass, and their metrics are there; without Redis they are not ready."""
    port = free_port()
    with running(who, tmp_path, own_redis.url, metrics=port) as child:
        child.wait_ready(lambda: status(port, "/readyz") == 200)
        assert (status(port, "/healthz"), status(port, "/metrics")) == (200, 200)
        own_redis.stop()
        until(lambda: status(port, "/readyz") == 503, "it says it is ready without Redis", timeout_s=60)
        assert status(port, "/healthz") == 200
