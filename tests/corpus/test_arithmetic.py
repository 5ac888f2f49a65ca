"""Weights from shares, and quantities: the arithmetic under every edit."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.domain.errors import Refused
from mesh.domain.quantities import as_quantity, thousandths
from mesh.domain.routes import Route
from mesh.domain.shares import all_to, promoted
from tests.builders import route
from tests.corpus.meaning import SEEN, Promotion, number

WEIGHTS = st.lists(st.integers(0, 40) | st.integers(0, 10**9), min_size=2, max_size=6)
SHARES = st.integers(0, 100) | st.integers(0, 1000).map(lambda tenths: tenths / 10)
NO_QUANTITIES = ["", "-1", "+1", "1Ki", "1e3", "0x1", "1.", ".5", " 1", "1 m", "½", "١", "1M", "nan"]
DRAWN = settings(max_examples=400, derandomize=True, database=None)


def of(weights: list[int]) -> Route:
    """Return a route with these weights."""
    return route({f"v{index}": weight for index, weight in enumerate(weights)})


def outcome(weights: list[int], place: int, share: float) -> list[int] | None:
    """Return all weights after a promotion; None when it is refused."""
    found = of(weights)
    try:
        changed = promoted(found, found.arms[place], share).weights
    except Refused:
        return None
    return [int(changed.get(arm.name, arm.weight) or 0) for arm in found.arms]


@DRAWN
@given(st.data(), WEIGHTS, SHARES)
def test_a_promotion_is_exact_keeps_the_total_and_the_proportions(
    data: st.DataObject, weights: list[int], share: float
) -> None:
    """The arm gets its share of the same total; each other is within one unit of its due, by largest remainder."""
    place = data.draw(st.integers(0, len(weights) - 1))
    after = outcome(weights, place, share)
    wanted = Promotion(place, share).of([Fraction(weight) for weight in weights], Fraction(1))
    assert after == (None if wanted is None else [int(one) for one in wanted])
    if after is None:
        return
    total = sum(weights)
    assert sum(after) == total
    assert abs(Fraction(100 * after[place], total) - Fraction(str(share))) < SEEN
    have = total - weights[place]
    for index, weight in enumerate(weights):
        if index != place and have:
            assert abs(after[index] - Fraction((total - after[place]) * weight, have)) < 1


@DRAWN
@given(st.integers(1, 300), st.integers(0, 100))
def test_a_share_that_cannot_be_met_is_refused_with_the_nearest_two(total: int, share: int) -> None:
    """The two that are offered lie on both sides, one part of the total from each other, and both can be met."""
    found = of([total - 1, 1])
    if abs(Fraction(100 * round(Fraction(share * total, 100)), total) - share) < SEEN:
        assert promoted(found, found.arms[1], share)
        return
    with pytest.raises(Refused) as refusal:
        promoted(found, found.arms[1], share)
    low, high = (float(near) for near in re.findall(r"([\d.]+) %", refusal.value.hint)[:2])
    below = share * total // 100
    assert (low, high) == pytest.approx((100 * below / total, 100 * (below + 1) / total), abs=0.06)
    assert low < share < high
    for near in (low, high):
        assert promoted(found, found.arms[1], near)


@DRAWN
@given(WEIGHTS, st.integers(0, 100))
def test_rounding_is_told_and_only_rounding(weights: list[int], share: int) -> None:
    """A note says that weights are whole where the due of some arm is not, and nothing elsewhere."""
    found, total, have = of(weights), sum(weights), sum(weights[1:])
    try:
        split = promoted(found, found.arms[0], share)
    except Refused:
        return
    rest = total - round(Fraction(total * share, 100))
    rounded = any(have and rest * weight % have for weight in weights[1:])
    assert bool(split.notes) == rounded


@DRAWN
@given(st.data(), WEIGHTS)
def test_everything_to_one_arm_keeps_the_total(data: st.DataObject, weights: list[int]) -> None:
    """That arm has the total, the others 0, and only what changes is written."""
    place = data.draw(st.integers(0, len(weights) - 1))
    found = of(weights)
    changed = all_to(found, found.arms[place].name)
    wanted = [min(sum(weights) or 100, 2**31 - 1) if index == place else 0 for index in range(len(weights))]
    assert [changed.get(arm.name, arm.weight) for arm in found.arms] == wanted
    assert all(found.weights[name] != weight for name, weight in changed.items())


@DRAWN
@given(st.integers(0, 10**12))
def test_thousandths_survive_being_written(parts: int) -> None:
    """What is written reads as what it was, in no more letters than needed."""
    written = as_quantity(parts)
    assert thousandths(written) == parts
    assert written == (str(parts // 1000) if parts % 1000 == 0 else f"{parts}m")


@DRAWN
@given(st.from_regex(r"[0-9]{1,6}(\.[0-9]{1,4})?(m|k)?", fullmatch=True))
def test_a_quantity_is_read_exactly_or_refused(written: str) -> None:
    """Every whole number of thousandths is read as such; what is finer is refused, never rounded."""
    exact = number(written) * 1000
    if exact.denominator == 1:
        assert thousandths(written) == exact
        return
    with pytest.raises(Refused, match="thousandth"):
        thousandths(written)


@pytest.mark.parametrize("written", NO_QUANTITIES)
def test_what_is_no_plain_quantity_is_refused(written: str) -> None:
    """With the fix; nothing is guessed, and digits of other scripts are no digits."""
    with pytest.raises(Refused) as refusal:
        thousandths(written)
    assert refusal.value.hint
