"""Rollouts on real parts: whatever happens to traffic ends in the right verdict, and weights are planned steps only.

All scenes are played at once, in one world; see `scenes`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from mesh.domain.operations import State
from mesh.domain.rollouts import Happening, Phase
from tests.world.district import District, House, RouteLog, make_district
from tests.world.scenes import FIRST, SCENES

pytestmark = pytest.mark.world

BLIND = House("blind")
"""Watched while Prometheus is away, when everybody else is done."""
WARM_S = 3.0
"""Scrapes, one a second, until rates can be told."""

Scenes = dict[str, Future[None]]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[District]:
    """A world with a service for each scene, its traffic already measured."""
    houses = (*(house for house, _ in SCENES), BLIND)
    world = make_district(tmp_path_factory.mktemp("district"), houses)
    with world, RouteLog(world.cluster_url).kept() as log:
        assert world.prometheus
        world.prometheus.wait_until_scraped("sidecars")
        time.sleep(WARM_S)
        yield District(world, log)


@pytest.fixture(scope="module")
def scenes(town: District) -> Iterator[Scenes]:
    """Every scene, begun at the same time."""
    with ThreadPoolExecutor(len(SCENES)) as stage:
        yield {house.name: stage.submit(scene, town) for house, scene in SCENES}


def test_a_healthy_canary_completes(scenes: Scenes) -> None:
    """Every step is taken once, in order, after its bake, and the end is told."""
    scenes["healthy"].result()


def test_errors_are_turned_back(scenes: Scenes) -> None:
    """A canary that fails loses all its traffic at its first step, long before the bake is over."""
    scenes["errors"].result()


def test_slowness_is_turned_back(scenes: Scenes) -> None:
    """So does one that is slow, though it fails nothing."""
    scenes["slowness"].result()


def test_a_dead_canary_is_turned_back(scenes: Scenes) -> None:
    """Requests that no pod saw are put down to the version that does not answer, not to silence."""
    scenes["dead"].result()


def test_failing_grpc_calls_are_turned_back(scenes: Scenes) -> None:
    """A gRPC status that is not OK is a failure, though the HTTP status is 200."""
    scenes["calls"].result()


def test_a_waypoint_tells_enough(scenes: Scenes) -> None:
    """In an ambient mesh, where no sidecar reports, a failing canary is turned back as well."""
    scenes["ambient"].result()


def test_a_regression_under_the_limit_is_turned_back(scenes: Scenes) -> None:
    """Five times the errors of stable are found though every limit is kept."""
    scenes["regression"].result()


def test_silence_holds(scenes: Scenes) -> None:
    """Without traffic no step follows and people are asked; once it is back the rollout goes on by itself."""
    scenes["silence"].result()


def test_an_incident_in_both_arms_holds(scenes: Scenes) -> None:
    """The canary is not blamed for what ails stable too: the weights stay and people are asked."""
    scenes["incident"].result()


def test_clumps_of_errors_in_both_arms_pass(scenes: Scenes) -> None:
    """A rare clump of failures, as often in v1, keeps nobody from completing."""
    scenes["bursts"].result()


def test_drift_holds(scenes: Scenes) -> None:
    """Weights that somebody else wrote are left alone, and people are asked."""
    scenes["drift"].result()


def test_people_steer_by_command(scenes: Scenes) -> None:
    """What is typed is done within moments: pause, resume, skip, abort."""
    scenes["steered"].result()


def test_people_steer_by_button(scenes: Scenes) -> None:
    """So is what is pressed on the card."""
    scenes["pressed"].result()


def test_a_confirmation_point_waits(scenes: Scenes) -> None:
    """Nothing is written before somebody confirmed, and everything follows after."""
    scenes["asked"].result()


def test_a_rollback_by_a_person_stops_it(scenes: Scenes) -> None:
    """Who rolls back has the last word: no step comes after it."""
    scenes["taken"].result()


def test_what_is_typed_is_what_happens(scenes: Scenes) -> None:
    """Version, steps, bake and `on-failure hold` of the command take the place of the strategy's."""
    scenes["typed"].result()


def test_a_dead_prometheus_holds_until_it_is_back(scenes: Scenes, town: District) -> None:
    """Weights stay while nobody can measure, people are asked, and the rollout goes on by itself afterwards."""
    for scene in scenes.values():
        scene.exception()
    assert town.world.prometheus
    rollout = town.canary(BLIND.name)
    town.world.prometheus.stop()
    try:
        held = town.await_phase(rollout, Phase.HELD)
        assert held.cause is Happening.BLIND
        assert "Prometheus" in held.why
        time.sleep(3)
        assert town.log.weights(BLIND.name) == [0, FIRST]
    finally:
        town.world.prometheus.start()
    assert town.ended(rollout).state is State.SUCCEEDED, town.where(rollout)
    assert town.log.weights(BLIND.name) == [0, 25, 50, 100]
