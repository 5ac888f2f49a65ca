"""After the patch: the parents of a Gateway API route must accept it at its new generation, within a deadline."""

from __future__ import annotations

import copy
from typing import Any

from mesh.domain.operations import Operation, State
from mesh.operations.patching import ACCEPT_S, ACCEPTED_AGAIN_S
from mesh.operations.running import run
from tests.builders import healthy
from tests.mesh.operations.bench import Bench, endpoints

PARENT = {"kind": "Service", "group": "", "name": "api", "port": 80}


def bench() -> Bench:
    """An HTTPRoute 90/10 whose parent accepted it at generation 1."""
    refs = [{"name": f"api-{version}", "port": 80, "weight": weight} for version, weight in (("v1", 90), ("v2", 10))]
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "api-route", "namespace": "mesh-demo", "generation": 1},
        "spec": {"parentRefs": [PARENT], "rules": [{"backendRefs": refs}]},
        "status": spoken(1),
    }
    slices = [endpoints(name, [(f"{name}-{number}", "", True) for number in range(2)]) for name in ("api-v1", "api-v2")]
    made = Bench(objects=[route, *slices])
    made.metrics.readings = {"api-v1": healthy(), "api-v2": healthy()}
    return made


def spoken(generation: int, *, accepted: bool = True) -> dict[str, Any]:
    """A status in which the parent speaks of this generation."""
    condition = {"type": "Accepted", "status": str(accepted), "observedGeneration": generation}
    condition |= {"reason": "Accepted" if accepted else "NotAllowedByListeners", "message": ""}
    return {"parents": [{"parentRef": PARENT, "controllerName": "mesh/x", "conditions": [condition]}]}


def speak(bench: Bench, generation: int, *, accepted: bool = True) -> None:
    """Let the controller write its status; that is no change of the spec."""
    held = bench.cluster.client._held["HTTPRoute", "mesh-demo", "api-route"]
    held["status"] = spoken(generation, accepted=accepted)


def weights(bench: Bench) -> list[int]:
    """The weights on the object."""
    held = bench.cluster.client._held["HTTPRoute", "mesh-demo", "api-route"]
    return [ref["weight"] for ref in held["spec"]["rules"][0]["backendRefs"]]


def steps(operation: Operation) -> list[str]:
    """The story from the patch on."""
    told = [str(event.step) for event in operation.story]
    return told[told.index("patched") :]


def test_a_change_waits_for_its_parents_without_holding_a_worker() -> None:
    """Written, read back, and looked at again in half a second; it succeeds once the new generation is accepted."""
    subject = bench()
    waiting = subject.do("promote api 50")
    assert (waiting.state, steps(waiting)) == (State.RUNNING, ["patched", "awaiting"])
    assert weights(subject) == [50, 50]
    assert subject.operations.open[waiting.id] == subject.time.at + ACCEPTED_AGAIN_S
    subject.time.at += 1
    assert run(waiting.id, subject.stage).state is State.RUNNING
    speak(subject, 2)
    done = run(waiting.id, subject.stage)
    assert (done.state, steps(done)) == (State.SUCCEEDED, ["patched", "awaiting", "verified"])


def test_an_acceptance_of_the_old_generation_does_not_count() -> None:
    """A stale "Accepted: True" says nothing of the new weights."""
    subject = bench()
    waiting = subject.do("promote api 50")
    speak(subject, 1)
    assert run(waiting.id, subject.stage).state is State.RUNNING


def test_parents_that_never_speak_are_a_clear_end() -> None:
    """After ten seconds people hear that the weights are written and that nobody said they count; undo goes back."""
    subject = bench()
    waiting = subject.do("promote api 50")
    subject.time.at += ACCEPT_S + 1
    ended = run(waiting.id, subject.stage)
    assert (ended.state, steps(ended)) == (State.FAILED, ["patched", "awaiting", "unaccepted"])
    assert "The weights are written, but Service mesh-demo/api" in ended.outcome
    assert "within 10 s" in ended.outcome
    back = subject.do(f"undo {ended.id}")
    speak(subject, 3)
    assert run(back.id, subject.stage).state is State.SUCCEEDED
    assert weights(subject) == [90, 10]


def test_a_refusal_of_the_new_generation_is_told_with_its_reason() -> None:
    """Written, and without effect."""
    subject = bench()
    waiting = subject.do("promote api 50")
    speak(subject, 2, accepted=False)
    ended = run(waiting.id, subject.stage)
    assert (ended.state, ended.story[-1].step) == (State.FAILED, "unaccepted")
    assert "does not accept them: NotAllowedByListeners" in ended.outcome


def test_a_rollback_does_not_wait_for_a_change_that_waits() -> None:
    """It goes on top; the older change ends by saying that it was overtaken."""
    subject = bench()
    waiting = subject.do("promote api 50")
    back = subject.do("rollback api")
    assert weights(subject) == [100, 0]
    speak(subject, 3)
    assert run(back.id, subject.stage).state is State.SUCCEEDED
    ended = run(waiting.id, subject.stage)
    assert (ended.state, ended.story[-1].step) == (State.FAILED, "unaccepted")
    assert "was changed before its parents had accepted" in ended.outcome


def test_another_change_waits_for_one_that_waits() -> None:
    """Nothing is planned on weights that are not settled."""
    subject = bench()
    first = subject.do("promote api 50")
    second = subject.do("promote api 60")
    assert second.state is State.RUNNING
    assert weights(subject) == [50, 50]
    speak(subject, 2)
    assert run(first.id, subject.stage).state is State.SUCCEEDED
    assert run(second.id, subject.stage).state is State.RUNNING
    assert weights(subject) == [40, 60]


def test_every_worker_may_die_while_it_waits() -> None:
    """What is on record is enough to go on: nothing is patched twice."""
    subject = bench()
    waiting = subject.do("promote api 50")
    before = copy.deepcopy(subject.cluster.client._held["HTTPRoute", "mesh-demo", "api-route"])
    for _ in range(3):
        run(waiting.id, subject.stage)
    assert subject.cluster.client._held["HTTPRoute", "mesh-demo", "api-route"] == before
    assert subject.audit_steps(waiting).count("awaiting") == 1


def test_showing_the_wait_does_not_put_off_the_next_look() -> None:
    """A rollback's first card is posted while it waits; writing down where must not cost it seconds."""
    subject = bench()
    waiting = subject.do("rollback api")
    assert waiting.card
    assert subject.operations.open[waiting.id] == subject.time.at + ACCEPTED_AGAIN_S


def test_what_was_refused_before_is_no_warning_once_accepted() -> None:
    """A verified change does not say that its route is not accepted."""
    subject = bench()
    speak(subject, 1, accepted=False)
    waiting = subject.do("promote api 50")
    assert waiting.plan
    assert any("not accepted" in text for text in waiting.plan.warnings)
    speak(subject, 2)
    done = run(waiting.id, subject.stage)
    assert done.state is State.SUCCEEDED
    assert done.plan
    assert done.plan.warnings == ()
