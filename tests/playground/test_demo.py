"""`meshbot demo`: its exit status is a promise."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from playground.parts import World

DEMO = [sys.executable, "-m", "meshbot", "demo"]


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the demo to its end."""
    return subprocess.run([*DEMO, *arguments], capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.world
def test_a_run_prints_what_people_see_and_the_final_weights() -> None:
    """Commands that did what they say end with status 0."""
    done = demo("--run", "/mesh promote api 50", "--run", "/mesh whoami", "--run", "@mesh status api")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Promoted api: v2 at 50 %" in done.stdout
    assert "api        v1=50  v2=50" in done.stdout


@pytest.mark.world
@pytest.mark.parametrize("arguments", [("--as", "lee", "--run", "/mesh rollback api"), ("--run", "/mesh promot api 5")])
def test_a_command_that_was_turned_away_is_a_failure(arguments: tuple[str, ...]) -> None:
    """A denied person and a mistyped word make the status 1, though no operation was made."""
    assert demo(*arguments).returncode == 1


def test_a_taken_port_is_said_at_once() -> None:
    """In one sentence, before anything is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = demo("--port", str(port))
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_what_is_no_port_is_said_at_once(port: str) -> None:
    """With the numbers that are, before anything is started."""
    done = demo("--port", port)
    assert done.returncode == 2
    assert "0<=x<=65535" in done.stderr


def test_an_unknown_person_is_said_at_once() -> None:
    """With the names there are, before anything is started."""
    done = demo("--as", "bob", "--run", "/mesh help")
    assert done.returncode == 2
    assert "nobody is called bob" in done.stderr


@pytest.mark.world
def test_an_alert_of_the_page_opens_and_closes_an_incident(tmp_path: Path) -> None:
    """What the panel's button posts becomes the card in the incident channel, and ends with the alert."""
    with World(tmp_path) as world:
        tell(world, firing=True)
        wait_for(lambda: "firing" in incident(world), "no card of the incident")
        tell(world, firing=False)
        wait_for(lambda: "Resolved" in incident(world), "the incident stays open")


def tell(world: World, *, firing: bool) -> None:
    """Press the button of api."""
    body = json.dumps({"namespace": "mesh-demo", "service": "api", "firing": firing}).encode()
    request = urllib.request.Request(f"{world.slack_url}/page/world/alert", body)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer) == {"ok": True}


def incident(world: World) -> str:
    """Return what stands in the incident channel."""
    cards = [message for message in world.slack.transcript() if message["channel"] == "C0INC"]
    return "\n".join(world.slack.render_text(card) for card in cards)


def wait_for(true: Callable[[], bool], complaint: str) -> None:
    """Wait up to 60 s."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.2)
