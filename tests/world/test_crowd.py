"""Many rollouts in one channel: Slack takes one message a second of it, and nobody's canary is unwatched meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mesh.domain.operations import Step
from tests.world.district import District, House, RouteLog, make_district
from tests.world.town import PROD

pytestmark = pytest.mark.world

LOOK_S = 1.0
ALLOWED_S = LOOK_S + 1.0
"""One look and a second, from the moment that a step is verified to that from which its canary is judged."""
STEPS = 2
HOUSES = tuple(House(f"crowd{number}", 100.0) for number in range(16))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[District]:
    """A world whose services are all measured."""
    world = make_district(tmp_path, HOUSES, look=f"{LOOK_S:g}s")
    with world, RouteLog(world.cluster_url).kept() as log:
        assert world.prometheus
        world.prometheus.wait_until_scraped("sidecars", 30, since_s=3)
        yield District(world, log)


def test_a_crowded_channel_keeps_nobody_from_being_watched(town: District) -> None:
    """Two steps of each of 16 rollouts are heard of by the rollout within a look and a second of being verified."""
    rollouts = [town.begin(house.name, channel=PROD) for house in HOUSES]
    for rollout in rollouts:
        town.await_that(rollout, lambda found: len(found.moves) >= STEPS, "on its second step", timeout_s=120)
    heard = sorted(after for rollout in rollouts for after in _heard_after(town, rollout))
    print(f"\nverified to baking, {len(heard)} steps: median {heard[len(heard) // 2]:.2f} s, longest {heard[-1]:.2f} s")  # noqa: T201 - the figures are what it is for
    assert len(heard) == STEPS * len(HOUSES)
    assert heard[-1] <= ALLOWED_S, heard


def _heard_after(town: District, rollout: str) -> list[float]:
    """For each step, how long after it was verified the rollout began to bake, in seconds."""
    begun = [move.at for move in town.rollout(rollout).moves[:STEPS]]
    steps = [town.operations.get(move) for move in town.moves_on_record(rollout)[:STEPS]]
    verified = [next(event.at for event in one.story if event.step is Step.VERIFIED) for one in steps]
    return [after - before for before, after in zip(verified, begun, strict=True)]
