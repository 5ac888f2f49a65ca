"""Three bots, three workers and two clocks on one Redis, killed at random, while people type and press all at once.

`MESHBOT_STORM=500` does the whole of it. Without it a sample.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.district import District, RouteLog, make_district
from tests.world.ledger import Ledger, quiet
from tests.world.replicas import Replicas, several
from tests.world.storm import HOUSES, configure, rage
from tests.world.town import until

ACTS = int(os.environ.get("MESHBOT_STORM", "60"))
"""What people do; double clicks and repeated deliveries come on top."""
SETTLED_S = 90.0 + 1.5 * ACTS
"""Slack takes a message a second in a channel and 48 edits a minute in all."""

pytestmark = [pytest.mark.world, pytest.mark.timeout(int(SETTLED_S + 2 * ACTS) + 180)]


@pytest.fixture
def stormy(tmp_path: Path) -> Iterator[tuple[District, Replicas]]:
    """A world with several of everything, and every service warm."""
    world = make_district(tmp_path, HOUSES)
    configure(world)
    with several(world, bots=3) as (_, replicas), RouteLog(world.cluster_url).kept() as log:
        assert world.prometheus
        world.prometheus.wait_until_scraped("sidecars")
        yield District(world, log), replicas


def test_each_command_vote_slot_and_message_counts_once(stormy: tuple[District, Replicas]) -> None:
    """Whatever was repeated, pressed twice or killed: records, cluster and Slack say the same, each thing once."""
    town, replicas = stormy
    began = time.monotonic()
    with replicas.killed_at_random(random.Random(ACTS)) as killed:
        rage(town, ACTS, seed=ACTS)
    raged = time.monotonic() - began
    for house in HOUSES:
        # Ends the rollouts, and what still waits for votes.
        until(lambda name=house.name: _is_rolled_back(town, name), f"no rollback of {house.name}")  # type: ignore[misc]  # bound now
    until(lambda: quiet(town), "something is still open", timeout_s=SETTLED_S)
    took = time.monotonic() - began
    ledger = Ledger(town)
    ends = Counter(f"{one.command.verb} {one.state}" for one in ledger.operations.values())
    deliveries = town.world.slack.deliveries()
    failed = dict(Counter(one["error"] for one in deliveries if one["error"]))
    print(  # noqa: T201 - the figures are what it is for
        f"\n{ACTS} acts, {len(deliveries)} deliveries ({failed} unanswered) in {raged:.0f} s, quiet after {took:.0f} s",
        f"\n{sum(killed.values())} kills {dict(killed)}",
        f"\n{len(ledger.told)} messages, {len(ledger.entries)} audit entries",
        f"\n{dict(sorted(ends.items()))}",
    )
    wrong = ledger.complaints()
    assert not wrong, "\n".join(wrong)


def _is_rolled_back(town: District, name: str) -> bool:
    answer = town.answer(f"/mesh rollback {name}")
    return "Queued as" in answer or "already" in answer
