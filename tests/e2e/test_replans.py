"""Another writer between the verbs' read and their patch: planned again a few times, then said; nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from mesh.domain.commands import Target
from mesh.domain.operations import State, Step
from mesh.domain.plans import Plan
from mesh.domain.routes import Route
from mesh.operations.working import REPLANS
from tests.e2e.admin import Admin, Obj, until
from tests.e2e.bench import RealBench
from tests.e2e.objects import apply_example, theirs
from tests.e2e.workloads import apply_workload
from tests.e2e.writing import merge, rewrite, split, with_split
from workers.cluster.adapter import KubernetesCluster

KINDS = [
    ("istio-traffic.yaml", "VirtualService"),
    ("linkerd-split.yaml", "TrafficSplit"),
    ("httproute.yaml", "HTTPRoute"),
]
every_kind = pytest.mark.parametrize(("file", "kind"), KINDS)
LABELS = 120


@pytest.fixture
def before(admin: Admin, demo: str, bench: RealBench, file: str, kind: str) -> Obj:
    """One example and its workload, in an empty namespace; a route of the Gateway API is accepted."""
    apply_workload(admin)
    made = apply_example(admin, file)[kind]
    if kind == "HTTPRoute":
        # Writing a status is a write, too: its controller must not be the one who meddles.
        until(lambda: "status" in admin.get(made), "nobody accepted the route")
    return admin.get(made)


def meddle(cluster: KubernetesCluster, times: int, write: Callable[[int], object]) -> None:
    """Let somebody write just before each of the next patches."""
    real, left = cluster.patch, iter(range(times))

    def patch(plan: Plan, target: Target) -> Route:
        number = next(left, None)
        if number is not None:
            write(number)
        return real(plan, target)

    cluster.patch = patch  # type: ignore[method-assign]  # another writer


def label(admin: Admin, obj: Obj, number: int) -> Obj:
    """Write a label that nobody else writes."""
    return merge(admin, obj, {"metadata": {"labels": {f"n{number}": "written"}}})


def labels(count: int) -> dict[str, str]:
    """All labels up to one number."""
    return {f"n{number}": "written" for number in range(count)}


@every_kind
@pytest.mark.parametrize("times", range(1, REPLANS))
def test_it_is_planned_again(
    admin: Admin, bench: RealBench, cluster: KubernetesCluster, before: Obj, times: int
) -> None:
    """The change goes on top of the other's, and both are there."""
    meddle(cluster, times, lambda number: label(admin, before, number))
    done = bench.succeed("promote api 50")
    assert [event.step for event in done.story].count(Step.CONFLICT) == times
    after = admin.get(before)
    assert after["metadata"]["labels"] == labels(times)
    assert split(after) == [50, 50]


@every_kind
def test_it_ends_with_a_clear_answer(admin: Admin, bench: RealBench, cluster: KubernetesCluster, before: Obj) -> None:
    """Three times in vain is enough: refused, nothing written, the other's writes are whole; a repeat then works."""
    meddle(cluster, REPLANS, lambda number: label(admin, before, number))
    refused = bench.do("promote api 50")
    assert refused.state is State.REFUSED
    assert f"changed by somebody else {REPLANS} times" in refused.outcome
    assert "nothing was written" in refused.outcome
    after = admin.get(before)
    assert after["metadata"]["labels"] == labels(REPLANS)
    assert theirs(after)["spec"] == before["spec"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    bench.succeed("promote api 50")


@every_kind
def test_other_weights_are_not_written_over(
    admin: Admin, bench: RealBench, cluster: KubernetesCluster, before: Obj
) -> None:
    """What was asked for was asked of other weights: refused, with both, and theirs stay."""
    meddle(cluster, 1, lambda _: rewrite(admin, before, 70, 30, manager="somebody"))
    refused = bench.do("promote api 50")
    assert refused.state is State.REFUSED
    assert "90 %" in refused.outcome
    assert "70 %" in refused.outcome
    assert theirs(admin.get(before)) == with_split(theirs(before), 70, 30)


@every_kind
def test_a_rollback_goes_through_other_weights(
    admin: Admin, bench: RealBench, cluster: KubernetesCluster, before: Obj
) -> None:
    """Everything to stable is the same wish whatever was there."""
    meddle(cluster, 1, lambda _: rewrite(admin, before, 70, 30, manager="somebody"))
    bench.succeed("rollback api")
    assert theirs(admin.get(before)) == with_split(theirs(before), 100, 0)


@every_kind
def test_a_writer_in_a_loop_loses_nothing(admin: Admin, bench: RealBench, before: Obj) -> None:
    """Each operation ends well or says that others wrote; every label and every move that was told arrives."""
    other = threading.Thread(target=_labels, args=(Admin(admin.kubeconfig), before))
    other.start()
    moves: list[list[int]] = []
    endings, steps = set(), set()
    try:
        while other.is_alive() or len(moves) < 2:
            wanted = [90, 10] if len(moves) % 2 else [50, 50]
            done = bench.do(f"set api v1={wanted[0]} v2={wanted[1]}")
            endings.add((done.state, "by somebody else" in done.outcome))
            steps |= {event.step for event in done.story}
            if done.state is State.SUCCEEDED:
                moves.append(wanted)
    finally:
        other.join()
    after = admin.get(before)
    assert endings <= {(State.SUCCEEDED, False), (State.REFUSED, True)}
    assert Step.CONFLICT in steps, "the two never met"
    assert after["metadata"]["labels"] == labels(LABELS)
    assert split(after) == moves[-1]
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + len(moves)


def _labels(admin: Admin, obj: Obj) -> None:
    for number in range(LABELS):
        label(admin, obj, number)
