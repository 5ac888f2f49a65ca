"""Rollouts under attack: doubts that must not end as successes, words and verdicts that are old, two hands at once."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from mesh.domain.catalog import Service
from mesh.domain.errors import Conflict, Refused, Unavailable
from mesh.domain.gates import CustomGate, Limits
from mesh.domain.measures import Burn
from mesh.domain.operations import State, Step
from mesh.domain.policy import Policy
from mesh.domain.rollouts import Happening, Phase
from mesh.domain.trials import Pair, Trial, judge_blind
from mesh.operations import rollouts
from mesh.operations.looking import look
from mesh.operations.running import run
from tests.builders import healthy
from tests.mesh.operations import test_acceptance as acceptance
from tests.mesh.operations.bench import HOST, Bench, endpoints, surroundings, virtual_service
from tests.mesh.operations.test_rollouts import _with, voyage
from tests.mesh.operations.voyage import LOOK_S, Voyage


def gateway_voyage() -> Voyage:
    """A voyage over an HTTPRoute, whose parents must accept what is written."""
    bench = acceptance.bench()
    bench.services = (Service("api", stable="api-v1", canary="api-v2", limits=Limits(warm_up_s=0.0)),)
    bench.weights = lambda name="": acceptance.weights(bench)  # type: ignore[method-assign]
    return Voyage(bench)


def generation(trip: Voyage) -> int:
    """The generation of its HTTPRoute."""
    held = trip.bench.cluster.client._held["HTTPRoute", "mesh-demo", "api-route"]
    return int(held["metadata"]["generation"])


def test_traffic_is_not_said_to_be_back_while_the_gateway_refuses_the_weights() -> None:
    """The second try finds the weights as asked; that they count is for the parents to say."""
    trip = gateway_voyage()
    trip.start("canary api 25,50 every 30s")
    acceptance.speak(trip.bench, generation(trip))
    trip.look()
    assert trip.phase is Phase.BAKING
    trip.bench.metrics.readings["api-v2"] = healthy(success=80.0)
    for _ in range(10):
        trip.look()
        acceptance.speak(trip.bench, generation(trip), accepted=generation(trip) < 3)
    assert (trip.phase, trip.bench.weights()) == (Phase.TURNING_BACK, [100, 0])
    acceptance.speak(trip.bench, generation(trip))
    trip.until(Phase.TURNED_BACK)


def test_a_first_step_that_nobody_can_answer_for_is_held_and_watched() -> None:
    """Its weights are written: that is no refusal, and a canary that turns bad then is turned back."""
    trip = gateway_voyage()
    trip.start("canary api 25,50 every 30s")
    trip.until(Phase.HELD)
    assert trip.bench.weights() == [75, 25]
    assert "did not say" in str(trip.operation.rollout and trip.operation.rollout.why)
    acceptance.speak(trip.bench, generation(trip))
    trip.bench.metrics.readings["api-v2"] = healthy(success=80.0)
    trip.until(Phase.TURNING_BACK)
    assert trip.bench.weights() == [100, 0]


def test_nobody_confirms_on_verdicts_of_long_ago() -> None:
    """The gates passed when they were last looked at; since then nobody looks."""
    trip = voyage()
    trip.start("canary api v2 25,confirm,50 every 30s")
    trip.until(Phase.CONFIRMING)
    trip.look()
    trip.bench.time.at += 300
    assert trip.say("confirm api").state is State.REFUSED
    assert (trip.phase, trip.bench.weights()) == (Phase.CONFIRMING, [75, 25])


def test_a_step_that_waited_in_the_queue_is_judged_by_what_is_true_now() -> None:
    """Between the look that let it go and its turn the canary went bad."""
    trip = voyage()
    trip.start()
    trip.look(5)
    trip.bench.time.at += 5
    look("demo", trip.bench.stage)
    assert trip.phase is Phase.MOVING
    trip.bench.metrics.readings["v2"] = healthy(success=50.0)
    trip.bench.time.at += 110
    trip.work()
    assert trip.bench.weights() == [75, 25]
    trip.until(Phase.TURNED_BACK)


def test_an_undo_that_is_refused_ends_no_rollout() -> None:
    """Nothing was changed, so the canary is still watched."""
    trip = voyage()
    first = trip.bench.do("promote api 20")
    trip.bench.do("promote api 21")
    trip.start()
    assert trip.say(f"undo {first.id}").state is State.REFUSED
    assert trip.phase is Phase.BAKING


def test_an_undo_that_would_bring_a_canary_back_takes_over_no_rollout() -> None:
    """Only traffic that goes back may end what is under way: this one would give the canary what was taken away."""
    trip = voyage()
    trip.bench.do("promote api 50")
    back = trip.bench.do("rollback api")
    trip.id = trip.bench.ask("canary api v2 1,100 every 10s").id
    run(trip.id, trip.bench.stage)
    assert (trip.operation.active_rollout, trip.bench.weights()) == (True, [100, 0])
    refused = trip.bench.do(f"undo {back.id}")
    assert (refused.state, "is under way" in refused.outcome) == (State.REFUSED, True)
    assert (trip.operation.active_rollout, trip.bench.weights()) == (True, [100, 0])


def test_a_rollback_that_is_refused_does_not_end_the_one_that_is_tried_again() -> None:
    """Stable comes back a minute later, and then traffic goes there."""
    trip = voyage()
    trip.start()
    slices = trip.bench.cluster.client
    slices.put(endpoints("api", [("api-v1-0", "v1", False), ("api-v2-0", "v2", True)]))
    trip.bench.metrics.readings["v2"] = healthy(success=80.0)
    trip.until(Phase.TURNING_BACK)
    assert trip.say("rollback api").state is State.REFUSED
    slices.put(endpoints("api", [("api-v1-0", "v1", True), ("api-v2-0", "v2", True)]))
    trip.until(Phase.TURNED_BACK)
    assert trip.bench.weights() == [100, 0]


def test_a_step_whose_route_cannot_be_read_any_more_is_watched_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are written and verified; that the arms cannot be read anew leaves nobody unwatched."""
    trip = voyage()
    trip.start()
    trip.look(5)
    real = trip.bench.cluster.reread
    follow = rollouts._follow

    def blindly(*args: Any) -> bool:
        def refuse(*_: object) -> None:
            raise Refused("meshbot may not get virtualservices")

        trip.bench.cluster.reread = refuse  # type: ignore[method-assign, assignment]
        try:
            return follow(*args)
        finally:
            trip.bench.cluster.reread = real  # type: ignore[method-assign]

    monkeypatch.setattr("mesh.operations.rollouts._follow", blindly)
    trip.look(3)
    assert (trip.phase, trip.bench.weights()) == (Phase.BAKING, [50, 50])
    trip.bench.metrics.readings["v2"] = healthy(success=50.0)
    trip.until(Phase.TURNED_BACK)


def test_a_canary_that_could_not_be_turned_back_is_not_begun() -> None:
    """Of three arms nobody said which is stable."""
    route, rule, *rest = virtual_service(), *surroundings()
    route["spec"]["http"][0]["route"].append({"destination": {"host": HOST, "subset": "v3"}, "weight": 40})
    rule["spec"]["subsets"].append({"name": "v3", "labels": {"version": "v3"}})
    bench = Bench(objects=[route, rule, *rest], services=(Service("api", limits=Limits(warm_up_s=0.0)),))
    bench.metrics.readings["v3"] = healthy()
    refused = Voyage(bench).start()
    assert refused.state is State.REFUSED
    assert "stable" in refused.outcome
    assert bench.weights() == [90, 10, 40]


def test_a_rollout_knows_where_it_goes_back_to() -> None:
    """Somebody else moved traffic off a canary that had everything; who is stable is then unclear, but not to it."""
    trip = Voyage(Bench(services=(Service("api", limits=Limits(warm_up_s=0.0)),)))
    trip.start("canary api v2 50,100 every 30s")
    while trip.bench.weights() != [0, 100] or trip.phase is not Phase.BAKING:
        trip.look()
    trip.bench.cluster.client.put(_with(trip.bench, 40, 60))
    trip.look()
    trip.say("abort api")
    trip.until(Phase.ABORTED)
    assert trip.bench.weights() == [100, 0]


def test_weights_that_somebody_else_writes_while_it_is_held_are_drift_as_well() -> None:
    """Who resumes must have been told of them."""
    trip = voyage()
    trip.start()
    trip.bench.metrics.readings["v2"] = healthy(requests=0.0)
    trip.until(Phase.HELD, looks=200)
    trip.bench.cluster.client.put(_with(trip.bench, 0, 100))
    trip.look(3)
    assert trip.operation.rollout
    assert trip.operation.rollout.cause is Happening.DRIFTED
    assert trip.steps().count("held") == 2


def test_a_rollout_whose_route_is_gone_is_not_completed() -> None:
    """Nobody is told that the canary has everything when no route says so."""
    trip = voyage()
    trip.start("canary api v2 50,100 every 30s")
    while trip.bench.weights() != [0, 100] or trip.phase is not Phase.BAKING:
        trip.look()
    trip.bench.cluster.client.remove("VirtualService", "mesh-demo", "api-vs")
    trip.note = lambda: None  # type: ignore[method-assign]
    trip.until(Phase.HELD)
    assert "gone" in str(trip.operation.rollout and trip.operation.rollout.why)


def test_a_last_step_that_was_not_written_is_still_compared_with_stable() -> None:
    """The canary has half, and is slower than stable under every limit: that is found, and told as half."""
    trip = voyage()
    trip.start("canary api v2 50,100 every 30s")
    trip.look(3)
    policy, trip.bench.policy = trip.bench.policy, Policy()
    trip.until(Phase.HELD)
    trip.bench.policy = policy
    assert "v2 at 50 %" in trip.bench.do("status api").statuses[0].rollout
    trip.bench.metrics.readings["v2"] = healthy(p99_ms=400.0)
    trip.until(Phase.TURNED_BACK)


def test_a_word_is_heard_once_though_others_were_said_before_its_worker_came_back() -> None:
    """The worker of a `skip` dies between the rollout's record and its own; meanwhile others pause and resume."""
    trip = voyage()
    trip.start("canary api v2 25,50,75,100 every 1h")
    trip.look()
    skip, real = trip.bench.ask("skip api"), trip.bench.operations.commit

    def dying(operation: Any, *args: Any, **more: Any) -> Any:
        if operation.id == skip.id and operation.done:
            raise KeyboardInterrupt
        return real(operation, *args, **more)

    trip.bench.operations.commit = dying  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run(skip.id, trip.bench.stage)
    trip.bench.operations.commit = real  # type: ignore[method-assign]
    trip.bench.operations.later(skip.id, seconds=7)
    trip.say("pause api")
    trip.say("resume api")
    trip.bench.time.at += 7
    trip.work()
    assert trip.bench.operations.get(skip.id).state is State.SUCCEEDED
    assert trip.bench.weights() == [50, 50]


@pytest.mark.parametrize("text", ["", "abort api"], ids=["begin", "abort"])
def test_a_store_that_hiccups_after_the_record_was_written_makes_no_failure_of_it(text: str) -> None:
    """What is on record goes on; nobody is told that nothing was started."""
    trip = voyage()
    real = trip.bench.operations.receive

    def hiccup(operation: Any, **more: Any) -> Any:
        if operation.command.rollout:
            trip.bench.operations.receive = real  # type: ignore[method-assign]
            raise Unavailable("Redis did not answer, so nothing was started.")
        return real(operation, **more)

    if text:
        trip.start()
    trip.bench.operations.receive = hiccup  # type: ignore[method-assign]
    said = trip.say(text) if text else trip.start()
    assert said.state is not State.FAILED
    trip.look()
    assert trip.bench.weights() == ([100, 0] if text else [75, 25])


def test_people_are_told_why_traffic_is_not_back_yet() -> None:
    """Each try says what kept it, not once more why traffic goes back."""
    trip = voyage()
    trip.start()
    trip.bench.cluster.client.put(endpoints("api", [("api-v1-0", "v1", False), ("api-v2-0", "v2", True)]))
    trip.bench.metrics.readings["v2"] = healthy(success=80.0)
    trip.until(Phase.TURNING_BACK)
    trip.look(3)
    last = trip.operation.story[-1]
    assert last.step is Step.TURNING_BACK
    assert "not back on v1 yet" in last.text
    assert "no ready endpoint" in last.text


def test_steps_that_the_weights_cannot_show_are_refused_at_the_start() -> None:
    """Of ten parts nobody gets 25 %: that is told before the canary has anything more."""
    trip = voyage()
    trip.bench.cluster.client.put(virtual_service(9, 1))
    refused = trip.start("canary api v2 20,25,100 every 30s")
    assert refused.state is State.REFUSED
    assert "25 %" in refused.outcome
    assert trip.bench.weights() == [9, 1]


def at_its_last_step(*, looks: int = 2) -> Voyage:
    """A rollout that bakes its last step."""
    trip = voyage()
    trip.start("canary api v2 25,50 every 5m")
    trip.look(3)
    trip.say("skip api")
    trip.look(looks)
    assert (trip.phase, trip.bench.weights()) == (Phase.BAKING, [50, 50])
    return trip


def test_the_last_bake_is_not_skipped_over_a_failed_gate() -> None:
    """A look has found it and could not act, for another worker held the lock: no step follows that would be judged."""
    trip = at_its_last_step()
    trip.bench.metrics.readings["v2"] = healthy(success=50.0)
    with trip.bench.locks.hold(str(trip.operation.target), wait_s=0):
        for _ in range(6):
            trip.bench.time.at += 5
            look("demo", trip.bench.stage)
    assert run(trip.bench.ask("skip api").id, trip.bench.stage).state is State.REFUSED
    trip.until(Phase.TURNED_BACK)


def test_the_last_bake_is_not_skipped_over_somebody_elses_weights() -> None:
    """Nobody is told that the canary has its share while somebody has just taken it away."""
    trip = at_its_last_step()
    trip.bench.cluster.client.put(_with(trip.bench, 100, 0))
    assert run(trip.bench.ask("skip api").id, trip.bench.stage).state is State.REFUSED
    trip.until(Phase.HELD)


@pytest.mark.parametrize("steps", ["25", "25,confirm,50"])
def test_whose_bake_was_skipped_is_not_said_to_be_healthy(steps: str) -> None:
    """Nothing is known of it: that is why somebody skipped."""
    trip = voyage()
    trip.start(f"canary api v2 {steps} every 5m")
    trip.bench.metrics.readings["v2"] = healthy(requests=0.0)
    trip.look(2)
    trip.say("skip api")
    assert trip.phase in (Phase.COMPLETED, Phase.CONFIRMING)
    told = [event.text for event in trip.operation.story if event.step in (Step.COMPLETED, Step.CONFIRMING)]
    assert told[0].startswith("v2 has 25 %, and the rest of its bake was skipped")


def test_an_incident_is_not_blamed_on_a_canary_that_has_the_name_of_the_service() -> None:
    """Arms are Services here: after one release to `api-v1`, the next goes back to the one called `api`."""
    bench = acceptance.bench()
    bench = Bench(json.loads(json.dumps(bench.objects).replace("api-v2", "api")))
    bench.services = (Service("api", stable="api-v1", canary="api", limits=Limits(warm_up_s=0.0)),)
    bench.metrics.readings = {"api-v1": healthy(), "api": healthy()}
    bench.weights = lambda name="": acceptance.weights(bench)  # type: ignore[method-assign]
    trip = Voyage(bench)
    trip.start("canary api 25,50 every 30s")
    acceptance.speak(bench, generation(trip))
    trip.until(Phase.BAKING)
    bench.metrics.burn = Burn(0.5, 0.5, 0.5, 0.5, failed_h1=5000.0, failed_h6=5000.0)
    trip.until(Phase.HELD)
    assert trip.operation.rollout
    assert (trip.operation.rollout.cause, bench.weights()) == (Happening.INCIDENT, [75, 25])


def test_a_long_pause_does_not_use_up_the_patience_of_gates() -> None:
    """They passed all the while; one look that nobody could decide holds nothing right after somebody resumed."""
    trip = voyage()
    trip.start("canary api v2 25,50 every 30s")
    trip.look(2)
    trip.say("pause api")
    trip.look(200)
    passing = trip.bench.metrics.readings["v2"]
    trip.bench.metrics.readings["v2"] = "Prometheus did not answer in 3 s"
    trip.look()
    trip.say("resume api")
    trip.look()
    assert trip.phase is Phase.BAKING
    trip.bench.metrics.readings["v2"] = passing
    trip.until(Phase.COMPLETED)


def test_half_a_minute_without_looks_is_no_long_silence() -> None:
    """Redis was away for 40 s, and a card is drawn before the first look: the patience is ten minutes."""
    trip = voyage()
    trip.start("canary api v2 25,50 every 30m")
    trip.look(140)
    trip.bench.time.at += 40
    trip.work()
    assert trip.phase is Phase.BAKING


def test_a_clock_that_is_set_back_an_hour_blinds_nobody() -> None:
    """A canary that goes bad then is turned back within seconds, not when it is as late as it was."""
    trip = voyage()
    trip.start("canary api v2 25,50 every 30m")
    trip.look(3)
    trip.bench.time.at -= 3600
    trip.bench.metrics.readings["v2"] = healthy(success=50.0)
    for _ in range(6):
        trip.bench.time.at += 5
        look("demo", trip.bench.stage)
    assert trip.phase is Phase.TURNING_BACK


def test_nobody_confirms_on_verdicts_of_the_future() -> None:
    """They are from before the clock was set back, and nobody has looked since."""
    trip = voyage()
    trip.start("canary api v2 25,confirm,50 every 30s")
    trip.until(Phase.CONFIRMING)
    trip.look()
    trip.bench.time.at -= 3600
    assert run(trip.bench.ask("confirm api").id, trip.bench.stage).state is State.REFUSED
    assert trip.phase is Phase.CONFIRMING


def test_nothing_counts_while_a_step_warms_up() -> None:
    """Conditions of one's own neither; and nobody says that no traffic came where it was not counted."""
    trip = voyage(custom=(CustomGate("restarts", "x", most=1.0),), warm_up_s=30.0)
    trip.bench.metrics.values = {"restarts": 0.0}
    trip.start("canary api v2 25,50 every 5m")
    trip.bench.metrics.values = {"restarts": 2.0}
    trip.look(5)
    rows = trip.bench.watches.load([trip.id])[trip.id].rows
    assert trip.phase is Phase.BAKING
    assert {row.why for row in rows if row.arm == "v2"} == {"nothing counts yet: the weights were written a moment ago"}
    assert {row.lack for row in rows if row.arm == "v2"} == {"few"}
    trip.until(Phase.TURNED_BACK)


def test_what_nobody_could_confirm_is_not_turned_back() -> None:
    """Prometheus is dead for longer than people have: who presses is refused, so that nobody confirmed says nothing."""
    trip = voyage()
    trip.start("canary api v2 25,confirm,50 every 30s")
    trip.until(Phase.CONFIRMING)
    passing = dict(trip.bench.metrics.readings)
    for name in passing:
        trip.bench.metrics.readings[name] = "Prometheus did not answer in 3 s"
    trip.look()
    assert trip.say("confirm api").state is State.REFUSED
    trip.look(800)
    assert (trip.phase, trip.bench.weights()) == (Phase.HELD, [75, 25])
    trip.bench.metrics.readings.update(passing)
    trip.until(Phase.CONFIRMING)


def test_a_canary_that_is_still_blamed_is_not_resumed() -> None:
    """Its weights stand already, so its bake would begin anew with all evidence forgotten; once it is well, it does."""
    trip = voyage()
    trip.start("canary api v2 25,50 every 30s on-failure hold")
    trip.bench.metrics.readings["v2"] = healthy(success=90.0)
    trip.until(Phase.HELD)
    trip.look(2)
    said = trip.bench.ask("resume api")
    assert run(said.id, trip.bench.stage).state is State.REFUSED
    trip.bench.metrics.readings["v2"] = healthy()
    trip.look(140)
    assert trip.phase is Phase.HELD
    trip.say("resume api")
    trip.until(Phase.COMPLETED)


def test_one_good_look_is_not_the_end_of_an_incident() -> None:
    """Every gate must pass for half a minute: else each flicker would call people anew."""
    trip = voyage()
    trip.start("canary api v2 25,50 every 5m")
    trip.look(5)
    trip.bench.metrics.burn = Burn(0.5, 0.5, 0.5, 0.5, failed_h1=5000.0, failed_h6=5000.0)
    trip.look(10)
    assert trip.phase is Phase.HELD
    trip.bench.metrics.burn = Burn(0.0, 0.0, 0.0, 0.0)
    trip.look(6)
    assert trip.phase is Phase.HELD
    trip.until(Phase.BAKING, looks=1)


@pytest.mark.parametrize(("stable", "canary"), [("v2", "v1"), ("v2", "v3"), ("v1", "v3")])
@pytest.mark.parametrize("share", [25, 100])
def test_traffic_goes_back_whatever_the_configuration_calls_stable_by_then(
    stable: str, canary: str, share: int
) -> None:
    """Somebody has written down the roles of the next release while this one still bakes."""
    trip = voyage(first_max=100.0)
    trip.start(f"canary api v2 {share} every 30m")
    assert trip.bench.weights() == [100 - share, share]
    (service,) = trip.bench.services
    trip.bench.services = (replace(service, stable=stable, canary=canary),)
    trip.bench.metrics.readings["v2"] = healthy(success=50.0)
    trip.until(Phase.TURNED_BACK)
    assert trip.bench.weights() == [100, 0]


def test_a_rollout_keeps_its_stable_arm_whatever_the_configuration_says_by_then() -> None:
    """A third arm is called stable in the middle of the way: steps, comparison and the way back stay those of v1."""
    route, rest = virtual_service(80, 10), surroundings()
    route["spec"]["http"][0]["route"].append({"destination": {"host": HOST, "subset": "v3"}, "weight": 10})
    rest[0]["spec"]["subsets"].append({"name": "v3", "labels": {"version": "v3"}})
    service = Service("api", stable="v1", canary="v2", limits=Limits(warm_up_s=0.0))
    trip = Voyage(Bench(objects=[route, *rest], services=(service,)))
    trip.bench.metrics.readings = {arm: healthy() for arm in ("v1", "v2", "v3")}
    trip.start("canary api v2 25,50 every 30s")
    trip.bench.services = (replace(service, stable="v3"),)
    while trip.bench.weights() != [45, 50, 5] or trip.phase is not Phase.BAKING:
        trip.look()
    trip.bench.metrics.readings["v2"] = healthy(success=50.0)
    trip.until(Phase.TURNED_BACK)
    assert trip.bench.weights() == [100, 0, 0]


def at_its_deadline(text: str = "canary api v2 25,confirm,50 every 30s") -> Voyage:
    """A voyage that waits for somebody, two seconds before nobody is waited for any more."""
    trip = voyage()
    trip.start(text)
    trip.until(Phase.CONFIRMING)
    assert trip.operation.rollout
    trip.bench.time.at = trip.operation.rollout.deadline - 7
    trip.look()
    return trip


@pytest.mark.parametrize(
    ("verb", "phase", "weights"),
    [
        ("confirm", Phase.BAKING, [50, 50]),
        ("pause", Phase.PAUSED, [75, 25]),
        ("abort", Phase.ABORTED, [100, 0]),
    ],
)
def test_a_word_said_in_time_counts_though_it_is_heard_late(verb: str, phase: Phase, weights: list[int]) -> None:
    """It was received before the deadline; that its worker came after the next look is not the person's doing."""
    trip = at_its_deadline()
    said = trip.bench.ask(f"{verb} api")
    trip.bench.time.at += 5
    look("demo", trip.bench.stage)
    assert trip.phase is Phase.CONFIRMING
    trip.work()
    trip.until(phase, looks=2)
    assert trip.bench.operations.get(said.id).state is State.SUCCEEDED
    assert trip.bench.weights() == weights


def test_the_clock_waits_for_a_word_said_in_time_as_well() -> None:
    """No look comes; the rollout's own job finds the word waiting."""
    trip = at_its_deadline()
    trip.bench.ask("confirm api")
    trip.bench.time.at += 5
    run(trip.id, trip.bench.stage)
    assert trip.phase is Phase.CONFIRMING


def test_who_resumes_in_time_keeps_a_paused_canary_from_expiring() -> None:
    """The deadline of a pause is one as well."""
    trip = voyage()
    trip.start("canary api v2 25,50 every 30s")
    trip.say("pause api")
    assert trip.operation.rollout
    trip.bench.time.at = trip.operation.rollout.deadline - 2
    trip.bench.ask("resume api")
    trip.bench.time.at += 5
    look("demo", trip.bench.stage)
    trip.work()
    assert trip.phase is Phase.BAKING


@pytest.mark.parametrize("verb", ["confirm", "skip", "pause"])
def test_a_word_said_after_the_deadline_or_in_vain_holds_up_nothing(verb: str) -> None:
    """What comes too late, what cannot be done, and what nobody works on: then nobody decided in time."""
    trip = at_its_deadline()
    trip.bench.time.at += 0 if verb == "skip" else 3
    trip.bench.ask(f"{verb} api")
    trip.bench.time.at += 5
    look("demo", trip.bench.stage)
    trip.work()
    trip.until(Phase.TURNED_BACK, looks=2)
    assert "nobody decided in time" in trip.operation.outcome


def test_a_word_that_no_worker_comes_for_is_not_waited_for_for_ever() -> None:
    """It expires after two minutes, and then nobody decided."""
    trip = at_its_deadline()
    trip.bench.ask("confirm api")
    for _ in range(26):
        trip.bench.time.at += 5
        look("demo", trip.bench.stage)
    assert trip.phase is Phase.TURNING_BACK


def watched(trip: Voyage, evidence: Iterable[float], *, each_s: Iterable[float] = itertools.repeat(0.25)) -> int:
    """Return how often a look out of turn was asked for, with this evidence look by look, so many seconds apart."""
    trip.start("canary api v2 25,50 every 23h")
    trip.look(2)
    rows, before = judge_blind(Pair("v2", "v1"), Limits(), "", window_s=60), len(trip.bench.watches.hurried)
    for value, later_s in zip(evidence, each_s, strict=False):
        shown = tuple(replace(row, evidence=value, threshold=400.0) for row in rows)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mesh.operations.looking.judge_trial", lambda *_, shown=shown: shown)
            trip.bench.time.at += later_s
            look("demo", trip.bench.stage)
    return len(trip.bench.watches.hurried) - before


def test_evidence_that_only_stays_high_hurries_nobody_for_long() -> None:
    """For an hour it is a tenth of a proof: its cluster is in a hurry for a quarter of a minute."""
    # Nobody hurries after the first minutes, so looks come each five seconds then.
    pace = itertools.chain(itertools.repeat(0.25, 4 * 300), itertools.repeat(LOOK_S, int(3300 / LOOK_S)))
    assert watched(voyage(), itertools.repeat(40.0), each_s=pace) == 60


def test_evidence_that_goes_up_and_down_hurries_a_fifth_of_the_time_at_most() -> None:
    """Each time it becomes near anew it may be a breach; but not each second minute."""
    looks = 4 * 300
    for period in (2, 20, 200, 400):
        up_and_down = (12.0 if at % period < period / 2 else 8.0 for at in range(looks))
        assert watched(voyage(), up_and_down) <= looks / 5


def test_evidence_that_rises_is_looked_at_soon_until_it_is_proven() -> None:
    """Ten per cent more each second: nobody waits for a look's time on the whole way from 10 to 400."""
    climbing = [10 * 1.1 ** (at / 4) for at in range(150)]
    assert watched(voyage(), climbing) == len(climbing)


def test_slow_looks_are_not_asked_for_out_of_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a thousand rollouts one is always near, and looks of a second would follow each other without a pause."""
    trip = voyage()
    measure = trip.bench.metrics.measure

    def slowly(*args: Any, **how: Any) -> Any:
        trip.bench.time.at += 1.4
        return measure(*args, **how)

    monkeypatch.setattr(trip.bench.metrics, "measure", slowly)
    assert watched(trip, itertools.repeat(40.0, 20), each_s=itertools.repeat(LOOK_S)) == 0


def hung(trip: Voyage) -> Callable[[], None]:
    """Let the next step's patch hang in the API server, which does not answer meanwhile; returns what lets it land."""
    cluster, sent = trip.bench.cluster, []
    real, reread = cluster.patch, cluster.reread

    def hang(plan: Any, target: Any) -> None:
        sent.append((plan, target))
        cluster.reread = _away  # type: ignore[method-assign, assignment]
        raise Unavailable("the API server did not answer in time")

    cluster.patch = hang  # type: ignore[method-assign, assignment]
    while not sent:
        trip.look()
    cluster.patch, cluster.reread = real, reread  # type: ignore[method-assign]

    def land() -> None:
        with contextlib.suppress(Conflict):
            real(*sent[0])
        trip.note()

    return land


def test_a_step_that_still_hangs_is_shut_out_before_the_canary_is_held() -> None:
    """A canary that is blamed keeps the weights that people were told; the hung patch lands afterwards, in vain."""
    trip = voyage()
    trip.start("canary api v2 25,50,100 every 30s on-failure hold")
    land = hung(trip)
    trip.bench.metrics.readings["v2"] = healthy(success=50.0)
    for _ in range(8):
        trip.bench.time.at += 1
        look("demo", trip.bench.stage)
    assert trip.phase is Phase.HELD
    land()
    trip.look(3)
    assert trip.bench.weights() == [75, 25]
    assert trip.operation.rollout
    assert trip.operation.rollout.cause is Happening.WORSE


def test_a_step_that_landed_unheard_is_no_drift_when_the_canary_is_held() -> None:
    """Its patch was written and nobody heard it: held with the higher weights, and people are told of those."""
    trip = voyage()
    trip.start("canary api v2 25,50,100 every 30s on-failure hold")
    hung(trip)()
    trip.bench.metrics.readings["v2"] = healthy(success=50.0)
    for _ in range(8):
        trip.bench.time.at += 1
        look("demo", trip.bench.stage)
    assert trip.phase is Phase.HELD
    trip.look(3)
    assert (trip.operation.rollout and trip.operation.rollout.cause, trip.bench.weights()) == (
        Happening.WORSE,
        [50, 50],
    )
    assert "v2 at 50 %" in trip.bench.do("status api").statuses[0].rollout


def test_while_nobody_can_tell_whether_a_step_landed_it_is_not_called_held() -> None:
    """The API server is away: that it is blamed is acted on as soon as it is known what the canary has."""
    trip = voyage()
    trip.start("canary api v2 25,50,100 every 30s on-failure hold")
    land = hung(trip)
    trip.bench.metrics.readings["v2"] = healthy(success=50.0)
    reread, trip.bench.cluster.reread = trip.bench.cluster.reread, _away  # type: ignore[method-assign, assignment]
    for _ in range(8):
        trip.bench.time.at += 1
        look("demo", trip.bench.stage)
    assert trip.phase is Phase.MOVING
    trip.bench.cluster.reread = reread  # type: ignore[method-assign]
    trip.look(2)
    land()
    trip.look(3)
    assert (trip.phase, trip.bench.weights()) == (Phase.HELD, [75, 25])


def _away(*_: object) -> None:
    raise Unavailable("the API server did not answer in time")


def test_nothing_counts_twice_when_another_server_answers() -> None:
    """Two servers scrape at different moments: what the second has from there on may overlap with what the first had.

    So the trial stands still for a minute, the longest time between two scrapes, and then goes on where it was.
    """
    trip = voyage()
    trip.bench.metrics.source = "http://one"
    trip.start("canary api v2 25,50 every 23h")
    trip.look(4)

    def trial() -> Trial:
        return trip.bench.watches.load([trip.id])[trip.id].trial

    before = trial()
    assert before.seconds > 0
    trip.bench.metrics.source = "http://two"
    trip.look(12)
    assert trial() == before
    rows = trip.bench.watches.load([trip.id])[trip.id].rows
    assert {row.why for row in rows if row.arm == "v2"} == {
        "nothing counts for a minute: another metrics server answers now"
    }
    trip.look()
    assert trial().seconds == before.seconds + LOOK_S
    trip.bench.metrics.readings["v2"] = healthy(success=50.0)
    trip.until(Phase.TURNED_BACK)


def shared(*, rules: int) -> tuple[Voyage, Voyage]:
    """Two services of one VirtualService, each with a rollout of its own rule, on one bench."""
    route = virtual_service()
    api = {"name": "api", "match": [{"authority": {"exact": "api"}}], **route["spec"]["http"][0]}
    web = json.loads(json.dumps(api).replace("api", "web"))
    route["spec"] = {"hosts": [HOST, HOST.replace("api", "web", 1)], "http": [api, web][:rules]}
    other = json.loads(json.dumps(surroundings()).replace("api", "web"))
    limits = Limits(warm_up_s=0.0)
    services = tuple(Service(name, route=name, stable="v1", canary="v2", limits=limits) for name in ("api", "web"))
    bench = Bench(objects=[route, *surroundings(), *other], services=services)
    trips = Voyage(bench), Voyage(bench)
    for trip, name in zip(trips, ("api", "web"), strict=True):
        trip.note = lambda: None  # type: ignore[method-assign]
        trip.start(f"canary {name} v2 25,50,100 every 30s")
    return trips


def test_two_services_with_a_rule_each_in_one_object_go_up_side_by_side() -> None:
    """Each step is a patch of the same object: neither is lost, taken for drift, or written into the other's rule."""
    api, web = shared(rules=2)
    seen: set[tuple[int, int]] = set()
    for _ in range(60):
        seen.add(both(api))
        assert Phase.HELD not in (api.phase, web.phase)
        api.look()
    assert (api.phase, web.phase, both(api)) == (Phase.COMPLETED, Phase.COMPLETED, (100, 100))
    assert {share for pair in seen for share in pair} <= {10, 25, 50, 100}


def test_the_canary_of_one_rule_goes_back_and_the_others_stays() -> None:
    """Only the rule of the service that is aborted is written."""
    api, web = shared(rules=2)
    api.look(3)
    api.say("abort web")
    web.until(Phase.ABORTED)
    assert both(api)[1] == 0
    api.until(Phase.COMPLETED)
    assert both(api) == (100, 0)


def both(trip: Voyage) -> tuple[int, int]:
    """What v2 of each rule has."""
    first, second = trip.bench.route_object()["spec"]["http"]
    return first["route"][1]["weight"], second["route"][1]["weight"]


def _like(name: str, canary: str) -> list[dict[str, Any]]:
    """The objects of another service, whose canary is of that version."""
    text = json.dumps([virtual_service(100, 0), *surroundings()])
    text = re.sub(r'\bapi(?=["\-.])', name, text).replace('v2"', f'{canary}"').replace("v2-", f"{canary}-")
    return list(json.loads(text))


def test_what_turns_back_does_not_wait_for_others_whose_cluster_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is first, wherever its rollout stands in the row: a verdict that grows old while others are read is lost."""
    names = ("one", "two", "three")
    bench = Bench(
        objects=[one for name in names for one in _like(name, "v2")] + _like("bad", "v3"),
        readings={"v1": healthy(), "v2": healthy(), "v3": healthy()},
    )
    bench.weights = lambda name="bad-vs": Bench.weights(bench, name)  # type: ignore[method-assign]
    trip = Voyage(bench)
    for name in names:
        bench.ask(f"canary {name} v2 50,100 every 30m")
    trip.start("canary bad v3 50,100 every 10m")
    bench.metrics.readings = {"v1": healthy(), "v2": healthy(), "v3": healthy(success=20.0)}
    reread = bench.cluster.reread

    def slowly(*asked: Any) -> Any:
        bench.time.at += 15.0
        return reread(*asked)

    def doubtful(plans: Any) -> list[Any]:
        seen = glance(plans)
        return [one if plan.canary == "v3" else () for one, (plan, _) in zip(seen, plans, strict=True)]

    glance = bench.cluster.glance
    active = bench.watches.active
    last = lambda cluster: sorted(active(cluster), key=lambda one: one.id == trip.id)  # noqa: E731
    monkeypatch.setattr(bench.watches, "active", last)
    monkeypatch.setattr(bench.cluster, "glance", doubtful)
    monkeypatch.setattr(bench.cluster, "reread", slowly)
    for _ in range(12):
        bench.time.at += LOOK_S
        look("demo", bench.stage)
    assert trip.phase is Phase.TURNING_BACK
