"""Weights that others write after us, on a real API server: who did it is said, and both ways out work."""

from __future__ import annotations

import pytest

from mesh.domain.operations import State
from mesh.domain.routes import Drift
from tests.e2e.admin import Admin, Obj
from tests.e2e.bench import RealBench
from tests.e2e.objects import apply_example, theirs
from tests.e2e.workloads import apply_workload
from tests.e2e.writing import apply, rewrite, split, with_split

KINDS = [
    ("istio-traffic.yaml", "VirtualService"),
    ("linkerd-split.yaml", "TrafficSplit"),
    ("httproute.yaml", "HTTPRoute"),
]


@pytest.fixture
def ours(admin: Admin, bench: RealBench, demo: str, file: str, kind: str) -> Obj:
    """An example whose last writer is meshbot: 50/50."""
    apply_workload(admin)
    made = apply_example(admin, file)[kind]
    bench.succeed("promote api 50")
    return admin.get(made)


def drift(bench: RealBench) -> Drift | None:
    """What `status` says of the one weighted route."""
    [status] = [one for one in bench.succeed("status api").statuses if len(one.arms) == 2]
    return status.drift


@pytest.mark.parametrize(("file", "kind"), KINDS)
def test_our_own_weights_are_no_drift(bench: RealBench, ours: Obj) -> None:
    """Nor is anybody's write of something else than weights."""
    assert split(ours) == [50, 50]
    assert drift(bench) is None


@pytest.mark.parametrize(("file", "kind"), KINDS)
@pytest.mark.parametrize("write", [apply, rewrite], ids=["server-side-apply", "merge-patch"])
@pytest.mark.parametrize("manager", ["kubectl", "argocd-controller"])
def test_who_wrote_is_said(admin: Admin, bench: RealBench, ours: Obj, write: object, manager: str) -> None:
    """By the name the API server keeps, with the weights that we had left."""
    (apply if write is apply else rewrite)(admin, ours, 70, 30, manager=manager)
    found = drift(bench)
    assert found is not None
    assert (found.by, found.at[:2]) == (manager, "20")
    assert found.written.endswith("v2=50")


@pytest.mark.parametrize(("file", "kind"), KINDS)
def test_drift_can_be_adopted(admin: Admin, bench: RealBench, ours: Obj) -> None:
    """Then the weights are ours as they are; nothing but our annotations is written, and undo has nothing odd to do."""
    written = rewrite(admin, ours, 70, 30, manager="kubectl")
    bench.succeed("adopt api")
    after = admin.get(ours)
    assert theirs(after) == theirs(written)
    assert after["metadata"]["generation"] == written["metadata"]["generation"]
    assert drift(bench) is None


@pytest.mark.parametrize(("file", "kind"), KINDS)
def test_drift_can_be_written_over(admin: Admin, bench: RealBench, ours: Obj) -> None:
    """Re-apply writes what we had left, and undo of that gives theirs back."""
    written = apply(admin, ours, 70, 30, manager="kubectl")
    bench.succeed("reapply api")
    assert theirs(admin.get(ours)) == with_split(theirs(written), 50, 50)
    assert drift(bench) is None
    bench.forget()
    bench.succeed("undo api")
    assert theirs(admin.get(ours)) == theirs(written)


@pytest.mark.parametrize(("file", "kind"), KINDS)
def test_undo_does_not_write_over_others(admin: Admin, bench: RealBench, ours: Obj) -> None:
    """It refuses and names them; the object is left as it is, with and without our store."""
    written = rewrite(admin, ours, 70, 30, manager="kubectl")
    for _ in range(2):
        refused = bench.do("undo api")
        assert refused.state is State.REFUSED
        assert "kubectl" in refused.outcome
        bench.forget()
    after = admin.get(ours)
    assert theirs(after) == theirs(written)
    assert after["metadata"]["annotations"] == written["metadata"]["annotations"]
