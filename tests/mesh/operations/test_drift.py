"""What others do to the route in between, and what earlier operations left behind."""

from __future__ import annotations

import copy
from collections.abc import Callable

from mesh.domain.commands import Target
from mesh.domain.errors import Unavailable
from mesh.domain.operations import State
from mesh.domain.plans import Plan
from mesh.domain.routes import Route
from tests.mesh.operations.bench import Bench


def rewrite(bench: Bench, v1: int, v2: int) -> None:
    """Another writer sets the weights."""
    changed = copy.deepcopy(bench.route_object())
    for arm, weight in zip(changed["spec"]["http"][0]["route"], (v1, v2), strict=True):
        arm["weight"] = weight
    bench.cluster.client.put(changed)


def around(bench: Bench, before: Callable[[], None], after: Callable[[], None]) -> None:
    """Let something happen just before and just after each patch."""
    real = bench.cluster.patch

    def patch(plan: Plan, target: Target) -> Route:
        before()
        route = real(plan, target)
        after()
        return route

    bench.cluster.patch = patch  # type: ignore[method-assign]  # another writer


def test_other_weights_after_a_conflict_are_another_wish() -> None:
    """Planned again on weights that somebody else wrote, it is no longer what was asked for, so it is refused."""
    bench = Bench()
    around(bench, lambda: rewrite(bench, 80, 20), lambda: None)
    refused = bench.do("promote api 50")
    assert refused.state is State.REFUSED
    assert "v1 90 % / v2 10 % became v1 80 % / v2 20 %" in refused.outcome
    assert bench.weights() == [80, 20]


def test_what_was_overwritten_right_after_the_patch_is_a_failure() -> None:
    """The object is read back, not believed."""
    bench = Bench()
    around(bench, lambda: None, lambda: rewrite(bench, 90, 10))
    failed = bench.do("promote api 50")
    assert failed.state is State.FAILED
    assert "now it is v1 90 % / v2 10 %" in failed.outcome


def test_a_patch_that_is_never_taken_is_not_blamed_on_others() -> None:
    """Three answers that never came are the API server's fault, and said so."""
    bench = Bench()
    real = bench.cluster.patch

    def unanswered(plan: Plan, target: Target) -> Route:
        if any(op.path.endswith("/weight") for op in plan.patch):
            raise Unavailable("Cluster demo answered 504.")
        return real(plan, target)

    bench.cluster.patch = unanswered  # type: ignore[method-assign]  # an overloaded API server
    failed = bench.do("promote api 50")
    assert failed.state is State.FAILED
    assert "somebody else" not in failed.outcome


def test_only_changes_are_announced() -> None:
    """Readings and dry runs leave the audit channel alone."""
    bench = Bench()
    for text in ("status api", "plan promote api 50"):
        bench.do(text)
    assert bench.cards.announcements == []
    bench.do("promote api 50")
    assert len(bench.cards.announcements) == 1


def test_undo_passes_over_what_was_refused() -> None:
    """A refused promotion has a plan too, and changed nothing: by name it is refused, unnamed it is passed over."""
    bench = Bench()
    bench.do("promote api 50")
    bench.metrics.readings.clear()
    refused = bench.do("promote api 60")
    assert refused.state is State.REFUSED
    assert "changed nothing" in bench.do(f"undo {refused.id}").outcome
    assert bench.do("undo").state is State.SUCCEEDED
    assert bench.weights() == [90, 10]


def test_the_object_says_who_and_what_and_the_way_back() -> None:
    """Enough stands on the object to go back without our store."""
    bench = Bench()
    done = bench.do("promote api 50")
    assert bench.route_object()["metadata"]["annotations"] == {
        "meshbot.dev/operation": done.id,
        "meshbot.dev/actor": "U0JIN",
        "meshbot.dev/previous": '{"":{"v1":90,"v2":10}}',
        "meshbot.dev/written": '{"":{"v1":50,"v2":50}}',
        "meshbot.dev/stable": '{"":"v1"}',
        "meshbot.dev/canary": '{"":"v2"}',
    }
