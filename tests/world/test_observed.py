"""The product's processes, watched: one trace for one operation, numbers through a real Prometheus, logs, health."""

from __future__ import annotations

import json
import os
import re
import signal
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from playground.parts import World
from playground.servers import RedisServer
from playground.slack.world import default_world
from telemetry.context import root_id, trace_id
from tests.telemetry.receiver import Receiver
from tests.world.town import JIN, PROD, descendants, until

pytestmark = pytest.mark.world

HOUSE = Path(__file__).parents[2]
REASON = "hotfix nobody may trace 4412"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Where traces go."""
    with Receiver() as found:
        yield found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[World]:
    """A world whose processes are scraped, send traces and log JSON."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        patch.setenv("MESHBOT_LOG", "json")
        with World(tmp_path_factory.mktemp("observed"), watched=True) as found:
            yield found


def ask(world: World, name: str, path: str) -> tuple[int, str]:
    """Ask a process's metrics port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{world.metrics_ports[name]}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def value(world: World, name: str, series: str) -> float:
    """Return one number of a process; 0 where it has none."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", ask(world, name, "/metrics")[1], re.MULTILINE)
    return float(found[1]) if found else 0.0


def query(world: World, promql: str) -> bool:
    """Ask the world's Prometheus whether anything fits."""
    assert world.prometheus is not None
    with urllib.request.urlopen(f"{world.prometheus.url}/api/v1/query?{urlencode({'query': promql})}") as answer:
        return bool(json.load(answer)["data"]["result"])


def lines(world: World) -> list[dict[str, Any]]:
    """Every log line of the product."""
    names = ("bot", "worker", "clock")
    return [json.loads(line) for name in names for line in (world.directory / f"{name}.log").read_text().splitlines()]


def change(world: World, command: str) -> str:
    """Type a command and return the id of its operation, once its end is on the card."""
    before = len(world.slack.transcript())
    world.slack.send(JIN, PROD, command)

    def shown() -> list[str]:
        texts = [json.dumps(one, ensure_ascii=False) for one in world.slack.transcript()[before:]]
        return re.findall(r"\bop-[a-z0-9]{10}\b", " ".join(texts))

    until(lambda: bool(shown()), f"{command} made no operation")
    return shown()[0]


def test_one_operation_is_one_trace_across_processes(world: World, receiver: Receiver) -> None:
    """From Slack's request in the bot over the worker's patch to the post, all spans have the operation's trace id.

    Each but the root is under another of them, and none holds what the person wrote, who they are, or a token.
    """
    operation = change(world, f'/mesh rollback api --reason "{REASON}"')
    trace, root = f"{trace_id(operation):032x}", f"{root_id(operation):016x}"

    def mine() -> dict[str, Any]:
        return {one.name: one for one in receiver.spans if one.facts.get("meshbot.operation") == operation}

    until(lambda: {"slack request", "work", "patch", "post"} <= set(mine()), f"the trace has only {set(mine())}")
    spans = [one for one in receiver.spans if one.facts.get("meshbot.operation") == operation]
    assert {one.trace for one in spans} == {trace}
    assert [one.span for one in spans if not one.parent] == [root] == [mine()["slack request"].span]
    assert {one.parent for one in spans if one.parent} <= {one.span for one in spans}
    assert mine()["slack request"].service == "meshbot-bot"
    assert mine()["patch"].service == mine()["post"].service == "meshbot-worker"
    assert mine()["patch"].parent == next(one.span for one in spans if one.name == "work")
    assert mine()["slack request"].times[0] <= mine()["patch"].times[0] <= mine()["post"].times[1]
    sent = b"".join(receiver.bodies)
    token = default_world().bot.bot_token
    assert [word for word in (REASON, JIN, PROD, token) if word.encode() in sent] == []


def test_numbers_come_through_prometheus(world: World) -> None:
    """What happened is counted once, whichever of several processes saw it; who and where is in no number."""
    change(world, "/mesh status api")
    world.slack.send(JIN, PROD, "/mesh help")
    until(lambda: query(world, 'sum(meshbot_commands_total{verb="help",outcome="taken"}) == 1'), "help was not counted")
    until(lambda: query(world, 'meshbot_operations_total{verb="status",outcome="succeeded"} == 1'), "no operation")
    for told in (
        "sum(meshbot_clock_leader) == 1",
        "count(meshbot_build_info) == 3",
        'meshbot_queue_wait_seconds_count{queue="normal"} > 0',
        'meshbot_ack_seconds_bucket{way="http",le="3.0"} > 0',
    ):
        # Each process is scraped at its own moments.
        until(partial(query, world, told), told)
    shown = "".join(ask(world, name, "/metrics")[1] for name in world.metrics_ports)
    assert re.findall(r"op-[a-z0-9]{10}|U0[A-Z]+|C0[A-Z]+|mesh-demo|#\w", shown) == []


def test_every_panel_of_the_dashboard_asks_what_prometheus_understands(world: World) -> None:
    """Each expression is valid; and what each world has, each panel about that shows."""
    world.slack.send(JIN, PROD, "/mesh status api")
    until(lambda: query(world, "sum(meshbot_operations_total) > 0"), "nothing was counted")
    panels = json.loads((HOUSE / "helm/meshbot/files/dashboard.json").read_text())["panels"]
    asked = {
        panel["title"]: [one["expr"].replace("$__rate_interval", "1m").replace("$namespace", ".*") for one in targets]
        for panel in panels
        if (targets := panel.get("targets"))
    }
    quiet = {"Rollouts by phase", "Verdicts a minute", "Wait for people, half within"}

    def empty() -> set[str]:
        # Invalid ones make Prometheus answer with an error, and the question fail.
        return {title for title, expressions in asked.items() if not all(query(world, one) for one in expressions)}

    until(lambda: empty() <= quiet, f"no data for {empty() - quiet}")


def test_what_alerts_count_begins_at_zero(world: World) -> None:
    """A bot and a worker in which no such thing has happened say so, and do not say nothing."""
    assert 'meshbot_commands_total{outcome="bug",verb="freezes"} 0.0' in ask(world, "bot", "/metrics")[1]
    assert 'meshbot_operations_total{outcome="failed",verb="freezes"} 0.0' in ask(world, "worker", "/metrics")[1]


def test_a_worker_that_is_killed_takes_no_number_with_it(world: World) -> None:
    """What a dead process counted stays, is not counted again, and the new one goes on; its end is counted, too."""
    series = 'meshbot_operations_total{outcome="succeeded",verb="gates"}'
    died = 'meshbot_worker_restarts_total{end="died",queue="normal"}'
    change(world, "/mesh gates api")
    until(lambda: value(world, "worker", series) == 1, "the reading was not counted")
    before = value(world, "worker", died)
    victims = [pid for pid in descendants(world.children["worker"].pid) if _is(pid, "normal")]
    os.kill(victims[0], signal.SIGKILL)
    until(lambda: value(world, "worker", died) == before + 1, "the death was not counted")
    assert value(world, "worker", series) == 1
    change(world, "/mesh gates api")
    until(lambda: value(world, "worker", series) == 2, "the new process does not count, or counts anew")


def _is(pid: int, queue: str) -> bool:
    """Tell whether a process works on a queue: its name in `/proc` is the supervisor's, so its file of numbers says."""
    return queue in _queue_of(pid)


def _queue_of(pid: int) -> str:
    for path in Path(tempfile.gettempdir()).glob(f"meshbot-worker-*/histogram_{pid}.db"):
        return path.read_bytes().decode(errors="replace")
    return ""


def test_log_lines_know_their_operation_and_no_secret(world: World) -> None:
    """Every line is JSON; one about an operation has its id and its trace's; no secret of the environment is in any."""
    world.slack.trouble("error", method="chat.postMessage", error="internal_error")
    world.slack.trouble("error", method="chat.postMessage", error="ratelimited")
    operation = change(world, "/mesh status web")
    until(lambda: any(one.get("operation") == operation for one in lines(world)), "no line is about the operation")
    mine = [one for one in lines(world) if one.get("operation") == operation]
    assert {one["trace"] for one in mine} == {f"{trace_id(operation):032x}"}
    slack, whole = default_world().bot, json.dumps(lines(world))
    secrets = (slack.bot_token, slack.signing_secret, slack.app_token, world.environment["MESHBOT_HOOK_TOKEN"])
    assert [secret for secret in secrets if secret in whole] == []


def test_health_and_readiness_tell_the_truth_without_redis(world: World) -> None:
    """While Redis does not answer only the bot is ready, to say so; nobody asks for a restart, and the numbers tell."""
    names = tuple(world.metrics_ports)
    until(lambda: [ask(world, name, "/readyz")[0] for name in names] == [200] * 3, "not all are ready")
    assert isinstance(world.redis, RedisServer)
    world.redis.pause()
    try:
        wanted = [200 if name == "bot" else 503 for name in names]
        until(lambda: [ask(world, name, "/readyz")[0] for name in names] == wanted, "some say otherwise")
        assert [ask(world, name, "/healthz")[0] for name in names] == [200] * 3
        for name in names:
            line = f'meshbot_redis_up{{role="{name}"}} 0.0'
            until(lambda name=name, line=line: line in ask(world, name, "/metrics")[1], "the numbers do not say it")  # type: ignore[misc]  # of this round
        assert "meshbot_queue_length" not in ask(world, "clock", "/metrics")[1]
    finally:
        world.redis.resume()
    until(lambda: [ask(world, name, "/readyz")[0] for name in names] == [200] * 3, "not all are ready again")
