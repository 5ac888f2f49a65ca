"""Two releases side by side, as during a roll-out of meshbot itself, and on the way back."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mesh.domain.operations import State, Step
from playground.parts import World
from playground.processes import Child
from store import keys
from store.connection import patient
from store.records import READS
from tests.world.releases import release
from tests.world.town import Town, make_world, until

pytestmark = pytest.mark.world


@pytest.fixture(scope="module")
def this_release(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """This release, once it has learned to read the form that the next one writes."""
    return release(tmp_path_factory.mktemp("this") / "src", reads=READS + 1, writes=READS)


@pytest.fixture(scope="module")
def next_release(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The release after this one: it writes what this one only reads, and a field that this one does not know."""
    return release(tmp_path_factory.mktemp("next") / "src", reads=READS + 1, writes=READS + 1, novelty=True)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, this_release: tuple[str, ...]) -> Iterator[Town]:
    """A world of its own that runs this release."""
    with replace(make_world(tmp_path_factory.mktemp("world"), mesh="istio"), program=this_release) as world:
        yield Town(world)


@pytest.fixture
def town(running: Town) -> Town:
    """The same with fresh objects, and traffic that can be judged."""
    running.reset("istio-traffic.yaml")
    running.await_gates("v2")
    return running


def record(town: Town, operation_id: str) -> tuple[int, dict[str, Any]]:
    """The form of an operation's record, and what is in it."""
    client = patient(town.world.redis.url)
    schema, kept = client.hmget(keys.operation(operation_id), "schema", "record")
    client.close()
    assert schema is not None
    assert kept is not None
    return int(schema), json.loads(kept)


def at_work(world: World) -> list[Child]:
    """The workers and clocks that run."""
    return [child for part, child in world.children.items() if part.startswith(("worker", "clock")) and child.running]


def take_over(world: World, program: tuple[str, ...], name: str) -> None:
    """Let another release do the work: its worker and clock start beside those that run, which then end."""
    before = at_work(world)
    world.program = program
    for part in ("worker", "clock"):
        world.start_meshbot(f"{part}-{name}", part)
    for child in before:
        child.stop(grace_s=30)


def test_a_rollout_goes_through_both_releases_and_back(
    town: Town, this_release: tuple[str, ...], next_release: tuple[str, ...]
) -> None:
    """Begun by this one, continued by the next one, ended by this one again: every step once, and in order."""
    rollout = town.ask("/mesh canary api 20,40 every 15s")
    until(lambda: town.operations.get(rollout).went(Step.STEPPED), "no step was taken", timeout_s=60)
    take_over(town.world, next_release, "next")
    until(lambda: "novelty" in record(town, rollout)[1], "the next release did not take it up", timeout_s=60)
    assert record(town, rollout)[0] == READS + 1
    take_over(town.world, this_release, "this")
    until(lambda: record(town, rollout)[0] == READS, "this release did not take it up again", timeout_s=60)
    ended = town.settled(rollout, timeout_s=90)
    assert ended.state is State.SUCCEEDED, ended.outcome
    assert [event.step for event in ended.story if event.step is Step.STEPPING] == [Step.STEPPING] * 2
    assert town.patch_statuses() == [200, 200]


def hear_with(world: World, program: tuple[str, ...], name: str) -> None:
    """Let another release hear what people say: its bot takes the place of the one that runs."""
    for part, child in world.children.items():
        if part.startswith("bot") and child.running:
            child.stop(grace_s=30)
    world.program = program
    port = urlsplit(world.bot_url).port
    world.start_meshbot(f"bot-{name}", "bot", "--host", "127.0.0.1", "--port", str(port)).wait_ready(
        lambda: call_status(f"http://127.0.0.1:{port}/readyz") == 200, 60
    )


def call_status(url: str) -> int:
    """The status of an answer; 0 for none."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return int(answer.status)
    except OSError:
        return 0


def test_what_the_bot_of_one_release_hears_workers_of_the_other_do(
    town: Town, this_release: tuple[str, ...], next_release: tuple[str, ...]
) -> None:
    """Whichever is replaced first, a command is carried out, once."""
    for child in at_work(town.world):
        child.stop()
    hear_with(town.world, next_release, "next")
    promotion = town.ask("/mesh promote api 30")
    form, heard = record(town, promotion)
    assert (form, heard["novelty"]) == (READS + 1, "of the next release")
    take_over(town.world, this_release, "under-next")
    until(lambda: record(town, promotion)[1]["state"] == State.SUCCEEDED, "it was not done", timeout_s=60)
    assert record(town, promotion)[0] == READS
    hear_with(town.world, this_release, "this")
    take_over(town.world, next_release, "under-this")
    rollback = town.ask("/mesh rollback api")
    until(lambda: record(town, rollback)[1]["state"] == State.SUCCEEDED, "it was not done", timeout_s=60)
    assert record(town, rollback)[0] == READS + 1
    assert town.patch_statuses() == [200, 200]
    take_over(town.world, this_release, "again")


def test_what_is_too_new_waits_for_who_understands_it(
    town: Town, this_release: tuple[str, ...], tmp_path: Path
) -> None:
    """This release leaves alone what one of two releases on wrote; who understands it does it once."""
    for child in at_work(town.world):
        child.stop()
    operation = town.ask("/mesh promote api 30")
    client = patient(town.world.redis.url)
    client.hset(keys.operation(operation), "schema", READS + 2)
    take_over(town.world, this_release, "that-waits")
    until(lambda: int(client.get(keys.attempts(operation)) or 0) >= 2, "nobody tried", timeout_s=60)
    client.close()
    assert record(town, operation)[1]["state"] == State.QUEUED
    assert town.patch_statuses() == []
    take_over(town.world, release(tmp_path / "far", reads=READS + 2, writes=READS + 2), "far")
    until(lambda: record(town, operation)[1]["state"] == State.SUCCEEDED, "it was not done", timeout_s=60)
    assert town.patch_statuses() == [200]
