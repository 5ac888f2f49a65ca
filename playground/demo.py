"""`meshbot demo`: the whole world on this machine, with a page to type in, or with commands to run and a transcript."""

from __future__ import annotations

import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click

from mesh.domain.commands import Verb
from mesh.domain.errors import Refused
from mesh.domain.grammar import parse
from mesh.domain.operations import Operation, State
from playground.parts import World
from playground.processes import StartFailed
from playground.slack.world import default_world
from settings.time import SystemTime
from store.connection import patient
from store.operations import RedisOperations
from store.outbox import RedisOutbox

OPERATION_ID = re.compile(r"\bop-[a-z0-9]{10}\b")
PATIENCE_S = 40.0
"""Longest wait for one command: a gate window, a worker's restart and some."""
ROLLOUT_PATIENCE_S = 900.0
"""Longest wait for a rollout: its bakes, and as long again for gates that cannot decide."""
DECIDABLE_S = 12
"""Age of the first scrape when the demo's gates can decide: their window, the lag of the samples, and one scrape."""


@click.command()
@click.option("--run", "commands", multiple=True, metavar="COMMAND", help="Run this command and print what people see.")
@click.option("--as", "person", default="jin", show_default=True, help="Who types the commands of --run.")
@click.option("--channel", default="prod", show_default=True, help="Where the commands of --run are typed.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port of the page, on 127.0.0.1."
)
def main(commands: tuple[str, ...], person: str, channel: str, port: int) -> None:
    """Run meshbot against a stand-in Slack and cluster, with a real Redis and Prometheus and simulated traffic.

    With --run: print the transcript and the final weights; the exit status is 1 when a command did not do what it says.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    user, place = _ids(person, channel)
    with tempfile.TemporaryDirectory(prefix="meshbot-demo-") as directory:
        page_port, tell = (0, _silent) if commands else (port, _starting)
        try:
            with World(Path(directory), page_port=page_port, watched=True, tell=tell) as world:
                if not commands:
                    _serve(world)
                elif not _run_all(world, commands, user, place):
                    sys.exit(1)
        except StartFailed as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("\nStopped; nothing is left running.")


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a signal handler
    raise KeyboardInterrupt


def _starting(line: str) -> None:
    click.echo(f"  {line}")


def _silent(line: str) -> None:
    if "not installed" in line:
        click.echo(line)


# --- with a page -----------------------------------------------------------------------------------------------------


def _serve(world: World) -> None:
    click.echo(f"\nOpen {world.slack_url} and type /mesh promote api 50. Ctrl-C ends everything.")
    if world.prometheus is None:
        click.echo("There is no Prometheus here, so every gate will answer: unknown.")
    else:
        click.echo(f"Gates can decide in about {DECIDABLE_S} s, when Prometheus has seen enough traffic.")
    while True:
        ended = [child for child in world.children.values() if not child.running]
        if ended:
            raise click.ClickException(f"{ended[0].name} ended unexpectedly:\n{ended[0].log_tail()}")
        time.sleep(0.5)


# --- with commands ---------------------------------------------------------------------------------------------------


def _run_all(world: World, commands: tuple[str, ...], user: str, channel: str) -> bool:
    """Run each command, print the transcript and the final weights; False when one did not do what it says."""
    _await_metrics(world)
    watcher = _Watcher(world)
    done = [watcher.run(command, user, channel) for command in commands]
    click.echo("Final weights")
    for service, weights in world.weights().items():
        click.echo(f"  {service:<10} " + "  ".join(f"{arm}={weight}" for arm, weight in weights.items()))
    return all(done)


def _ids(person: str, channel: str) -> tuple[str, str]:
    slack = default_world()
    users = {someone.name: someone.id for someone in slack.people}
    channels = {place.name: place.id for place in slack.channels}
    if person not in users:
        raise click.BadParameter(f"nobody is called {person}; there is {', '.join(users)}", param_hint="--as")
    if channel not in channels:
        raise click.BadParameter(f"no channel #{channel}; there is {', '.join(channels)}", param_hint="--channel")
    return users[person], channels[channel]


def _await_metrics(world: World) -> None:
    """Wait for a whole window of samples: before it gates are unknown, which is right but not what a demo is for."""
    if world.prometheus is not None:
        world.prometheus.wait_until_scraped("sidecars", DECIDABLE_S + 20, since_s=DECIDABLE_S)


class _Watcher:
    """Types commands and prints whatever became visible because of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        redis = patient(world.redis.url)
        self._operations = RedisOperations(redis, SystemTime(), enqueue=_nothing)
        self._outbox = RedisOutbox(redis, SystemTime())
        self._seen = len(world.slack.transcript())

    def run(self, command: str, user: str, channel: str) -> bool:
        """Type one command and wait for its end; True when it did what it says."""
        click.echo(f"> {command}")
        answered = len(self._world.slack.deliveries())
        self._world.slack.send(user, channel, command)
        _until(lambda: self._answered(answered), "Slack got no answer")
        operation = self._operation()
        self._print()
        return self._kept(operation) if operation else _needs_no_operation(command)

    def _answered(self, before: int) -> bool:
        deliveries = self._world.slack.deliveries()
        return len(deliveries) > before and bool(deliveries[-1]["attempts"])

    def _operation(self) -> Operation | None:
        """Return the operation that the answer names, once people were told the end; None where there is none."""
        texts = [self._world.slack.render_text(message) for message in self._world.slack.transcript()[self._seen :]]
        found = OPERATION_ID.search("\n".join(texts))
        if found is None:
            return None
        rollout = self._operations.get(found[0]).command.verb is Verb.CANARY
        patience = ROLLOUT_PATIENCE_S if rollout else PATIENCE_S
        _until(lambda: self._is_told(found[0]), f"{found[0]} did not end", patience)
        return self._operations.get(found[0])

    def _is_told(self, operation_id: str) -> bool:
        """Tell whether people see the end; the measured split comes up to a minute and a half later."""
        operation, card = self._operations.get(operation_id), self._outbox.find(f"card {operation_id}")
        ended = operation.state is State.WAITING or (operation.done and operation.reported)
        return ended and (card is None or card.settled)

    def _print(self) -> None:
        messages = self._world.slack.transcript()
        for message in messages[self._seen :]:
            click.echo(_indented(self._world.slack.render_text(message)) + "\n")
        self._seen = len(messages)

    def _kept(self, operation: Operation) -> bool:
        """Hold the operation's word against the cluster."""
        if operation.state is State.WAITING:
            return True
        if operation.state is not State.SUCCEEDED:
            return False
        if operation.plan is None or not operation.command.changes_traffic:
            return True
        wanted = {name: weight for name, weight in operation.plan.weights.items() if weight is not None}
        return _until(lambda: self._world.weights()[operation.target.service] == wanted, "the cluster disagrees")


def _needs_no_operation(command: str) -> bool:
    """Tell a command that is answered on the spot from one that was turned away before an operation was made."""
    try:
        return parse(command.replace("@mesh", "/mesh", 1)).answered_by_bot
    except Refused:
        return False


def _nothing(operation_id: str, *, urgent: bool, attempt: int, ahead: bool = False) -> None:
    """Enqueue nothing: the demo only reads."""


def _until(true: Callable[[], bool], complaint: str, patience_s: float = PATIENCE_S) -> bool:
    deadline = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > deadline:
            raise click.ClickException(f"{complaint} within {patience_s:.0f} s")
        time.sleep(0.05)
    return True


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
