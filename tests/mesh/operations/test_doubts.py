"""Once it is unclear who is stable it stays so until somebody says it, whatever is written meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mesh.domain.catalog import Service
from mesh.domain.operations import State
from mesh.domain.routes import STAMP_STABLE
from tests.mesh.operations.bench import Bench
from tests.mesh.operations.test_roles import TO_EACH, a_bench, rewrite
from tests.mesh.operations.test_roles_lost import KNOWN, guessed, old_stamps, overwritten, stamps, told
from tests.mesh.operations.voyage import Voyage


def fled() -> Bench:
    """The canary v2 had everything, and then somebody moved most of the traffic off it by hand, not all."""
    bench = a_bench(90, 10)
    assert bench.do("promote api v2 100").state is State.SUCCEEDED
    rewrite(bench, weights=(30, 70))
    return bench


def weights_by_name() -> Bench:
    """The canary v2 had everything, and then somebody wrote weights by name: a flight, or the next round."""
    bench = a_bench(90, 10)
    assert bench.do("promote api v2 100").state is State.SUCCEEDED
    return bench


DOUBTS = [
    (fled, "adopt api"),
    (fled, "set api v1=31 v2=69"),
    (fled, "promote api v1 32"),
    (fled, "reapply api --force --reason x"),
    (weights_by_name, "set api v1=30 v2=70"),
    (old_stamps, "set api v1=85 v2=15"),
    (overwritten, "set api v1=15 v2=85"),
    (lambda: guessed()[0], "set api v1=20 v2=80"),
]


@pytest.mark.parametrize("forgotten", [False, True], ids=["stamped", "forgotten"])
@pytest.mark.parametrize(
    ("doubtful", "words"), DOUBTS, ids=[f"{number} {words.split()[0]}" for number, (_, words) in enumerate(DOUBTS)]
)
def test_a_doubt_outlives_what_is_written_meanwhile(
    doubtful: Callable[[], Bench], words: str, *, forgotten: bool
) -> None:
    """However clear the shape is then, `rollback` asks: the larger arm may be the one that people fled from."""
    bench = doubtful()
    assert bench.do(words).state is State.SUCCEEDED
    if forgotten:
        rewrite(bench, annotations={})
    left = bench.weights()
    status = bench.do("status api")
    assert ("stable" in told(status).values(), bool(status.statuses[0].unclear)) == (False, True)
    asked = bench.do("rollback api")
    assert (asked.state, asked.choices, bench.weights()) == (State.REFUSED, TO_EACH, left), asked.outcome
    assert bench.do("rollback api to v1").state is State.SUCCEEDED
    assert (bench.weights(), told(bench.do("status api"))) == ([100, 0], KNOWN)


def test_a_doubt_that_was_written_down_is_told_as_one() -> None:
    """The card does not say that the shares do not tell: nobody asks them any more."""
    bench = fled()
    assert bench.do("adopt api").state is State.SUCCEEDED
    assert bench.do("status api").statuses[0].unclear.endswith("nobody has said so since")


@pytest.mark.parametrize("by", ["configuration", "object"])
def test_a_doubt_that_was_written_down_ends_with_somebodys_word(by: str) -> None:
    """In the configuration, or as a plain name on the object."""
    bench = fled()
    assert bench.do("adopt api").state is State.SUCCEEDED
    if by == "object":
        rewrite(bench, annotations=bench.route_object()["metadata"]["annotations"] | {STAMP_STABLE: "v1"})
    else:
        bench.services = (Service("api", stable="v1"),)
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


@pytest.mark.parametrize("words", ["promote api v2 80", "canary api v2 80,100 every 5m"])
def test_a_doubt_that_was_written_down_ends_with_the_next_round(words: str) -> None:
    """All went back to v1 by hand and by name: who then begins v2 from nothing goes back to v1, at 80 % too."""
    bench = fled()
    assert bench.do("set api v1=100 v2=0").state is State.SUCCEEDED
    assert bench.do("rollback api").state is State.REFUSED
    Voyage(bench).start(words)
    assert (bench.weights(), told(bench.do("status api"))) == ([20, 80], KNOWN)
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]


def test_stamps_from_before_a_doubt_do_not_end_it() -> None:
    """An old copy of the object says that v1 is stable; to the newest change nobody was."""
    bench = a_bench(90, 10)
    assert bench.do("promote api v2 50").state is State.SUCCEEDED
    old = dict(bench.route_object()["metadata"]["annotations"])
    assert bench.do("promote api v2 100").state is State.SUCCEEDED
    assert bench.do("set api v1=30 v2=70").state is State.SUCCEEDED
    rewrite(bench, annotations=old)
    asked = bench.do("rollback api")
    assert (asked.state, asked.choices, bench.weights()) == (State.REFUSED, TO_EACH, [30, 70])
    assert "nobody was stable" in asked.outcome


def test_a_doubt_on_an_old_copy_of_the_object_is_not_put_right_by_the_record() -> None:
    """The doubt was ended by name, and then the annotations from before came back: which is true, people say."""
    bench = weights_by_name()
    assert bench.do("set api v1=30 v2=70").state is State.SUCCEEDED
    old = dict(bench.route_object()["metadata"]["annotations"])
    assert bench.do("rollback api to v1").state is State.SUCCEEDED
    rewrite(bench, annotations=old, weights=(90, 10))
    asked = bench.do("rollback api")
    assert (asked.state, asked.choices, bench.weights()) == (State.REFUSED, TO_EACH, [90, 10])


def test_a_doubt_about_an_object_that_forgot_all_is_written_onto_it() -> None:
    """The record that it comes from is finite, and may be emptied."""
    bench = overwritten()
    for text in ("set api v1=15 v2=85", "set api v1=20 v2=80"):
        assert bench.do(text).state is State.SUCCEEDED
        assert stamps(bench) == ('{"":""}', '{"":""}')
        rewrite(bench, annotations={})


def test_the_shape_still_says_who_is_stable_where_nobody_ever_did() -> None:
    """Weights written by name at 50/50 leave no word, neither on the object nor on record."""
    bench = a_bench(50, 50)
    assert bench.do("set api v1=80 v2=20").state is State.SUCCEEDED
    rewrite(bench, annotations={})
    assert bench.do("rollback api").state is State.SUCCEEDED
    assert bench.weights() == [100, 0]
