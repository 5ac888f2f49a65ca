"""What happens to the rollouts of the district: one scene a service, all of them played at the same time.

A scene asserts as it goes; the test that names it shows what became of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from mesh.domain.operations import Operation, State
from mesh.domain.rollouts import Happening, Phase, Rollout
from tests.world.district import District, House

FIRST = 25
"""Weight of v2 after the first step of every strategy but `halves`."""


def healthy(town: District) -> None:
    """Nothing is wrong."""
    rollout = town.canary("healthy")
    done = town.ended(rollout)
    assert done.state is State.SUCCEEDED, town.where(rollout)
    assert town.log.weights("healthy") == [0, 25, 50, 100]
    assert town.steps_on_record(rollout) == [25, 50, 100]
    assert "Completed" in town.card(done)


def errors(town: District) -> None:
    """A third of v2's requests fail."""
    rollout = town.canary("errors")
    town.world.break_arm("errors", "v2", errors=0.3)
    _turned_back(town, rollout)


def slowness(town: District) -> None:
    """Every request of v2 takes two seconds more."""
    rollout = town.canary("slowness")
    town.world.break_arm("slowness", "v2", latency_ms=2000)
    _turned_back(town, rollout)


def dead(town: District) -> None:
    """No connection to v2 comes about: no pod sees its requests, so only callers know."""
    rollout = town.canary("dead")
    town.world.kill_arm("dead", "v2")
    _turned_back(town, rollout)


def calls(town: District) -> None:
    """Half of v2's gRPC calls fail, with the HTTP status 200."""
    rollout = town.canary("calls")
    town.world.break_arm("calls", "v2", errors=0.5)
    _turned_back(town, rollout)


def ambient(town: District) -> None:
    """A third of v2's requests fail where a waypoint is the only one who tells."""
    rollout = town.canary("ambient")
    town.world.break_arm("ambient", "v2", errors=0.3)
    _turned_back(town, rollout)


def regression(town: District) -> None:
    """V2 fails five times as often as v1, and still twice as rarely as its limit allows."""
    rollout = town.canary("regression")
    town.world.break_arm("regression", "v2", errors=0.004)
    done = _turned_back(town, rollout, timeout_s=90)
    success = next(row for row in done.gates if row.name == "success" and row.value is not None)
    assert success.value is not None
    assert success.value > 99
    assert any(row.name == "errors" and row.verdict == "fail" for row in done.gates), town.where(rollout)


def silence(town: District) -> None:
    """Requests stop coming at the first step, and come again later."""
    rollout = town.canary("silence")
    town.world.set_rps("silence", 0)
    held = town.await_phase(rollout, Phase.HELD)
    assert held.cause is Happening.BLIND
    assert "no traffic" in held.why
    assert town.log.weights("silence") == [0, FIRST]
    town.world.set_rps("silence", 200)
    assert town.ended(rollout).state is State.SUCCEEDED, town.where(rollout)
    assert town.log.weights("silence") == [0, 25, 50, 100]


def incident(town: District) -> None:
    """Both versions fail a tenth of their requests: what they depend on is ill."""
    rollout = town.canary("incident")
    town.world.incident("incident", errors=0.1)
    held = town.await_phase(rollout, Phase.HELD, timeout_s=60)
    assert held.cause is Happening.INCIDENT
    time.sleep(5)
    assert town.rollout(rollout).phase is Phase.HELD, town.where(rollout)
    assert town.log.weights("incident") == [0, FIRST]
    _abort(town, rollout)


def bursts(town: District) -> None:
    """Both versions now and then fail a few requests in a row, one in a thousand in all."""
    town.world.clump_errors("bursts", "*", errors=0.001, clump=5)
    rollout = town.canary("bursts")
    assert town.ended(rollout).state is State.SUCCEEDED, town.where(rollout)


def drift(town: District) -> None:
    """Somebody else writes other weights."""
    rollout = town.canary("drift")
    town.set_by_hand("drift", 40)
    held = town.await_phase(rollout, Phase.HELD)
    assert held.cause is Happening.DRIFTED
    assert town.log.weights("drift") == [0, FIRST, 40]
    _abort(town, rollout)


def steered(town: District) -> None:
    """A person types pause, resume, skip and abort."""
    rollout = town.canary("steered")
    for words, phase in (("pause", Phase.PAUSED), ("resume", Phase.BAKING)):
        assert town.do(f"/mesh {words} steered").state is State.SUCCEEDED
        town.await_phase(rollout, phase)
    assert town.do("/mesh skip steered").state is State.SUCCEEDED
    town.await_that(rollout, _baking_at(50), "baking at 50")
    assert town.log.weights("steered") == [0, 25, 50]
    assert town.do("/mesh abort steered").state is State.SUCCEEDED
    done = town.ended(rollout)
    assert done.rollout
    assert done.rollout.phase is Phase.ABORTED
    assert town.log.weights("steered") == [0, 25, 50, 0]


def pressed(town: District) -> None:
    """A person presses Pause, Resume, Skip and Abort."""
    rollout = town.canary("pressed")
    for name, phase in (("pause", Phase.PAUSED), ("resume", Phase.BAKING)):
        town.press(rollout, f"meshbot.{name}")
        town.await_phase(rollout, phase)
    town.press(rollout, "meshbot.skip")
    town.await_that(rollout, _baking_at(50), "baking at 50")
    town.press(rollout, "meshbot.abort")
    done = town.ended(rollout)
    assert done.rollout
    assert done.rollout.phase is Phase.ABORTED
    assert town.log.weights("pressed") == [0, 25, 50, 0]


def asked(town: District) -> None:
    """The second step waits for somebody to press Confirm."""
    rollout = town.canary("asked")
    town.await_phase(rollout, Phase.CONFIRMING)
    time.sleep(4)
    assert town.log.weights("asked") == [0, FIRST]
    town.press(rollout, "meshbot.confirm")
    assert town.ended(rollout).state is State.SUCCEEDED, town.where(rollout)
    assert town.log.weights("asked") == [0, 25, 50, 100]


def taken_over(town: District) -> None:
    """A person rolls the service back."""
    rollout = town.canary("taken")
    assert town.do("/mesh rollback taken").state is State.SUCCEEDED
    done = town.ended(rollout)
    assert done.rollout
    assert (done.rollout.phase, done.rollout.cause) == (Phase.STOPPED, Happening.TAKEN_OVER)
    time.sleep(4)
    assert town.log.weights("taken") == [0, FIRST, 0]


def typed(town: District) -> None:
    """Steps and bake are typed, the longest way there is."""
    rollout = town.canary("typed", "v2 20,100 every 10s on-failure hold")
    town.world.break_arm("typed", "v2", errors=0.3)
    held = town.await_phase(rollout, Phase.HELD)
    assert held.cause is Happening.WORSE
    assert town.log.weights("typed") == [0, 20]
    _abort(town, rollout)


def _turned_back(town: District, rollout: str, *, timeout_s: float = 60) -> Operation:
    done = town.ended(rollout, timeout_s=timeout_s)
    found = town.rollout(rollout)
    assert (found.phase, found.cause) == (Phase.TURNED_BACK, Happening.WORSE), town.where(rollout)
    assert done.state is State.FAILED
    first = int(found.strategy.steps[0].share)
    assert town.log.weights(done.target.service) == [0, first, 0]
    return done


def _abort(town: District, rollout: str) -> None:
    service = town.operations.get(rollout).target.service
    assert town.do(f"/mesh abort {service}").state is State.SUCCEEDED
    town.ended(rollout)
    assert town.weight(service) == 0


def _baking_at(share: float) -> Callable[[Rollout], bool]:
    return lambda rollout: (rollout.phase, rollout.current.share) == (Phase.BAKING, share)


SCENES: tuple[tuple[House, Callable[[District], None]], ...] = (
    (House("healthy"), healthy),
    (House("errors", strategy="patient"), errors),
    (House("slowness", strategy="patient"), slowness),
    (House("dead", strategy="patient"), dead),
    (House("calls", strategy="patient", traffic={"protocol": "grpc"}), calls),
    (House("ambient", strategy="patient", traffic={"proxies": "waypoint"}), ambient),
    (House("regression", 4000, error_rate=0.001, strategy="halves", gates={"first_max": 50}), regression),
    (House("silence"), silence),
    (House("incident", strategy="patient", gates={"slo": 99.9}), incident),
    (House("bursts"), bursts),
    (House("drift", strategy="patient"), drift),
    (House("steered", strategy="patient"), steered),
    (House("pressed", strategy="patient"), pressed),
    (House("asked", strategy="asking"), asked),
    (House("taken", strategy="patient"), taken_over),
    (House("typed"), typed),
)
"""Who lives where, and what happens to them."""
