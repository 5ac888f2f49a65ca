"""Who is put down for requests that reached no pod."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.metrics.blame import FORGET_MS, Ledger, blame


@given(st.data(), st.floats(0, 1e6))
def test_all_of_it_is_put_down_and_no_more(data: st.DataObject, unreached: float) -> None:
    """Whatever was answered, the parts are at least nothing and add up to what was unreached."""
    shares = data.draw(st.lists(st.floats(0, 100), min_size=1, max_size=4))
    answered = [data.draw(st.floats(0, 1e6)) for _ in shares]
    parts = blame(unreached, shares, answered)
    assert all(part >= -1e-6 for part in parts)
    assert sum(parts) == pytest.approx(unreached if sum(shares) > 0 else 0, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("share", [1, 5, 50])
def test_a_dead_arm_takes_what_it_missed(share: float) -> None:
    """All of what it was to answer, and the others keep what they answered."""
    lost = 100.0 * share
    assert blame(lost, (100 - share, share), (10_000 - lost, 0)) == pytest.approx((0, lost))


def test_a_dead_stable_arm_is_blamed_likewise() -> None:
    """The rule knows no roles."""
    assert blame(900, (90, 10), (0, 100)) == pytest.approx((900, 0))


def test_the_only_arm_takes_all() -> None:
    """At 100 % nobody else can have been meant."""
    assert blame(3, (0, 100), (0, 10)) == (0, 3)


def test_without_shares_nobody_is_blamed() -> None:
    """Weights that are all zero send nothing anywhere."""
    assert blame(3, (0, 0), (0, 0)) == (0, 0)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_luck_blames_nobody_more_than_its_share(share: float) -> None:
    """Where requests go missing for reasons of nobody's, an arm is put down for no more than its share."""
    dice, total, mine = random.Random(7), 0.0, 0.0
    for _ in range(4000):
        answered = sum(dice.random() < share for _ in range(200))
        lost = dice.randrange(1, 5)
        mine += blame(lost, (1 - share, share), (200 - answered, answered))[1]
        total += lost
    assert 0.75 * share <= mine / total <= 1.1 * share


def looks(ledger: Ledger, count: int, *, begin: int = 0, step_ms: int = 5000, unreached: float = 1) -> list[float]:
    """Let looks follow each other in which a dead arm of 5 % misses all of its requests; returns its parts."""
    return [
        ledger.blame(("api", at_ms, at_ms + step_ms), unreached, (95, 5), (19 * unreached, 0))[1]
        for at_ms in range(begin, begin + count * step_ms, step_ms)
    ]


def test_a_few_requests_at_a_time_are_enough_in_the_end() -> None:
    """One request of a dead arm in 5 s is luck; the tenth in a row is none, and from then on it takes each whole."""
    parts = looks(Ledger(), 12)
    assert parts[0] == pytest.approx(0.05)
    assert parts[10:] == [pytest.approx(1), pytest.approx(1)]


def test_looks_that_do_not_meet_begin_anew() -> None:
    """What lies between was not counted, and a second look at the same stretch must not count twice."""
    ledger = Ledger()
    assert looks(ledger, 12)[-1] == pytest.approx(1)
    assert looks(ledger, 1, begin=500_000) == [pytest.approx(0.05)]
    assert looks(ledger, 1, begin=500_000) == [pytest.approx(0.05)]


def test_what_went_missing_long_ago_is_forgotten() -> None:
    """After a minute in which all reached a pod, the next that does not is luck again."""
    ledger = Ledger()
    looks(ledger, 12)
    for at_ms in range(60_000, 60_000 + FORGET_MS + 10_000, 5000):
        assert ledger.blame(("api", at_ms, at_ms + 5000), 0, (95, 5), (19, 1)) == (0, 0)
    assert looks(ledger, 1, begin=130_000) == [pytest.approx(0.05)]
