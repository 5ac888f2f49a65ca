"""Evidence: what no difference can hardly ever bring about, however often one looks."""

from __future__ import annotations

import math
import random
from functools import cache

import pytest

from mesh.domain.evidence import (
    CLUMPS,
    LEVEL,
    NEAR,
    ODDS,
    PROOF,
    Levels,
    Noise,
    Scale,
    gain,
    proves,
    strength,
    thinned,
    weigh,
    weigh_once,
)


@pytest.mark.parametrize(("trials", "share"), [(1, 0.01), (10, 0.05), (40, 0.5), (200, 0.01)])
def test_without_a_difference_evidence_is_expected_to_stay_as_it_is(trials: int, share: float) -> None:
    """Over all numbers of hits that chance can give, each factor is 1 on average: that is why one may always look."""
    for number in range(len(ODDS)):
        expected = sum(
            math.comb(trials, hits) * share**hits * (1 - share) ** (trials - hits) * math.exp(level)
            for hits in range(trials + 1)
            for level in [weigh_once(hits, trials, share)[number]]
        )
        assert expected == pytest.approx(1.0)


@pytest.mark.parametrize(("requests", "errors"), [((50, 50), 20), ((5, 95), 40)])
def test_that_requests_fail_once_only_makes_it_safer(requests: tuple[int, int], errors: int) -> None:
    """Errors are drawn from the requests without putting them back: the average factor is then below 1."""
    canary, stable = requests
    share = canary / (canary + stable)
    ways = math.comb(canary + stable, errors)
    expected = sum(
        math.comb(canary, hits) * math.comb(stable, errors - hits) / ways * strength(weigh_once(hits, errors, share))
        for hits in range(max(0, errors - stable), min(canary, errors) + 1)
    )
    assert expected < 1.0


def test_a_long_healthy_past_costs_a_bad_present_little() -> None:
    """Evidence has a floor, which is as low after a minute as after a day."""
    levels = LEVEL
    for _ in range(1000):
        levels = weigh(levels, 0, 50, Scale(0.5, 15))
    assert weigh(levels, 0, 0, Scale(0.5, 15)) == pytest.approx((math.log(15 / 3600),) * len(ODDS))


def test_no_single_block_proves_anything() -> None:
    """However many hits come together, it takes two blocks."""
    once = weigh(LEVEL, 1000, 1000, Scale(0.01, 15))
    assert not proves(once)
    assert strength(once) > NEAR
    assert proves(weigh(once, 1000, 1000, Scale(0.01, 15)))


def test_evidence_comes_down_again() -> None:
    """An hour of proof is over after a few healthy minutes."""
    levels = LEVEL
    for _ in range(240):
        levels = weigh(levels, 100, 100, Scale(0.5, 15))
    assert proves(levels)
    for _ in range(8):
        levels = weigh(levels, 0, 10, Scale(0.5, 15))
    assert strength(levels) < NEAR


def test_a_proof_is_the_average_over_all_odds() -> None:
    """One of the odds alone proves nothing at the threshold itself."""
    one: Levels = (math.log(PROOF * 1.01), *(-50.0,) * (len(ODDS) - 1))
    assert not proves(one)
    assert proves((math.log(PROOF * 1.01),) * len(ODDS))


def test_what_little_difference_never_proves() -> None:
    """Hits a fifth more often than usual bring nothing in the long run, twice as often do."""
    assert gain(0.012, 0.01) < 0 < gain(0.02, 0.01)


@cache
def noise(size: int) -> Noise:
    """What 200 looks tell of hits that come in clumps of this size, one in two looks."""
    found, dice = Noise(), random.Random(4)
    for _ in range(200):
        found = found.seen(1000, size * sum(dice.random() < 0.0005 for _ in range(1000)), 15)
    return found


@pytest.mark.parametrize("size", [1, 3, 9])
@pytest.mark.parametrize("expected", [0.0, 0.01, 0.9, 20.0])
def test_hits_at_once_count_less(size: int, expected: float) -> None:
    """None counts more than it is, more never count less, and where hits are rare any hit counts one at least."""
    counts = [thinned(hits, expected, noise(size), CLUMPS).hits for hits in range(60)]
    assert counts == sorted(counts)
    assert all(count <= hits for hits, count in enumerate(counts))
    assert (counts[1] == 1.0) is (expected < 0.5)


@pytest.mark.parametrize("mean", [0.001, 0.1, 0.45, 2.0, 40.0])
def test_the_other_side_is_left_as_much(mean: float) -> None:
    """Of independent hits no less is left on average to the other side than to this one."""
    for size in (1, 2, 9):
        chances = [math.exp(hits * math.log(mean) - mean - math.lgamma(hits + 1)) for hits in range(150)]
        worth = sum(chance * thinned(hits, mean, noise(size), CLUMPS).hits for hits, chance in enumerate(chances))
        assert worth <= mean * thinned(0, mean, noise(size), CLUMPS).left * (1 + 1e-9)


def test_clumps_are_seen_as_noise() -> None:
    """Independent hits have a noise of about 1, clumps of six one of about six, enlarged for their tails."""
    assert noise(1).factor(3, 8) < 2.5
    assert noise(6).factor(3, 8) > 6.0
    assert noise(1).rate == pytest.approx(0.0005, rel=0.2)


def test_few_looks_do_not_say_how_noisy_it_is() -> None:
    """Before enough was seen the guess stands, and two quiet looks with many hits do not make it certain."""
    assert Noise().factor(3, 8) == 5.0
    assert Noise().seen(1000, 30, 15).seen(1000, 30, 15).factor(3, 8) > 3.0


def test_what_was_noisy_long_ago_is_forgotten() -> None:
    """Noise of an hour ago tells little of today's."""
    later = noise(9)
    for _ in range(480):
        later = later.seen(1000, 1, 15)
    assert later.factor(3, 8) < 3.0 < noise(9).factor(3, 8)
