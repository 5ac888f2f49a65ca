"""`kill -9` of workers and clocks at random while many rollouts are under way: nothing is skipped, repeated, reordered.

`MESHBOT_CHAOS=200` does the whole of it: 200 kills during 50 rollouts. Without it a sample of both.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mesh.domain.audit import verify
from mesh.domain.operations import State
from mesh.domain.rollouts import Phase
from store.auditlog import RedisAuditLog
from store.connection import patient
from tests.world.district import District, House, RouteLog, make_district
from tests.world.town import descendants, kill, until
from workers.runner import QUEUES

KILLS = int(os.environ.get("MESHBOT_CHAOS", "24"))
ROLLOUTS = max(6, min(50, KILLS // 2))
PAUSE_S = (0.2, 1.4)
"""Between two kills: sometimes shorter than a worker needs to start, sometimes long enough to get something done."""
GROWN_UP = 0.75
"""Share of new workers that live to see their parts: on a busy machine a start takes longer than all these pauses."""
PARTS = len(QUEUES)
PATIENCE_S = 120.0 + 2.0 * KILLS
PLANNED = [0, 25, 50, 100]

pytestmark = [pytest.mark.world, pytest.mark.timeout(int(2 * PATIENCE_S) + 120)]

HOUSES = tuple(House(f"chaos{number}", 60.0) for number in range(ROLLOUTS))
BAD = frozenset(house.name for house in HOUSES[::5])
"""Their v2 fails half of its requests from the first one on."""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[District]:
    """A world with two clocks and one worker, and every service warm."""
    world = make_district(tmp_path, HOUSES)
    with world, RouteLog(world.cluster_url).kept() as log:
        world.start_meshbot("clock2", "clock")
        assert world.prometheus
        world.prometheus.wait_until_scraped("sidecars")
        for name in BAD:
            world.break_arm(name, "v2", errors=0.5)
        time.sleep(3)
        yield District(world, log)


def test_random_kills_leave_every_rollout_right(town: District) -> None:
    """Healthy ones complete, bad ones are turned back, and each weight was a planned step, once, in its order."""
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(lambda: {house.name: town.begin(house.name) for house in HOUSES})
        began = time.monotonic()
        killed = _kill_at_random(town, random.Random(KILLS))
        rollouts = begun.result()
    struck = time.monotonic() - began
    for rollout in rollouts.values():
        town.ended(rollout, timeout_s=PATIENCE_S)
    took = time.monotonic() - began
    print(f"\n{sum(killed.values())} kills {killed} in {struck:.0f} s, {ROLLOUTS} rollouts in {took:.0f} s")  # noqa: T201 - the figures are what it is for
    wrong = [found for name, rollout in rollouts.items() if (found := _wrong(town, name, rollout))]
    assert not wrong, "\n".join(wrong)
    until(lambda: not town.outbox.due(time.time() + 3600), "messages still wait", timeout_s=90)
    assert _doubled(town) == []
    log = RedisAuditLog(patient(town.world.redis.url))
    assert verify(log.entries(), log.head()) is None


def _wrong(town: District, name: str, rollout: str) -> str:
    """Say what is not as it should be; empty where all is right."""
    bad = name in BAD
    phase = Phase.TURNED_BACK if bad else Phase.COMPLETED
    weights, generations = town.log.weights(name), [one.generation for one in town.log.of(name)]
    asked = town.operations.get(rollout)
    if asked.state is State.EXPIRED and asked.rollout is None:
        # Nobody lived long enough to begin it in two minutes: people were told so, and nothing may have been touched.
        return "" if weights == PLANNED[:1] else f"{rollout} expired; {weights}"
    right = (
        town.rollout(rollout).phase is phase
        and weights == ([0, 25, 0] if bad else PLANNED)
        and town.steps_on_record(rollout) == ([25] if bad else PLANNED[1:])
        # One generation for each change of the weights: nobody wrote the same step twice.
        and generations[-1] - generations[0] == len(weights) - 1
    )
    return "" if right else f"{town.where(rollout)}; {weights}; {town.steps_on_record(rollout)}; {generations}"


def _doubled(town: District) -> list[str]:
    """Return what people were told twice: cards of rollouts, entries of their threads, lines of the audit channel.

    Entries and lines say when they happened, or their number, so no two are the same.
    """
    shown = [message for message in town.world.slack.transcript() if not message["ephemeral_to"]]
    told = Counter((one["channel"], one["thread_ts"], one["text"]) for one in shown if one["thread_ts"])
    roots = [one for one in shown if not one["thread_ts"] and one["author"]["is_bot"]]
    lines = Counter(line for one in roots for line in one["text"].split("\n") if " audit `#" in line)
    cards = [one["text"] for one in roots if " audit `#" not in one["text"]]
    doubled = [str(what) for what, count in (*told.items(), *lines.items()) if count > 1]
    return doubled + (cards if len(cards) != ROLLOUTS else [])


def _kill_at_random(town: District, dice: random.Random) -> dict[str, int]:
    """Kill and replace processes of the product until it was done often enough; returns how often each."""
    killed = dict.fromkeys(("worker", "part", "clock", "clock2"), 0)
    for _ in range(KILLS):
        time.sleep(dice.uniform(*PAUSE_S))
        victim = dice.choice(sorted(killed))
        killed[victim] += 1
        if victim == "part":
            parts = descendants(town.world.children["worker"].pid)
            for pid in parts[:1] if dice.random() < 0.5 else parts[-1:]:
                kill(pid)
        elif victim == "worker":
            town.kill_worker()
            _start_worker(town, wait=dice.random() < GROWN_UP)
        else:
            kill(town.world.children[victim].pid)
            town.world.start_meshbot(victim, "clock")
    return killed


def _start_worker(town: District, *, wait: bool) -> None:
    worker = town.world.start_meshbot("worker")
    if wait:
        until(lambda: len(descendants(worker.pid)) >= PARTS, "the worker did not start", timeout_s=30)
