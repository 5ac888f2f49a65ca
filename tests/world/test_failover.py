"""Three Redis servers behind three sentinels: the master dies, and another one hangs, while people type.

`MESHBOT_FAILOVER=200` has them type more. Without it a sample.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from playground.sentinels import GuardedRedis
from playground.servers import RedisServer
from tests.world.district import District, House, RouteLog, make_district
from tests.world.ledger import Ledger, quiet
from tests.world.storm import configure
from tests.world.town import ANA, JIN, LEE, PROD, descendants, until
from workers.runner import QUEUES

ACTS = int(os.environ.get("MESHBOT_FAILOVER", "40"))
HOUSES = tuple(House(f"free{number}", 60.0) for number in range(6))
SETTLED_S = 90.0 + 1.5 * ACTS
FAILED_OVER_S = 20.0

pytestmark = [pytest.mark.world, pytest.mark.timeout(int(2 * SETTLED_S) + 120)]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[District]:
    """A world on a Redis that fails over, with two clocks."""
    world = make_district(tmp_path_factory.mktemp("failover"), HOUSES)
    world.guarded = True
    configure(world)
    with world, RouteLog(world.cluster_url).kept() as log:
        world.start_meshbot("clock2", "clock")
        assert world.prometheus
        world.prometheus.wait_until_scraped("sidecars")
        until(lambda: len(descendants(world.children["worker"].pid)) >= len(QUEUES), "no worker", timeout_s=60)
        yield District(world, log)


def test_a_failover_under_load_loses_and_doubles_nothing(town: District) -> None:
    """Once a master died and another hung, every acknowledged command took effect once, told by the same processes."""
    guarded = town.world.redis
    assert isinstance(guarded, GuardedRedis)
    before = _processes(town)
    over = threading.Event()
    with ThreadPoolExecutor(3) as hands:
        typing = [hands.submit(_type, town, seed, over) for seed in range(3)]
        time.sleep(2)
        died = _gone(guarded, guarded.master(), RedisServer.kill)
        died.start()
        time.sleep(3)
        hung = _gone(guarded, guarded.master(), RedisServer.pause)
        time.sleep(1)
        hung.resume()
        time.sleep(3)
        over.set()
        typed = sum(one.result() for one in typing)
    for house in HOUSES:
        until(lambda name=house.name: _is_rolled_back(town, name), f"no rollback of {house.name}", timeout_s=60)  # type: ignore[misc]  # bound now
    until(lambda: quiet(town), "something is still open", timeout_s=SETTLED_S)
    ledger = Ledger(town)
    answers = [str(one["response_body"] or "") for one in town.world.slack.deliveries()]
    queued = sum("Queued as" in one for one in answers)
    print(  # noqa: T201 - the figures are what it is for
        f"\n{typed} commands typed, {queued} acknowledged, {len(ledger.operations)} on record;",
        f"{len(ledger.told)} messages, {len(ledger.entries)} audit entries",
    )
    wrong = ledger.complaints()
    assert not wrong, "\n".join(wrong)
    assert queued >= ACTS // 4
    assert _processes(town) == before


def _gone(guarded: GuardedRedis, master: RedisServer, how: object) -> RedisServer:
    """Take the master away, wait for another one, and return the one that went."""
    assert callable(how)
    how(master)
    until(lambda: guarded.master() is not master, "nobody was promoted", timeout_s=FAILED_OVER_S)
    return master


def _type(town: District, seed: int, over: threading.Event) -> int:
    """Type promotions until it is over; return how many."""
    dice, typed = random.Random(seed), 0
    who = (JIN, ANA, LEE)[seed]
    while not over.is_set():
        house = dice.choice(HOUSES).name
        words = dice.choice((f"promote {house} {dice.randrange(5, 100, 5)} --force --reason load", f"rollback {house}"))
        town.world.slack.send(who, PROD, f"/mesh {words}")
        typed += 1
        time.sleep(dice.uniform(0.5, 1.1) * 40 / ACTS)
    return typed


def _is_rolled_back(town: District, name: str) -> bool:
    answer = town.answer(f"/mesh rollback {name}")
    return "Queued as" in answer or "already" in answer


def _processes(town: District) -> dict[str, list[int]]:
    """The processes of the product, with what they started."""
    children = {name: town.world.children[name].pid for name in ("bot", "worker", "clock", "clock2")}
    return {name: [pid, *sorted(descendants(pid))] for name, pid in children.items()}
