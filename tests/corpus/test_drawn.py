"""The properties of the corpus on objects that Hypothesis draws, one edit at a time and in any sequence."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mesh.domain.commands import Target
from mesh.domain.errors import Refused
from mesh.domain.plans import Plan
from tests.corpus import meaning
from tests.corpus.cases import Obj
from tests.corpus.drawing import OBJECTS, lists_of
from tests.corpus.moves import (
    Place,
    Spot,
    Wish,
    bare,
    changed,
    everything,
    foreign,
    planned,
    promotion,
    setting,
    text,
    there_and_back,
)
from tests.corpus.places import fresh, place, spots

TARGET = Target("demo", "shop", "api")
# The same examples in every run: a failure must not come and go with the weather.
DRAWN = settings(
    max_examples=150, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@st.composite
def wished(draw: st.DrawFn, spot: Spot) -> Wish:
    """Draw something that may be asked of a rule."""
    arms = spot.route.arms
    at = st.integers(0, len(arms) - 1)
    weight = st.sampled_from(["0", "1", "250m", "0.75"]) if arms[0].quantity else st.integers(0, 2000)
    kind = draw(st.sampled_from(["promote", "set", "everything"]))
    if kind == "promote":
        return promotion(draw(at), draw(st.integers(0, 100)), draw(st.none() | at))
    if kind == "everything":
        return everything(draw(at))
    return setting(draw(st.dictionaries(st.sampled_from([arm.name for arm in arms]), weight, min_size=1)))


def held(obj: Obj) -> Place:
    """Return a cluster that holds one object; AssertionError unless exactly its lists of destinations are read."""
    where = place([obj], TARGET)
    assert sorted(at for _, at in spots(where)) == sorted(lists_of(obj))
    return where


@DRAWN
@given(OBJECTS)
def test_every_rule_is_found_with_the_shares_its_weights_come_to(obj: Obj) -> None:
    """Whatever stands around them; names of arms and labels of rules never coincide."""
    found = spots(held(obj)).values()
    for spot in found:
        wanted = meaning.shares(obj["kind"], meaning.at(obj, spot.at))
        shares = [spot.route.share(arm) for arm in spot.route.arms]
        assert all(abs(share - want) < 1e-6 for share, want in zip(shares, wanted, strict=True))
        assert len(spot.route.weights) == len(spot.route.arms)
        assert spot.route.label.isprintable()
    assert len({spot.route.label for spot in found}) == len(found)


@DRAWN
@given(st.data(), OBJECTS)
def test_one_edit_touches_only_its_weights_and_can_be_undone(data: st.DataObject, obj: Obj) -> None:
    """For every API, whatever stands around the weights."""
    found = list(spots(held(obj)).values())
    if found:
        spot = data.draw(st.sampled_from(found), label="rule")
        there_and_back(spot, data.draw(wished(spot)))


@DRAWN
@given(st.data(), OBJECTS)
def test_any_sequence_of_edits_keeps_every_foreign_byte(data: st.DataObject, obj: Obj) -> None:
    """Edits of any rules pile up and are undone in reverse; in between, only weights of touched rules differ."""
    where = held(obj)
    found = list(spots(where).values())
    if not found:
        return
    before = found[0].raw
    done: list[tuple[Spot, Plan]] = []
    for _ in range(data.draw(st.integers(1, 6), label="edits")):
        spot = fresh(data.draw(st.sampled_from(found), label="rule"))
        if plan := edited(spot, data.draw(wished(spot))):
            done.append((spot, plan))
        touched = {one.at for one, _ in done}
        assert {path.rsplit("/", 2)[0] for path in foreign(changed(before, spot.raw))} <= touched
    for spot, plan in reversed(done):
        where.cluster.patch(planned(fresh(spot).route, plan.former), TARGET)
    assert text(bare(found[0].raw, before)) == text(bare(before, before))


def edited(spot: Spot, wish: Wish) -> Plan | None:
    """Carry out a wish; return its plan, None when it is refused or changes nothing."""
    try:
        plan = planned(spot.route, wish.weights(spot.route))
    except Refused:
        return None
    if not plan.changes:
        return None
    spot.place.cluster.patch(plan, TARGET)
    return plan
