"""Every object of the corpus, read and moved and moved back through the adapter over dicts."""

from __future__ import annotations

from collections import Counter

import pytest

from mesh.domain.errors import Refused
from mesh.domain.routes import Route
from tests.corpus import meaning
from tests.corpus.cases import ANY, Case, Obj, Truth, cases, name
from tests.corpus.moves import Place, Spot, there_and_back, wishes
from tests.corpus.places import fresh, place, spots
from tests.corpus.table import FEWEST, ROWS, belies
from workers.memory import MemoryCluster

READABLE = [case for case in cases() if not case.refused]
REFUSED = [case for case in cases() if case.refused]
SEVERAL_RULES = [case for case in READABLE if {"many-by-match", "many-by-name"} & case.rows]


def of(case: Case) -> Place:
    """Return a cluster in memory that holds the objects of a case."""
    return place(case.objects, case.target)


def found(case: Case, where: Place) -> list[tuple[Truth, Spot]]:
    """Return each truth with the rule it is about; AssertionError when the two are not one to one."""
    there = spots(where)
    assert sorted(there) == sorted((truth.name, truth.at) for truth in case.truths)
    return [(truth, there[truth.name, truth.at]) for truth in case.truths]


def test_the_corpus_is_large_and_every_object_is_one_of_a_kind() -> None:
    """At least 150 objects, no two of them alike, each told about in a sentence of its own."""
    objects = [str(obj) for case in cases() for obj in case.objects]
    assert len(objects) >= 150
    assert len({str(case.objects) for case in cases()}) == len(cases())
    assert len({case.about for case in cases()}) == len(cases())


def test_every_row_of_the_table_has_its_cases() -> None:
    """No shape is forgotten, and none is made up."""
    count = Counter(row for case in cases() for row in case.rows)
    assert set(count) == set(ROWS)
    assert {row: number for row, number in count.items() if number < FEWEST} == {}


@pytest.mark.parametrize("case", cases(), ids=name)
def test_a_case_is_filed_under_what_it_is(case: Case) -> None:
    """The row that counts an object is a shape the object has."""
    assert belies(case) == []


@pytest.mark.parametrize("case", READABLE, ids=name)
def test_what_is_written_down_agrees_with_the_meaning_of_the_api(case: Case) -> None:
    """The shares a person wrote are those that the raw weights come to."""
    for truth in case.truths:
        obj = case.named(truth.name)
        assert meaning.shares(obj["kind"], meaning.at(obj, truth.at)) == pytest.approx(truth.shares, abs=1e-3)


@pytest.mark.parametrize("case", READABLE, ids=name)
def test_every_rule_is_read_as_it_is(case: Case) -> None:
    """Which rules, what they are called, their arms, their shares, and what else is known of them."""
    for truth, spot in found(case, of(case)):
        route = spot.route
        assert (truth.rule_like in route.rule) if truth.rule_like else (route.rule == truth.rule)
        assert [route.share(arm) for arm in route.arms] == pytest.approx(truth.shares, abs=1e-3)
        names = tuple(arm.name for arm in route.arms)
        assert names == (truth.arms or names)
        assert len(set(names)) == len(names)
        assert {arm.protocol for arm in route.arms} == {truth.protocol}
        assert any(truth.says in warning for warning in ("", *route.warnings))
        known = {
            "acceptance": route.acceptance.value,
            "drifted": route.drift is not None,
            "owner": route.owner and route.owner.controller,
            "keepers": [keeper.name for keeper in route.keepers],
            "writer": route.writer and route.writer.manager,
        }
        said = {key: getattr(truth, key) for key in known}
        assert {key: known[key] for key, value in said.items() if value is not ANY} == {
            key: value for key, value in said.items() if value is not ANY
        }


@pytest.mark.parametrize("case", READABLE, ids=name)
def test_no_two_rules_of_a_service_are_called_alike(case: Case) -> None:
    """A name that a person types, or a button carries, means one rule."""
    labels = [route.label for route in of(case).cluster.routes(case.target)]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("case", READABLE, ids=name)
def test_every_wish_touches_only_its_weights_and_can_be_undone(case: Case) -> None:
    """Each rule, each arm: promoted, set, everything to it; then back to the letter."""
    for _, spot in found(case, of(case)):
        for wish in wishes(spot.route):
            there_and_back(fresh(spot), wish)


@pytest.mark.parametrize("case", REFUSED, ids=name)
def test_what_cannot_be_read_is_refused_with_its_name_and_a_fix(case: Case) -> None:
    """The message says which object and what is wrong with it, the hint what to do; nothing is written."""
    where = of(case)
    before = [where.raw(obj["kind"], obj["metadata"]["name"]) for obj in case.objects]
    with pytest.raises(Refused) as caught:
        where.cluster.routes(case.target)
    assert case.refused in caught.value.message
    assert any(obj["metadata"]["name"] in caught.value.message for obj in case.objects)
    assert caught.value.hint
    assert [where.raw(obj["kind"], obj["metadata"]["name"]) for obj in case.objects] == before


@pytest.mark.parametrize("case", SEVERAL_RULES, ids=name)
def test_rules_keep_their_names_when_they_are_moved(case: Case) -> None:
    """Turning the list of rules round changes no label but those by place."""
    turned = MemoryCluster([_turned(obj) for obj in case.objects])
    before, after = (_labels(cluster.routes(case.target)) for cluster in (of(case).cluster, turned))
    assert after == before


def _labels(routes: list[Route]) -> set[str]:
    return {route.label for route in routes if not route.rule.endswith("]")}


def _turned(obj: Obj) -> Obj:
    lists = {key: rules[::-1] for key in ("http", "tcp", "tls", "rules") if (rules := obj["spec"].get(key))}
    return obj | {"spec": obj["spec"] | lists}
