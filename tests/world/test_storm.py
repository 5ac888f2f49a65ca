"""Three bots, three workers and two clocks on one Redis, killed at random, while people type and press all at once.

`MESHBOT_STORM=500` does the whole of it. Without it a sample.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from tests.world.district import District, RouteLog, make_district
from tests.world.ledger import Ledger, quiet
from tests.world.replicas import Replicas, several
from tests.world.storm import HOUSES, configure, rage
from tests.world.town import LEE, PROD, until

ACTS = int(os.environ.get("MESHBOT_STORM", "60"))
"""What people do; double clicks and repeated deliveries come on top."""
MOST = 6
"""Changes that a person may ask for in a minute, where that is tried out."""
SETTLED_S = 90.0 + 1.5 * ACTS
"""Slack takes a message a second in a channel and 48 edits a minute in all."""

pytestmark = [pytest.mark.world, pytest.mark.timeout(int(SETTLED_S + 2 * ACTS) + 180)]


@pytest.fixture(scope="module")
def stormy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[District, Replicas]]:
    """A world with several of everything, and every service warm."""
    world = make_district(tmp_path_factory.mktemp("storm"), HOUSES)
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
        repeated = rage(town, ACTS, seed=ACTS)
    raged = time.monotonic() - began
    for house in HOUSES:
        # Ends the rollouts, and what still waits for votes.
        until(lambda name=house.name: _is_rolled_back(town, name), f"no rollback of {house.name}")  # type: ignore[misc]  # bound now
    until(lambda: quiet(town), "something is still open", timeout_s=SETTLED_S)
    took = time.monotonic() - began
    ledger = Ledger(town, repeated)
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


def test_three_bots_count_what_a_person_asks_for_together(stormy: tuple[District, Replicas]) -> None:
    """Whichever bot hears it: of many changes at once as many are let through as a person may ask for in a minute."""
    town, _ = stormy
    config = yaml.safe_load(town.world.configuration.read_text())
    config["flood"]["user_per_minute"] = MOST
    town.world.configuration.write_text(yaml.safe_dump(config))
    time.sleep(2)
    before, slack = len(town.world.slack.deliveries()), town.world.slack
    with ThreadPoolExecutor(8) as hands:
        for number in range(3 * MOST):
            hands.submit(slack.send, LEE, PROD, f"/mesh promote free0 {1 + number}")
    until(lambda: _answered(town, before) == 3 * MOST, "not all were answered")
    refused = [one for one in slack.deliveries()[before:] if "Too much at once" in str(one["response_body"])]
    # A token comes back every ten seconds.
    assert MOST <= 3 * MOST - len(refused) <= MOST + 1


def _answered(town: District, before: int) -> int:
    return sum(bool(one["attempts"]) for one in town.world.slack.deliveries()[before:])


def _is_rolled_back(town: District, name: str) -> bool:
    answer = town.answer(f"/mesh rollback {name}")
    return "Queued as" in answer or "already" in answer
