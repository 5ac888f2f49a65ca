"""The command line: what it offers, what it says when something is wrong, and what it does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from meshbot.cli import COMMANDS
from playground.processes import Child
from store.connection import patient

EXAMPLE = Path(__file__).parents[2] / "docs/examples/meshbot.yaml"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run meshbot with nothing else in its environment; its doctor waits for answers for longer than it would."""
    patient = ("--within", "120") if arguments[:1] == ("doctor",) else ()
    argv = [sys.executable, "-m", "meshbot", *arguments, *patient]
    return subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=300, check=False)


def test_the_overview_names_every_command() -> None:
    """`meshbot --help` shows the table."""
    shown = run("--help")
    assert shown.returncode == 0
    assert [name for name in COMMANDS if f"  {name} " not in shown.stdout] == []


@pytest.mark.parametrize(
    "command",
    ["bot", "worker", "clock", "doctor", "config check", "audit list", "audit verify", "audit export", "demo"],
)
def test_every_command_of_the_table_can_be_loaded(command: str) -> None:
    """No row of the table leads nowhere."""
    shown = run(*command.split(), "--help")
    assert shown.returncode == 0, shown.stderr
    assert "Usage: meshbot" in shown.stdout


def test_a_mistyped_command_is_suggested() -> None:
    """Wrong usage ends with status 2."""
    shown = run("bto")
    assert shown.returncode == 2
    assert "Did you mean 'bot'?" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (("bot",), {}, "SLACK_BOT_TOKEN is not set."),
        (("bot",), {"SLACK_BOT_TOKEN": "xoxb-1"}, "SLACK_SIGNING_SECRET is not set."),
        (("bot", "--socket"), {"SLACK_BOT_TOKEN": "xoxb-1"}, "SLACK_APP_TOKEN is not set."),
        (("worker",), {}, "SLACK_BOT_TOKEN is not set."),
        (("worker", "--queue", "normal"), {}, "SLACK_BOT_TOKEN is not set."),
        (("bot",), {"REDIS_URL": "localhost"}, "REDIS_URL does not begin with redis://"),
        (("config", "check", "/absent.yaml"), {}, "/absent.yaml cannot be read"),
    ],
)
def test_what_is_missing_is_named_without_a_traceback(
    arguments: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    """Wrong settings end with status 2 and one sentence."""
    shown = run(*arguments, **environment)
    assert shown.returncode == 2
    assert said in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.parametrize("command", ["audit verify", "audit list", "audit export"])
def test_an_absent_redis_is_named(command: str) -> None:
    """A part that does not answer ends with status 1."""
    shown = run(*command.split(), REDIS_URL="redis://127.0.0.1:1/0")
    assert shown.returncode == 1
    assert "Redis did not answer" in shown.stderr
    assert "Traceback" not in shown.stderr


@pytest.mark.redis
def test_workers_wait_for_a_configuration_without_mistakes(tmp_path: Path, redis_url: str) -> None:
    """They say every mistake, run nothing, and begin as soon as it is mended: no operation is ended for it."""
    config = tmp_path / "meshbot.yaml"
    config.write_text("polcy: {}\nchannels: {audit: x}\n")
    environment = {"SLACK_BOT_TOKEN": "xoxb-1", "MESHBOT_CONFIG": str(config), "REDIS_URL": redis_url}
    argv, log = [sys.executable, "-m", "meshbot", "worker", "--queue", "urgent"], tmp_path / "worker.log"
    client = patient(redis_url)
    with Child("worker", argv, environment, log) as child:
        child.wait_ready(lambda: "Nothing is worked on before" in log.read_text())
        assert "meshbot.yaml:1: polcy: unknown key" in log.read_text()
        assert "meshbot.yaml:2: channels.audit" in log.read_text()
        assert client.scard("rq:workers") == 0
        config.write_text("policy: {roles: {}}\n")
        child.wait_ready(lambda: client.scard("rq:workers") == 1)


def test_checking_a_configuration_says_what_it_allows(tmp_path: Path) -> None:
    """A valid file is summed up in one line; one without policy is said to allow reading only."""
    (tmp_path / "empty.yaml").write_text("")
    assert "2 roles may change traffic" in run("config", "check", str(EXAMPLE)).stdout
    assert "no policy, so reading only" in run("config", "check", str(tmp_path / "empty.yaml")).stdout


@pytest.mark.parametrize(
    ("module", "strangers"),
    [
        ("meshbot.cli", ["redis", "slack_sdk", "kubernetes", "pydantic", "bot", "workers"]),
        ("meshbot.config", ["redis", "slack_sdk", "kubernetes", "bot", "workers"]),
        ("meshbot.hearing", ["kubernetes", "prometheus_api_client", "workers"]),
    ],
)
def test_a_command_loads_only_what_it_needs(module: str, strangers: list[str]) -> None:
    """Checking a file does not wait for Kubernetes, and the bot's process never holds its client."""
    code = f"import sys, {module}; print([name for name in {strangers} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
