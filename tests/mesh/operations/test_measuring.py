"""After the end: the measured split beside the written one."""

from __future__ import annotations

import pytest

from mesh.domain.errors import Unavailable
from mesh.domain.gates import Verdict
from mesh.domain.operations import Operation, State
from mesh.operations.measuring import LOOKS_S
from mesh.operations.running import run
from tests.builders import healthy
from tests.mesh.operations.bench import Bench


def counted(bench: Bench, v1: float, v2: float) -> None:
    """Let the metrics say how many requests each arm answered."""
    bench.metrics.readings |= {"v1": healthy(requests=v1), "v2": healthy(requests=v2)}


def look(bench: Bench, operation: Operation, after_s: float) -> Operation:
    """Let the clock hand it out again, so long after its patch was read back."""
    verified = next(event.at for event in operation.story if event.step == "verified")
    bench.time.at = verified + after_s
    return run(operation.id, bench.stage)


def test_a_split_that_is_seen_is_told_once() -> None:
    """The first look that agrees is the last: on record, on the card, and the operation is settled."""
    bench = Bench()
    done = bench.do("promote api 50")
    assert (done.state, done.settled) == (State.SUCCEEDED, False)
    assert bench.operations.open[done.id] == bench.time.at + LOOKS_S[0]
    counted(bench, 505, 495)
    told = look(bench, done, LOOKS_S[0])
    assert told.split
    assert (told.split.verdict, told.split.in_words) == (Verdict.PASS, "v1 50.5 % / v2 49.5 % in 1000 requests")
    assert told.settled
    assert done.id not in bench.operations.open
    assert bench.audit_steps(done)[-1] == "measured"
    assert "49.5 %" in str(bench.cards.cards[done.id][-1])
    assert look(bench, told, 50).revision == told.revision


def test_traffic_that_does_not_follow_is_said_after_the_last_look() -> None:
    """Until then the proxies, and the scrapes, get their time."""
    bench = Bench()
    done = bench.do("promote api 50")
    counted(bench, 900, 100)
    for after_s in LOOKS_S[:-1]:
        assert look(bench, done, after_s).split is None
    told = look(bench, done, LOOKS_S[-1])
    assert told.split
    assert told.split.verdict is Verdict.FAIL
    assert told.split.in_words == "v1 90 % / v2 10 % in 1000 requests, but v1 50 % / v2 50 % was written"
    assert told.state is State.SUCCEEDED


@pytest.mark.parametrize(("requests", "why"), [(10, "only 20 requests in 87 s"), (0, "only 0 requests in 87 s")])
def test_too_little_traffic_says_nothing(requests: int, why: str) -> None:
    """A few requests prove no split."""
    bench = Bench()
    done = bench.do("promote api 50")
    counted(bench, requests, requests)
    told = look(bench, done, LOOKS_S[-1])
    assert told.split
    assert (told.split.verdict, told.split.why) == (Verdict.UNKNOWN, why)


def test_an_hour_without_a_clock_is_one_look() -> None:
    """A look that comes late is the last one, and its window is no longer than the looks' own."""
    bench = Bench()
    done = bench.do("promote api 50")
    counted(bench, 500, 500)
    told = look(bench, done, 3600)
    assert told.split
    assert told.split.window_s == LOOKS_S[-1]


def test_metrics_that_cannot_answer_are_asked_again_until_the_last_look() -> None:
    """And then people are told why there is no number."""
    bench = Bench()
    done = bench.do("promote api 50")

    bench.metrics.readings["v1"] = "Prometheus did not answer in 3 s"
    assert look(bench, done, LOOKS_S[0]).split is None
    told = look(bench, done, LOOKS_S[-1])
    assert told.split
    assert told.split.why == "Prometheus did not answer in 3 s"


def test_what_can_never_be_measured_is_said_at_once() -> None:
    """Where no label tells an arm's requests from others' no later look would know more."""
    bench = Bench()
    done = bench.do("promote api 50")
    bench.metrics.problems["v2"] = "the requests of v2 carry the same labels as those of v1"
    told = look(bench, done, LOOKS_S[0])
    assert told.split
    assert told.split.why == "the requests of v2 carry the same labels as those of v1"


def test_weights_that_were_changed_again_are_not_measured() -> None:
    """The numbers would be about somebody else's weights."""
    bench = Bench()
    done = bench.do("promote api 50")
    bench.do("rollback api")
    told = look(bench, bench.operations.get(done.id), LOOKS_S[1])
    assert told.split
    assert "changed again" in told.split.why


def test_weights_that_were_changed_and_came_back_are_not_measured() -> None:
    """The weights are as they were written; the requests counted since are those of another split as well."""
    bench = Bench()
    done = bench.do("rollback api")
    bench.time.at += 1
    bench.do("promote api 25 --force --reason 'hotfix'")
    bench.time.at += 30
    bench.do("rollback api")
    counted(bench, 900, 100)
    told = look(bench, bench.operations.get(done.id), LOOKS_S[-1])
    assert told.split
    assert "changed again" in told.split.why


@pytest.mark.parametrize("text", ["promote api 10", "status api", "plan promote api 50"])
def test_what_moved_nothing_is_settled_at_once(text: str) -> None:
    """There is no split to wait for."""
    assert Bench().do(text).settled


def test_measuring_holds_up_no_rollback() -> None:
    """It is done by the workers of ordinary work: a slow Prometheus must not stand before traffic going back."""
    bench = Bench()
    done = bench.do("rollback api")
    assert done.to_be_measured
    assert not done.urgent


def test_what_slack_does_not_take_is_measured_and_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traffic that went astray is not forgotten because Slack was away at the moment of the last look."""
    bench = Bench()
    done = bench.do("promote api 50")
    counted(bench, 900, 100)

    def away(operation: Operation) -> Operation:
        raise Unavailable("Slack did not take the card")

    with monkeypatch.context() as patched:
        patched.setattr(bench.cards, "show", away)
        assert not look(bench, done, LOOKS_S[-1]).settled
    told = look(bench, done, LOOKS_S[-1] + 60)
    assert told.settled
    assert "does not follow" in str(bench.cards.cards[done.id][-1])
    assert bench.audit_steps(told).count("measured") == 1
