"""Whether the mesh took a route of the Gateway API: waited for, told, and never believed too early."""

from __future__ import annotations

import pytest

from mesh.domain.operations import State, Step
from tests.e2e.admin import Admin, Obj
from tests.e2e.bench import RealBench
from tests.e2e.controllers import Acceptor
from tests.e2e.objects import GRPC_ROUTE, example, theirs
from tests.e2e.workloads import apply_workload
from tests.e2e.writing import split, with_split

ROUTES = [example("httproute.yaml")[0], GRPC_ROUTE]
pytestmark = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route["kind"])


@pytest.fixture
def before(admin: Admin, demo: str, route: Obj) -> Obj:
    """A route of the Gateway API at 90/10 under the Service `api`, and its workload."""
    apply_workload(admin)
    return admin.apply(route)


def test_it_is_waited_for(admin: Admin, bench: RealBench, before: Obj) -> None:
    """A moment after the patch the parent speaks of the new generation; then it is verified, there and back."""
    done = bench.succeed("promote api 50")
    assert done.patch_step is Step.VERIFIED
    assert theirs(admin.get(before)) == with_split(theirs(before), 50, 50)
    bench.succeed("undo api")
    assert theirs(admin.get(before)) == theirs(before)


def test_silence_has_an_end(admin: Admin, bench: RealBench, acceptor: Acceptor, before: Obj) -> None:
    """What was said of the old generation does not count: the weights are written, and nobody says they are taken."""
    bench.succeed("promote api 20")
    acceptor.silent = True
    failed = bench.do("promote api 50")
    assert (failed.state, failed.patch_step) == (State.FAILED, Step.UNACCEPTED)
    assert Step.AWAITING in {event.step for event in failed.story}
    assert "did not say within 10 s" in failed.outcome
    assert split(admin.get(before)) == [50, 50]


def test_a_refusal_is_told_in_the_parents_words(
    admin: Admin, bench: RealBench, acceptor: Acceptor, before: Obj
) -> None:
    """It ends at once as written and not accepted, and undo puts the weights back all the same."""
    acceptor.refuses = "NoMatchingParent"
    failed = bench.do("promote api 50")
    assert (failed.state, failed.patch_step) == (State.FAILED, Step.UNACCEPTED)
    assert "NoMatchingParent" in failed.outcome
    acceptor.obey()
    bench.succeed(f"undo {failed.id}")
    assert theirs(admin.get(before)) == theirs(before)


def test_a_parent_that_names_no_generation_is_believed(
    admin: Admin, bench: RealBench, acceptor: Acceptor, before: Obj
) -> None:
    """Linkerd's policy controller says True and leaves out of what: there is nothing to wait for."""
    acceptor.names_generation = False
    done = bench.succeed("promote api 50")
    assert done.patch_step is Step.VERIFIED
    assert split(admin.get(before)) == [50, 50]
