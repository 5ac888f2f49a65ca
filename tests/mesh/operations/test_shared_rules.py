"""Two services whose rollouts edit one object: each its own rule, or the very same weights."""

from __future__ import annotations

import json

import pytest

from mesh.domain.catalog import Service
from mesh.domain.choices import parted
from mesh.domain.gates import Limits
from mesh.domain.operations import State
from mesh.domain.rollouts import Phase
from mesh.operations.running import run
from tests.mesh.operations.bench import HOST, Bench, surroundings, virtual_service
from tests.mesh.operations.voyage import Voyage


def one_rule() -> tuple[Voyage, Voyage]:
    """A rule for the hosts of two services, and a voyage of each on one bench; none has begun."""
    route = virtual_service(90, 10)
    route["spec"]["hosts"] = [HOST, HOST.replace("api", "web", 1)]
    other = json.loads(json.dumps(surroundings()).replace("api", "web"))
    limits = Limits(warm_up_s=0.0)
    services = tuple(Service(name, stable="v1", canary="v2", limits=limits) for name in ("api", "web"))
    bench = Bench(objects=[route, *surroundings(), *other], services=services)
    return Voyage(bench), Voyage(bench)


def test_a_second_canary_of_the_same_weights_is_refused() -> None:
    """It would take the first one to 100 % without its gates; the answer names it and how to steer it."""
    api, web = one_rule()
    api.start("canary api v2 25,50,100 every 30s")
    refused = web.start("canary web v2 40,60,100 every 30s")
    assert (refused.state, refused.rollout, api.bench.weights()) == (State.REFUSED, None, [75, 25])
    assert f"A canary of api is under way on the same weights, those of VirtualService mesh-demo/api-vs: {api.id}" in (
        refused.outcome
    )
    assert [parted(choice)[0].split()[1:3] for choice in refused.choices] == [
        [one, "api"] for one in ("pause", "abort", "status")
    ]
    api.until(Phase.COMPLETED)


@pytest.mark.parametrize("text", ["promote web 60", "set web v1=1 v2=1"])
def test_nobody_else_moves_the_weights_of_a_canary_through_another_service(text: str) -> None:
    """As through its own service: two hands on one set of weights are one too many."""
    api, _ = one_rule()
    api.start("canary api v2 25,50,100 every 30s")
    assert (api.bench.do(text).state, api.bench.weights()) == (State.REFUSED, [75, 25])


def test_traffic_goes_back_through_either_service() -> None:
    """A rollback waits for nobody: the canary of the other service is held over it, and writes nothing."""
    api, _ = one_rule()
    api.start("canary api v2 25,50,100 every 30s")
    assert (api.bench.do("rollback web").state, api.bench.weights()) == (State.SUCCEEDED, [100, 0])
    api.look(20)
    assert (api.phase, api.bench.weights()) == (Phase.HELD, [100, 0])


def test_an_undo_that_gives_more_does_not_touch_the_weights_of_another_services_canary() -> None:
    """It is a way back by its name only."""
    api, _ = one_rule()
    assert api.bench.do("promote web 50").state is State.SUCCEEDED
    back = api.bench.do("rollback web")
    api.bench.services = tuple(Service(one.name, stable="v1", canary="v2") for one in api.bench.services)
    api.id = api.bench.ask("canary api v2 1,100 every 10s").id
    run(api.id, api.bench.stage)
    assert (api.operation.active_rollout, api.bench.weights()) == (True, [100, 0])
    refused = api.bench.do(f"undo {back.id}")
    assert (refused.state, "on the same weights" in refused.outcome) == (State.REFUSED, True)
    assert api.bench.weights() == [100, 0]


def test_of_two_that_began_at_once_the_second_gives_way() -> None:
    """Each service has its own lock, so the second may have found nothing yet: its first step does."""
    api, web = one_rule()
    api.start("canary api v2 25,50,100 every 30s")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(web.bench.watches, "active", lambda _cluster: [])
        web.id = web.bench.ask("canary web v2 40,60,100 every 30s").id
        run(web.id, web.bench.stage)
    assert web.operation.active_rollout
    web.work()
    assert (web.phase, api.bench.weights()) == (Phase.STOPPED, [75, 25])
    api.until(Phase.COMPLETED)
