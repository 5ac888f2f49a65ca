"""Rollouts end to end on memory: steps, verdicts, people, drift, interruptions."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from mesh.domain.catalog import Service
from mesh.domain.choices import about, parted
from mesh.domain.commands import Command, Verb
from mesh.domain.errors import MeshbotError, Refused, Unavailable
from mesh.domain.gates import CustomGate, Limits, Verdict
from mesh.domain.operations import Origin, State, Step
from mesh.domain.policy import Actor, Policy, Role
from mesh.domain.rollouts import Happening, Phase
from mesh.operations.looking import look
from mesh.operations.receiving import receive
from mesh.operations.running import run
from mesh.operations.words import on_card
from telemetry.metrics import REGISTRY
from telemetry.ports import watched
from tests.builders import JIN, LEE, healthy
from tests.mesh.operations.bench import Bench, virtual_service
from tests.mesh.operations.voyage import LOOK_S, Voyage

HEALTHY_WAY = [[90, 10], [75, 25], [50, 50], [0, 100]]


def voyage(**limits: Any) -> Voyage:
    """A voyage whose service has these limits; no warm-up, so that tests are short."""
    service = Service("api", stable="v1", canary="v2", limits=Limits(**{"warm_up_s": 0.0, **limits}))
    return Voyage(Bench(services=(service,)))


def test_a_healthy_canary_goes_through_all_steps() -> None:
    """Each planned weight once and in order, then the end, with each step on record."""
    trip = voyage()
    trip.start()
    trip.until(Phase.COMPLETED)
    assert trip.weights == HEALTHY_WAY
    done = trip.operation
    assert (done.state, done.reported) == (State.SUCCEEDED, True)
    assert [step for step in trip.steps() if step not in ("queued", "checking")] == [
        *("stepping", "stepped", "stepping", "stepped", "stepping", "stepped", "completed")
    ]
    assert trip.bench.operations.rollout(done.target) is None


def test_a_canary_that_falls_silent_gets_no_more_traffic() -> None:
    """It hangs in the middle of a bake while stable goes on: the next step is not taken on what it answered before."""
    trip = voyage()
    trip.start("canary api v2 25,50,100 every 2m")
    trip.look(12)
    trip.bench.metrics.readings = {"v1": healthy()}
    trip.look(30)
    assert trip.weights == HEALTHY_WAY[:2]


@pytest.mark.parametrize(
    ("readings", "age_s", "lack"),
    [
        ({"v1": healthy(), "v2": healthy(requests=3)}, 1.0, "few"),
        ({"v1": healthy()}, 1.0, "few"),
        ({}, 1.0, "silent"),
        ({"v1": healthy(), "v2": "Prometheus did not answer in 3 s"}, 1.0, "silent"),
        ({"v1": healthy(), "v2": healthy()}, 300.0, "old"),
    ],
    ids=["quiet", "no request", "no series", "no answer", "old samples"],
)
def test_what_is_unknown_says_what_it_lacks(readings: Any, age_s: float, lack: str) -> None:
    """A canary that is only quiet can be told from metrics that are away, in looks and where people ask once.

    Conditions of one's own as well, though their empty answer looks the same in both cases.
    """
    trip = voyage(custom=(CustomGate("queue", "up", most=5.0),))
    metrics = trip.bench.metrics
    metrics.values = {"queue": 1.0}
    trip.start()
    metrics.readings, metrics.age_s, metrics.values = readings, age_s, {}
    trip.look(4)
    (watch,) = trip.bench.watches.load([trip.id]).values()
    asked = trip.say("gates api").gates
    for rows in (watch.rows, asked):
        unknown = [row for row in rows if row.verdict is Verdict.UNKNOWN and row.arm == "v2"]
        assert {row.lack for row in unknown} == {lack}
        assert "queue" in {row.name for row in unknown}
        assert {row.lack for row in rows if row.verdict is not Verdict.UNKNOWN} <= {""}


@pytest.mark.parametrize("number", [1, 6])
def test_blind_gates_are_most_of_all_whatever_administrators_added(number: int) -> None:
    """Where the metrics server is away, more than half of all verdicts say so, as the alert of blind gates expects."""
    gates = tuple(CustomGate(f"queue {at}", "up", most=5.0) for at in range(number))
    trip = voyage(custom=gates)
    metrics = trip.bench.metrics
    metrics.values = {gate.name: 1.0 for gate in gates}
    trip.start()
    away = "Prometheus did not answer in 3 s"
    metrics.readings, metrics.values = {"v1": healthy(), "v2": away}, {gate.name: away for gate in gates}
    trip.look(4)
    (watch,) = trip.bench.watches.load([trip.id]).values()
    for rows in (watch.rows, trip.say("gates api").gates):
        told = [row.lack for row in rows if row.name != "requests"]
        assert told.count("silent") > len(told) / 2


def test_verdicts_of_a_look_are_counted() -> None:
    """Each gate of each rollout once for each look, apart from those of plans."""
    trip = voyage()
    trip.start()

    def counted() -> float:
        samples = [sample for family in REGISTRY.collect() for sample in family.samples]
        mine = {"gate": "success", "at": "look"}.items()
        return sum(one.value for one in samples if mine <= one.labels.items())

    before = counted()
    for _ in range(2):
        trip.bench.time.at += 1
        look("demo", watched(trip.bench.stage))
    assert counted() == before + 2


def test_steps_below_what_the_canary_has_are_left_out() -> None:
    """A canary that has 10 % is not lowered to 5 %; where no step is higher there is nothing to do."""
    trip = voyage()
    trip.start("canary api v2 5,10,40 every 30s")
    assert trip.bench.weights() == [60, 40]
    other = voyage()
    refused = other.start("canary api v2 5,10 every 30s")
    assert refused.state is State.REFUSED
    assert refused.outcome == "v2 has 10 % already, so there is no step to take: the last one is 10 %"


@pytest.mark.parametrize("reading", [healthy(success=90.0), healthy(p99_ms=5000.0)], ids=["errors", "slowness"])
def test_a_worse_canary_is_turned_back(reading: Any) -> None:
    """A failed verdict acts at once, in the middle of a bake, and says why with numbers."""
    trip = voyage()
    trip.start()
    trip.look(2)
    trip.bench.metrics.readings["v2"] = reading
    trip.until(Phase.TURNED_BACK)
    assert trip.bench.weights() == [100, 0]
    assert trip.operation.state is State.FAILED
    assert "v2" in trip.operation.outcome
    assert [50, 50] not in trip.weights


def test_on_failure_hold_leaves_the_weights_and_asks() -> None:
    """The canary keeps its share until somebody decides; then people abort."""
    trip = voyage()
    trip.start("canary api v2 25,50 every 30s on-failure hold")
    trip.bench.metrics.readings["v2"] = healthy(success=90.0)
    trip.until(Phase.HELD)
    trip.look(20)
    assert (trip.phase, trip.bench.weights()) == (Phase.HELD, [75, 25])
    assert trip.say("abort api").state is State.SUCCEEDED
    trip.until(Phase.ABORTED)
    assert trip.bench.weights() == [100, 0]


def test_silence_holds_and_never_advances() -> None:
    """No traffic: the weights stay, people are asked, and nothing is turned back."""
    trip = voyage()
    trip.start()
    trip.bench.metrics.readings["v2"] = healthy(requests=0.0)
    trip.until(Phase.HELD, looks=200)
    assert trip.bench.weights() == [75, 25]
    assert "no traffic" in str(trip.operation.rollout and trip.operation.rollout.why)


def test_a_dead_metrics_server_holds_and_its_return_lets_it_go_on() -> None:
    """Unknown holds; once the gates pass again it goes on by itself, after a whole bake."""
    trip = voyage()
    trip.start()
    trip.look(2)
    readings = dict(trip.bench.metrics.readings)
    for name in readings:
        trip.bench.metrics.readings[name] = "Prometheus did not answer in 3 s"
    trip.until(Phase.HELD, looks=200)
    assert "did not answer" in str(trip.operation.rollout and trip.operation.rollout.why)
    assert trip.bench.weights() == [75, 25]
    trip.bench.metrics.readings.update(readings)
    trip.until(Phase.COMPLETED)
    assert trip.weights == HEALTHY_WAY


def test_an_incident_of_both_arms_is_not_blamed_on_the_canary() -> None:
    """When stable fails as well, nothing is turned back and nothing advances."""
    trip = voyage()
    trip.start()
    for name in ("v1", "v2"):
        trip.bench.metrics.readings[name] = healthy(success=90.0)
    trip.look(30)
    assert trip.bench.weights() == [75, 25]
    assert trip.phase in (Phase.HELD, Phase.BAKING)
    assert not trip.operation.went(Step.TURNING_BACK)


def test_somebody_elses_weights_hold_the_rollout() -> None:
    """Drift: nothing is written over it until somebody says so; then the step is written again."""
    trip = voyage()
    trip.start()
    trip.bench.cluster.client.put(_with(trip.bench, 60, 40))
    trip.look()
    assert trip.phase is Phase.HELD
    assert trip.operation.rollout
    assert trip.operation.rollout.cause is Happening.DRIFTED
    trip.look(20)
    assert trip.bench.weights() == [60, 40]
    trip.say("resume api")
    assert (trip.phase, trip.bench.weights()) == (Phase.BAKING, [75, 25])


def test_drift_at_the_very_moment_of_a_step_is_found_before_it_is_written() -> None:
    """What no look has seen yet, the step itself sees."""
    trip = voyage()
    trip.start()
    trip.look(5)
    client, real = trip.bench.cluster.client, trip.bench.cluster.glance
    client.put(_with(trip.bench, 60, 40))
    trip.bench.cluster.glance = lambda plans: [plan.weights for plan, _ in plans]  # type: ignore[method-assign]
    trip.look(3)
    trip.bench.cluster.glance = real  # type: ignore[method-assign]
    assert (trip.phase, trip.bench.weights()) == (Phase.HELD, [60, 40])


def test_pause_and_resume() -> None:
    """A paused rollout takes no step, is still watched, and goes on where it was."""
    trip = voyage()
    trip.start()
    paused = trip.say("pause api")
    assert (paused.state, trip.phase) == (State.SUCCEEDED, Phase.PAUSED)
    trip.look(20)
    assert trip.bench.weights() == [75, 25]
    trip.say("resume api")
    trip.look()
    assert trip.bench.weights() == [50, 50]
    trip.say("pause api")
    trip.bench.metrics.readings["v2"] = healthy(success=80.0)
    trip.until(Phase.TURNED_BACK)


def test_skip_ends_a_bake_but_not_a_failed_gate() -> None:
    """Skip takes the next step now; what a look found to fail is never skipped over."""
    trip = voyage()
    trip.start("canary api v2 25,50,100 every 1h")
    trip.look()
    trip.say("skip api")
    assert trip.bench.weights() == [50, 50]
    assert trip.operation.rollout
    assert trip.operation.rollout.by == "" or trip.operation.rollout.at == 1


def press(trip: Voyage, verb: Verb, at: int, actor: Actor = JIN) -> str:
    """Press a button of the rollout's card as it was at that step; return the id of what was asked."""
    command = Command(verb=verb, service="api", promised=f"{trip.id}/{at}")
    origin = Origin("button", "C0PROD")
    return receive(trip.bench.desk, command, actor, origin, dedupe=f"press {next(trip.bench.deliveries)}").operation.id


@pytest.mark.parametrize("pressed", [True, False], ids=["pressed", "typed"])
def test_two_people_who_skip_at_once_take_one_step(pressed: bool) -> None:
    """The second word was about the step that the first one ended: it is refused, and nothing is skipped twice."""
    trip = voyage()
    trip.start("canary api v2 25,50,100 every 1h")
    trip.look()
    people = (JIN, LEE)
    trip.bench.policy = Policy((Role("sre", users=(JIN.user, LEE.user), verbs=("*",)),))
    said = [press(trip, Verb.SKIP, 0, who) if pressed else trip.bench.ask("skip api", who).id for who in people]
    for _ in range(4):
        trip.bench.time.at += 1
        trip.work()
    assert trip.bench.weights() == [50, 50]
    assert sorted(trip.bench.operations.get(one).state for one in said) == [State.REFUSED, State.SUCCEEDED]


def test_a_press_on_a_card_of_the_step_before_is_refused() -> None:
    """The question on the button named a share; where the bake ended meanwhile, that share is there already."""
    trip = voyage()
    trip.start("canary api v2 25,50,100 every 1h")
    trip.look()
    trip.say("skip api")
    trip.look()
    late = press(trip, Verb.SKIP, 0)
    trip.work()
    assert (trip.bench.operations.get(late).state, trip.bench.weights()) == (State.REFUSED, [50, 50])
    assert "is over" in trip.bench.operations.get(late).outcome


def test_a_step_that_must_be_confirmed_waits_for_its_button() -> None:
    """Nothing happens until somebody confirms; twice is once."""
    trip = voyage()
    trip.start("canary api v2 25,confirm,50 every 30s")
    trip.until(Phase.CONFIRMING)
    trip.look(5)
    assert trip.bench.weights() == [75, 25]
    assert trip.say("confirm api").state is State.SUCCEEDED
    assert trip.bench.weights() == [50, 50]
    assert trip.say("confirm api").state is State.REFUSED


def test_what_nobody_confirms_ends_as_the_strategy_says() -> None:
    """The deadline has an explicit outcome: back to stable."""
    trip = voyage()
    trip.start("canary api v2 25,confirm,50 every 30s")
    trip.until(Phase.CONFIRMING)
    trip.bench.time.at += 3600
    trip.until(Phase.TURNED_BACK)
    assert trip.bench.weights() == [100, 0]


def test_a_word_to_a_rollout_is_no_change_that_can_be_undone() -> None:
    """Undo means the last weights that were written: a pause wrote none, named or not."""
    trip = voyage()
    trip.start("canary api v2 25,50,100 every 1h")
    trip.look()
    paused = trip.say("pause api")
    refused = trip.say(f"undo {paused.id}")
    assert (refused.state, trip.bench.weights()) == (State.REFUSED, [75, 25])
    assert "changed nothing" in refused.outcome
    undone = trip.say("undo")
    assert undone.command.operation != paused.id
    assert (undone.state, trip.bench.weights()) == (State.SUCCEEDED, [90, 10])


def test_abort_without_a_canary_offers_the_rollback() -> None:
    """Whoever aborts wants traffic back: the answer offers that, not the start of another canary."""
    refused = voyage().say("abort api")
    assert refused.state is State.REFUSED
    assert [choice.partition(" -")[0] for choice in refused.choices] == ["/mesh rollback api"]
    assert "Start" not in refused.hint


def test_a_change_beside_a_rollout_is_offered_only_what_the_rollout_takes() -> None:
    """A paused one cannot be paused or skipped, so neither is offered."""
    trip = voyage()
    trip.start("canary api v2 25,50,100 every 1h")
    beside = trip.say("promote api 60")
    assert [parted(choice)[0].split()[1] for choice in beside.choices] == ["pause", "abort", "status"]
    trip.say("pause api")
    beside = trip.say("promote api 70")
    assert [parted(choice)[0].split()[1] for choice in beside.choices] == ["resume", "abort", "status"]


def test_a_rollback_by_hand_ends_the_rollout_for_good() -> None:
    """First the rollout is over on record, then traffic goes back; no step comes after it."""
    trip = voyage()
    trip.start()
    assert trip.say("rollback api").state is State.SUCCEEDED
    assert (trip.phase, trip.bench.weights()) == (Phase.STOPPED, [100, 0])
    trip.look(20)
    assert trip.weights == [[90, 10], [75, 25], [100, 0]]


def test_other_changes_are_refused_while_a_rollout_runs() -> None:
    """Two hands on one set of weights are one too many; another rollout as well."""
    trip = voyage()
    trip.start()
    for text in ("promote api 80", "set api v1=1 v2=1", "canary api v2 60,100 every 30s"):
        refused = trip.say(text)
        assert refused.state is State.REFUSED, text
        assert trip.id in refused.outcome
        abort = "/mesh abort api --namespace mesh-demo --cluster demo"
        assert about(abort, on_card(trip.operation)) in refused.choices
    assert trip.bench.weights() == [75, 25]


def test_an_old_card_steers_no_other_rollout() -> None:
    """A button's word is for the rollout on its card."""
    trip = voyage()
    trip.start()
    said = trip.bench.ask("pause api")
    trip.bench.operations._stored[said.id] = replace(said, command=replace(said.command, promised="op-another1"))
    assert run(said.id, trip.bench.stage).state is State.REFUSED
    assert trip.phase is Phase.BAKING


def test_steering_needs_its_right_and_a_rollout() -> None:
    """Nobody steers without a role; without a rollout there is nothing to steer."""
    trip = voyage()
    assert trip.say("pause api").state is State.REFUSED
    trip.start()
    with pytest.raises(Refused):
        trip.bench.ask("abort api", LEE)


def test_a_right_that_is_lost_holds_the_next_step_and_never_the_way_back() -> None:
    """The person who began it may have left; a step needs the right, turning back does not."""
    trip = voyage()
    trip.start()
    trip.bench.policy = Policy()
    trip.until(Phase.HELD)
    assert trip.bench.weights() == [75, 25]
    assert "No longer allowed" in str(trip.operation.rollout and trip.operation.rollout.why)
    trip.bench.metrics.readings["v2"] = healthy(success=80.0)
    trip.until(Phase.TURNED_BACK)
    assert trip.bench.weights() == [100, 0]


def test_a_first_step_that_the_gates_refuse_ends_it_with_their_words() -> None:
    """Nothing was written; the refusal has its numbers."""
    trip = voyage()
    trip.bench.metrics.readings["v2"] = healthy(success=80.0)
    refused = trip.start()
    assert refused.state is State.REFUSED
    assert "success" in refused.outcome
    assert trip.weights == [[90, 10]]


def test_an_api_server_that_is_away_delays_the_way_back_and_does_not_end_it() -> None:
    """Bringing traffic back is tried until it is done."""
    trip = voyage()
    trip.start()
    trip.look()
    trip.bench.cluster.client.broken = Unavailable("The API server is away.")
    trip.bench.metrics.readings["v2"] = healthy(success=80.0)
    trip.look(12)
    assert trip.phase is Phase.TURNING_BACK
    trip.bench.cluster.client.broken = None
    trip.until(Phase.TURNED_BACK, looks=60)
    assert trip.bench.weights() == [100, 0]


def test_a_bug_holds_the_rollout_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not tried for ever, and people hear of it."""
    trip = voyage()
    trip.start()

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mesh.operations.rollouts._due", broken)
    run(trip.id, trip.bench.stage)
    assert trip.phase is Phase.HELD
    assert "bug" in str(trip.operation.rollout and trip.operation.rollout.why)


def test_two_looks_at_once_count_once() -> None:
    """The second one of the same moment changes nothing."""
    trip = voyage()
    trip.start()
    trip.bench.time.at += 5
    first = look("demo", trip.bench.stage)
    assert (first.rollouts, look("demo", trip.bench.stage).rollouts) == (1, 0)


@pytest.mark.parametrize("written", [True, False], ids=["after", "before"])
def test_a_worker_that_dies_between_any_two_writes_loses_and_repeats_nothing(written: bool) -> None:
    """Every commit may be the last of its process: whoever comes next ends up with the same weights, each once."""
    for victim in range(1, 45):
        trip = voyage()
        commits, real = itertools.count(1), trip.bench.operations.commit

        def dying(*args: Any, _number: Any = commits, _real: Any = real, _victim: int = victim, **more: Any) -> Any:
            dies = next(_number) == _victim
            answer = _real(*args, **more) if written or not dies else None
            if dies:
                raise KeyboardInterrupt
            return answer

        trip.bench.operations.commit = dying  # type: ignore[method-assign]
        trip.id = trip.bench.ask("canary api v2 25,50,100 every 30s").id
        for _ in range(80):
            try:
                trip.look()
                if trip.operation.done:
                    break
            except KeyboardInterrupt:
                trip.note()
        assert trip.phase is Phase.COMPLETED, (victim, trip.operation)
        assert trip.weights == HEALTHY_WAY, victim
        assert len({p for p in trip.steps() if p == "completed"}) == 1


def test_trouble_with_one_rollout_is_no_trouble_for_another(caplog: pytest.LogCaptureFixture) -> None:
    """A look goes on with the next one."""
    trip = voyage()
    trip.start()
    trip.look(5)
    real = trip.bench.operations.get

    def failing(operation_id: str) -> Any:
        if operation_id == trip.id:
            raise Unavailable("Redis hiccup")
        return real(operation_id)

    trip.bench.operations.get = failing  # type: ignore[method-assign]
    trip.bench.time.at += 10
    assert look("demo", trip.bench.stage).advanced == 0
    trip.bench.operations.get = real  # type: ignore[method-assign]
    trip.look()
    assert trip.bench.weights() == [50, 50]


def _with(bench: Bench, v1: int, v2: int) -> dict[str, Any]:
    """The route with somebody else's weights, and our stamps as they are."""
    now = bench.route_object()
    return {**virtual_service(v1, v2), "metadata": {**now["metadata"]}}


def test_a_reading_shows_the_rollout() -> None:
    """Status says that a canary is under way, and where."""
    trip = voyage()
    trip.start()
    status = trip.bench.do("status api")
    assert trip.id in status.statuses[0].rollout
    with pytest.raises(MeshbotError):
        trip.bench.operations.get("op-nothing123")


def test_a_confirmation_is_not_left_out_because_its_step_comes_first() -> None:
    """A canary that already has the steps before it bakes where it is, and asks."""
    trip = voyage()
    trip.bench.cluster.client.put(virtual_service(75, 25))
    trip.note()
    trip.start("canary api v2 5,25,confirm,50,100 every 30s")
    assert trip.bench.weights() == [75, 25]
    trip.until(Phase.CONFIRMING)
    trip.look(3)
    assert trip.bench.weights() == [75, 25]
    trip.say("confirm api")
    trip.until(Phase.COMPLETED)
    assert trip.weights == [[90, 10], [75, 25], [50, 50], [0, 100]]


def test_a_bug_in_judging_one_rollout_blinds_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rollout that cannot be judged is left out of the look, and is asked about once that lasts too long."""
    trip = voyage()
    trip.start()
    trip.look()

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mesh.operations.looking.judge_trial", broken)
    trip.bench.time.at += 5
    assert look("demo", trip.bench.stage).rollouts == 0
    trip.until(Phase.HELD, looks=300)
    assert trip.bench.weights() == [75, 25]


def test_a_canary_is_watched_while_its_next_step_waits_to_be_written() -> None:
    """A step that hangs in a queue blinds nobody: what fails meanwhile is turned back, and the step is not written."""
    trip = voyage()
    trip.start()
    trip.look(5)
    trip.bench.time.at += 5
    look("demo", trip.bench.stage)
    waiting = trip.phase
    trip.bench.metrics.readings["v2"] = healthy(success=80.0)
    for _ in range(3):
        trip.bench.time.at += 5
        look("demo", trip.bench.stage)
    assert (waiting, trip.phase) == (Phase.MOVING, Phase.TURNING_BACK)
    trip.work()
    trip.until(Phase.TURNED_BACK)
    assert [50, 50] not in trip.weights


def test_a_bug_in_reading_the_route_holds_the_rollout(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug that only a look meets is told as well."""
    trip = voyage()
    trip.start()

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mesh.operations.rollouts.drift", broken)
    trip.bench.cluster.client.put(_with(trip.bench, 60, 40))
    trip.look()
    assert trip.phase is Phase.HELD
    assert trip.operation.rollout
    assert trip.operation.rollout.cause is Happening.BROKEN


def test_a_gate_on_its_way_to_a_proof_is_looked_at_again_soon() -> None:
    """Nobody waits for the next look's time once evidence grows; of a healthy canary nothing is in a hurry."""
    trip = voyage()
    trip.start()
    trip.look(3)
    assert trip.bench.watches.hurried == []
    trip.bench.metrics.readings["v2"] = healthy(success=80.0)
    trip.bench.time.at += 5
    look("demo", trip.bench.stage)
    assert trip.phase is Phase.BAKING
    assert trip.bench.watches.hurried == ["demo"]


@pytest.mark.parametrize("sick", [True, False])
def test_conditions_of_ones_own_do_not_stop_a_look(sick: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes 3 s to time out: a sick server is not asked, a slow one for no longer than a look may take."""
    gates = tuple(CustomGate(f"queue {number}", "up", most=5.0) for number in range(10))
    trip = voyage(custom=gates)
    metrics, time = trip.bench.metrics, trip.bench.time
    metrics.values = {gate.name: 1.0 for gate in gates}
    trip.start()
    trip.look(2)
    ask, begun = metrics.ask, time.at

    def slowly(gate: CustomGate, arm: Any, target: Any, *, window_s: int) -> Any:
        time.at += 3.0
        return ask(gate, arm, target, window_s=window_s)

    monkeypatch.setattr(metrics, "ask", slowly)
    if sick:
        metrics.readings["v2"] = "Prometheus did not answer in 3 s"
    trip.look(4)
    assert time.at - begun - 4 * LOOK_S <= (0 if sick else 4 * 6)
    rows = [row for row in trip.bench.watches.load([trip.id])[trip.id].rows if row.name.startswith("queue")]
    assert len(rows) == len(gates)
    assert {row.verdict for row in rows} == ({Verdict.UNKNOWN} if sick else {Verdict.PASS, Verdict.UNKNOWN})
    assert {row.lack for row in rows if row.verdict is Verdict.UNKNOWN} == {"silent"}
