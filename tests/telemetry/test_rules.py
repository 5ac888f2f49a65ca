"""The alert rules, by Prometheus' own tool: each fires when it should, is silent when all is well, is explained."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from mesh.domain.commands import Verb
from telemetry.looks import LOOKS
from telemetry.metrics import REGISTRY

HOUSE = Path(__file__).parents[2]
RULES = HOUSE / "helm/meshbot/files/rules.yaml"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}
WELL = {
    'meshbot_clock_leader{namespace="m",pod="a"}': "1x120",
    'meshbot_clock_leader{namespace="m",pod="b"}': "0x120",
    'meshbot_build_info{namespace="m",role="bot"}': "1x120",
    'meshbot_build_info{namespace="m",role="worker"}': "1x120",
    'meshbot_redis_up{namespace="m",role="bot"}': "1x120",
    'meshbot_redis_up{namespace="m",role="clock"}': "1x120",
    'meshbot_redis_writable{namespace="m",role="bot"}': "1x120",
    'meshbot_redis_writable{namespace="m",role="clock"}': "1x120",
    'meshbot_redis_memory_ratio{namespace="m"}': "0.5x120",
    'meshbot_configuration_trouble{namespace="m"}': "0x120",
    'meshbot_worker_silent_seconds{namespace="m",queue="urgent"}': "4x120",
    'meshbot_worker_restarts_total{namespace="m",queue="urgent",end="died"}': "0x120",
    'meshbot_worker_restarts_total{namespace="m",queue="normal",end="worn"}': "0+1x120",
    'meshbot_bot_restarts_total{namespace="m",end="died"}': "0x120",
    'meshbot_forged_jobs_total{namespace="m",queue="urgent"}': "0x120",
    'meshbot_ack_seconds_bucket{namespace="m",le="0.5"}': "0+99.5x120",
    'meshbot_ack_seconds_bucket{namespace="m",le="3.0"}': "0+100x120",
    'meshbot_ack_seconds_bucket{namespace="m",le="+Inf"}': "0+100x120",
    'meshbot_queue_wait_seconds_bucket{namespace="m",queue="urgent",le="1.0"}': "0+100x120",
    'meshbot_queue_wait_seconds_bucket{namespace="m",queue="urgent",le="+Inf"}': "0+100x120",
    'meshbot_work_late_seconds{namespace="m"}': "1x120",
    'meshbot_look_late_seconds{namespace="m"}': "6x120",
    'meshbot_queue_oldest_seconds{namespace="m",queue="urgent"}': "1x120",
    'meshbot_queue_oldest_seconds{namespace="m",queue="normal"}': "50x120",
    'meshbot_queue_oldest_seconds{namespace="m",queue="git"}': "30x120",
    'meshbot_queue_length{namespace="m",queue="normal"}': "20x120",
    'meshbot_operations_total{namespace="m",verb="promote",outcome="failed"}': "0x120",
    'meshbot_operations_total{namespace="m",verb="promote",outcome="refused"}': "0+9x120",
    'meshbot_commands_total{namespace="m",verb="promote",outcome="bug"}': "0x120",
    'meshbot_commands_total{namespace="m",verb="promote",outcome="denied"}': "0+9x120",
    'meshbot_given_up_total{namespace="m",way="slash",reason="slack"}': "0x120",
    'meshbot_given_up_total{namespace="m",way="slash",reason="flood"}': "0+9x120",
    'meshbot_rollouts{namespace="m",phase="held"}': "0x120",
    'meshbot_rollouts{namespace="m",phase="baking"}': "9x120",
    'meshbot_gate_verdicts_total{namespace="m",gate="success",verdict="pass"}': "0+60x120",
    'meshbot_gate_verdicts_total{namespace="m",gate="success",verdict="unknown",lack="few"}': "0+600x120",
    'meshbot_gate_verdicts_total{namespace="m",gate="success",verdict="unknown",lack="silent"}': "0+60x120",
    'meshbot_gate_verdicts_total{namespace="m",gate="requests",verdict="unknown"}': "0+600x120",
    'meshbot_messages_lost_total{namespace="m",kind="card"}': "0x120",
    'meshbot_outbox_late_seconds{namespace="m"}': "3x120",
    'meshbot_slack_rate_limited_total{namespace="m",method="chat.update"}': "0+1x120",
    'meshbot_slack_bad_token_total{namespace="m",reason="token_revoked"}': "0x120",
}
"""An hour without anything wrong, a number a minute: what is busy, refused, worn or denied is nothing wrong."""
GONE = "_x120"
BAD: dict[str, tuple[dict[str, str], str]] = {
    "MeshbotNoClock": ({'meshbot_clock_leader{namespace="m",pod="a"}': "1x9 0x100"}, "12m"),
    "MeshbotTwoClocks": ({'meshbot_clock_leader{namespace="m",pod="b"}': "0x9 1x100"}, "13m"),
    "MeshbotProcessMissing": ({'meshbot_build_info{namespace="m",role="bot"}': GONE}, "4m"),
    "MeshbotRedisAway": ({'meshbot_redis_up{namespace="m",role="bot"}': "1x9 0x100"}, "12m"),
    "MeshbotRedisTakesNoWrites": ({'meshbot_redis_writable{namespace="m",role="clock"}': "1x9 0x100"}, "12m"),
    "MeshbotRedisFills": ({'meshbot_redis_memory_ratio{namespace="m"}': "0.5x9 0.81x100"}, "16m"),
    "MeshbotConfigurationBroken": ({'meshbot_configuration_trouble{namespace="m"}': "0x9 1x100"}, "16m"),
    "MeshbotWorkerHangs": ({'meshbot_worker_silent_seconds{namespace="m",queue="urgent"}': "4x9 101+60x100"}, "12m"),
    "MeshbotWorkersDie": (
        {'meshbot_worker_restarts_total{namespace="m",queue="urgent",end="died"}': "0x9 1+1x100"},
        "15m",
    ),
    "MeshbotBotsDie": ({'meshbot_bot_restarts_total{namespace="m",end="died"}': "0x9 1+1x100"}, "15m"),
    "MeshbotForgedJob": ({'meshbot_forged_jobs_total{namespace="m",queue="urgent"}': "0x9 1x100"}, "11m"),
    "MeshbotAcksSlow": ({'meshbot_ack_seconds_bucket{namespace="m",le="0.5"}': "0+90x120"}, "12m"),
    "MeshbotUrgentWaits": (
        {
            'meshbot_queue_wait_seconds_bucket{namespace="m",queue="urgent",le="1.0"}': "0+90x120",
            'meshbot_queue_wait_seconds_bucket{namespace="m",queue="urgent",le="10.0"}': "0+100x120",
        },
        "8m",
    ),
    "MeshbotGitWaits": (
        # What waits there for a minute is gone, and handed on anew a little later: it is rarely seen to be late.
        {'meshbot_queue_oldest_seconds{namespace="m",queue="git"}': "0x9 50 0 50 0 50 0 50 0 50 0 50 0"},
        "13m",
    ),
    "MeshbotWorkLate": ({'meshbot_work_late_seconds{namespace="m"}': "1x9 61+60x100"}, "13m"),
    "MeshbotLooksLate": ({'meshbot_look_late_seconds{namespace="m"}': "6x9 61+60x100"}, "12m"),
    "MeshbotQueueGrows": ({'meshbot_queue_length{namespace="m",queue="normal"}': "20x9 101x100"}, "16m"),
    "MeshbotOperationsFail": (
        {'meshbot_operations_total{namespace="m",verb="promote",outcome="failed"}': "0x9 3x100"},
        "11m",
    ),
    "MeshbotBugs": ({'meshbot_commands_total{namespace="m",verb="promote",outcome="bug"}': "0x9 1x100"}, "11m"),
    "MeshbotGivesUp": ({'meshbot_given_up_total{namespace="m",way="slash",reason="slack"}': "0x9 5x100"}, "11m"),
    "MeshbotRolloutHeld": ({'meshbot_rollouts{namespace="m",phase="held"}': "0x9 1x100"}, "41m"),
    "MeshbotGatesBlind": (
        {
            'meshbot_gate_verdicts_total{namespace="m",gate="success",verdict="unknown",lack="few"}': "0+0x120",
            'meshbot_gate_verdicts_total{namespace="m",gate="success",verdict="unknown",lack="silent"}': "0+20x120",
            'meshbot_gate_verdicts_total{namespace="m",gate="success",verdict="unknown",lack="old"}': "0+50x120",
        },
        "40m",
    ),
    "MeshbotSlackTokenBad": (
        {'meshbot_slack_bad_token_total{namespace="m",reason="token_revoked"}': "0x9 1x100"},
        "11m",
    ),
    "MeshbotMessagesLost": ({'meshbot_messages_lost_total{namespace="m",kind="card"}': "0x9 1x100"}, "11m"),
    "MeshbotOutboxLate": ({'meshbot_outbox_late_seconds{namespace="m"}': "3x9 61+60x100"}, "16m"),
    "MeshbotSlackLimits": (
        {'meshbot_slack_rate_limited_total{namespace="m",method="chat.update"}': "0+10x120"},
        "25m",
    ),
}
"""What goes wrong after ten minutes, and when that is told at the latest."""
OTHERWISE: dict[str, tuple[dict[str, str], str]] = {
    "MeshbotNoClock": ({f'meshbot_clock_leader{{namespace="m",pod="{pod}"}}': GONE for pod in "ab"}, "2m"),
    "MeshbotProcessMissing": ({'meshbot_build_info{namespace="m",role="worker"}': GONE}, "4m"),
    "MeshbotUrgentWaits": (
        {
            # No worker takes any, so none is measured as it is taken.
            'meshbot_queue_wait_seconds_bucket{namespace="m",queue="urgent",le="1.0"}': "0x120",
            'meshbot_queue_wait_seconds_bucket{namespace="m",queue="urgent",le="+Inf"}': "0x120",
            'meshbot_queue_oldest_seconds{namespace="m",queue="urgent"}': "1x9 6+60x100",
        },
        "12m",
    ),
}
"""The same for what stands behind the `or` of an alert."""


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tool that comes with Prometheus."""
    found = shutil.which("promtool")
    assert found, "promtool comes with Prometheus: tools/setup installs it"
    return subprocess.run([found, *arguments], capture_output=True, text=True, check=False)


def firing(rule: dict[str, Any], series: dict[str, str], at: str, directory: Path) -> str:
    """Return what promtool says where this alert alone is expected never to fire; empty when it does not."""
    name, groups = rule["alert"], {"groups": [{"name": "one", "rules": [rule]}]}
    (directory / "rules.yaml").write_text(yaml.safe_dump(groups))
    expected = [{"eval_time": at, "alertname": name, "exp_alerts": []}]
    values = [{"series": key, "values": value} for key, value in series.items()]
    test = {"interval": "1m", "input_series": values, "alert_rule_test": expected}
    (directory / "test.yaml").write_text(json.dumps({"rule_files": ["rules.yaml"], "tests": [test]}))
    done = promtool("test", "rules", str(directory / "test.yaml"))
    return done.stdout + done.stderr if done.returncode else ""


def test_prometheus_reads_the_rules() -> None:
    """Promtool finds nothing wrong with the file, and as many rules as there are."""
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


def test_every_alert_is_tried() -> None:
    """There is a bad hour for each, and a second one where it has two sides."""
    assert set(BAD) == set(ALERTS)
    assert set(OTHERWISE) == {name for name, rule in ALERTS.items() if " or " in rule["expr"]}


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_fires_when_it_should_and_not_before(name: str, tmp_path: Path) -> None:
    """In an hour without trouble it is silent; in its own it fires in time, with its words filled in."""
    quiet = [firing(ALERTS[name], WELL, f"{minute}m", tmp_path) for minute in (10, 60)]
    assert quiet == ["", ""]
    trouble, at = BAD[name]
    said = firing(ALERTS[name], WELL | trouble, at, tmp_path)
    assert f'alertname="{name}"' in said, "it did not fire"
    assert "error expanding" not in said
    assert "<no value>" not in said


@pytest.mark.parametrize("name", OTHERWISE)
def test_each_half_of_an_alert_is_needed(name: str, tmp_path: Path) -> None:
    """For either side of an `or` there is trouble that it tells alone: without it nobody would hear of that."""
    rule, cases = ALERTS[name], (BAD[name], OTHERWISE[name])
    halves = [{**rule, "expr": half} for half in rule["expr"].split(" or ")]
    told = [[bool(firing(half, WELL | trouble, at, tmp_path)) for trouble, at in cases] for half in halves]
    assert told == [[True, False], [False, True]]


@cache
def fresh() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return what a bot and a worker say in which nothing has happened yet: name, labels and value of each series."""
    code = (
        "from prometheus_client import generate_latest\n"
        "from telemetry.metrics import REGISTRY, begin_bot, begin_worker\n"
        "begin_bot(); begin_worker(); print(generate_latest(REGISTRY).decode())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=True)
    samples = [sample for family in text_string_to_metric_families(done.stdout) for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


RISING = {
    (alert, series)
    for alert, (trouble, _) in BAD.items()
    for series in trouble
    if re.search(r"\bincrease\(" + series.partition("{")[0], ALERTS[alert]["expr"])
}
"""What makes an alert fire by the first few of a kind."""


@pytest.mark.parametrize(("alert", "series"), sorted(RISING))
def test_the_first_of_a_kind_is_seen_to_rise(alert: str, series: str) -> None:
    """What such an alert asks for is there at zero before anything happened: what is born is not seen to rise."""
    labels = set(re.findall(r'(\w+)="([^"]*)"', series)) - {("namespace", "m")}
    assert fresh()[series.partition("{")[0], frozenset(labels)] == 0.0
    assert BAD[alert][0][series].startswith("0x9")


@pytest.mark.parametrize("name", ["commands_total", "operations_total"])
def test_every_verb_begins_at_zero(name: str) -> None:
    """Whichever of them breaks first."""
    words = {dict(labels)["verb"] for (series, labels) in fresh() if series == f"meshbot_{name}"}
    assert words >= set(Verb)


def test_every_alert_says_what_to_do() -> None:
    """Each leads to a section of the runbooks that is there and bears its name, and no section is without its alert."""
    sections = re.findall(r"^## (Meshbot\w+)$", (HOUSE / "docs/runbooks.md").read_text(), re.MULTILINE)
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{name.lower()}"
        assert rule["labels"]["severity"] in ("critical", "warning")
    assert sections == list(ALERTS)


def exported() -> set[str]:
    """Return every series name that some process exports."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
    counted = {f"{one.name}{suffix}" for one in REGISTRY.collect() for suffix in suffixes[one.type]}
    return counted | {f"meshbot_{name}" for name in LOOKS}


def test_rules_and_dashboard_ask_for_what_is_there() -> None:
    """Every name of ours in an expression is one that a process exports: a misspelt one would be silent for ever."""
    board = (HOUSE / "helm/meshbot/files/dashboard.json").read_text()
    asked = set(re.findall(r"\bmeshbot_\w+", board)) | set(re.findall(r"\bmeshbot_\w+", RULES.read_text()))
    assert asked - exported() == set()
    assert len(asked) > 15


def test_every_metric_is_documented() -> None:
    """docs/observability.md has a row for each, with its labels, and none for what is not there."""
    page = (HOUSE / "docs/observability.md").read_text()
    rows = dict(re.findall(r"^\| `(meshbot_\w+)` \| ([^|]*) \|", page, re.MULTILINE))
    counted = {
        f"{one.name}_total" if one.type == "counter" else one.name: _declared(one.name)._labelnames
        for one in REGISTRY.collect()
    }
    looked = {f"meshbot_{name}": labels for name, (_, labels) in LOOKS.items()}
    wanted = {name: ", ".join(f"`{label}`" for label in labels) for name, labels in (counted | looked).items()}
    assert {name: cell.strip() for name, cell in rows.items()} == wanted


def _declared(name: str) -> Any:
    return REGISTRY._names_to_collectors[name]
