"""What Istio's own code makes of the corpus and of our edits: the shares that a card promises are those Envoy gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from mesh.domain.routes import Weights
from tests.corpus import meaning
from tests.corpus.cases import Case, cases, name
from tests.corpus.moves import Spot, planned
from tests.corpus.places import fresh, place, spots
from tests.e2e.binaries import build, cache
from tests.e2e.crds import definitions
from tests.e2e.istio_town import ROUTE, Obj, clusters, is_for_sidecars
from tests.e2e.istiod import HERE, TRANSLATE, Istiod, Rejected

Split = dict[str, Fraction]
"""Cluster of Envoy → its share of 1."""
SENT = [case for case in cases() if not (case.refused or case.real)]
VIRTUAL_SERVICES = [case for case in SENT if all(obj["kind"] == "VirtualService" for obj in case.objects)]
FOLLOWED = [
    *(case for case in VIRTUAL_SERVICES if not case.istio),
    *(case for case in SENT if all(obj["kind"] == ROUTE and is_for_sidecars(obj) for obj in case.objects)),
]
INVALID = [case for case in VIRTUAL_SERVICES if case.istio]


@pytest.fixture(scope="module")
def istiod() -> Iterator[Istiod]:
    """Istio's code, built once."""
    schemas = {
        definition["spec"]["names"]["kind"]: version["schema"]["openAPIV3Schema"]
        for definition in definitions(cache())
        for version in definition["spec"]["versions"]
        if version["name"] == "v1"
    }
    with Istiod(build(names=(TRANSLATE,), home=HERE), schemas) as one:
        yield one


@pytest.mark.parametrize("case", FOLLOWED, ids=name)
def test_the_shares_that_are_read_are_those_that_envoy_gets(case: Case, istiod: Istiod) -> None:
    """Each rule's shares stand in what Istio sends, unless a warning says that nobody follows the rule."""
    where = place(_aged(case.objects), case.target)
    sent = splits(istiod.sent(_aged(case.objects)))
    for spot in spots(where).values():
        shares = _shares(spot)
        assert not shares or _is_idle(spot) or shares in [_as(shares, split) for split in sent.values()]


@pytest.mark.parametrize("case", FOLLOWED, ids=name)
def test_an_edit_is_to_istio_what_was_promised_and_nothing_else(case: Case, istiod: Istiod) -> None:
    """Where weights are changed, exactly the rule's shares change, to what the plan says, wherever Envoy has them."""
    where = place(_aged(case.objects), case.target)
    for spot in spots(where).values():
        shares, sent = [], []
        for turn in (3, 5):
            _write(fresh(spot), {arm.name: turn * place + 2 for place, arm in enumerate(spot.route.arms)})
            shares.append(_shares(spot))
            sent.append(istiod.sent([where.raw(obj["kind"], obj["metadata"]["name"]) for obj in case.objects]))
        first, second = map(splits, sent)
        moved = [at for at in first if first[at] != second[at]]
        assert bool(moved) == (shares[0] != shares[1] and not _is_idle(spot))
        assert [[_as(shares[0], first[at]), _as(shares[1], second[at])] for at in moved] == [shares] * len(moved)
        assert weightless(sent[0]) == weightless(sent[1])
        _write(fresh(spot), spot.route.weights)


@pytest.mark.parametrize("case", INVALID, ids=name)
def test_what_istio_does_not_take_is_known_as_such(case: Case, istiod: Istiod) -> None:
    """The corpus names what Istio's validation says; everything else of it is a VirtualService that may exist."""
    with pytest.raises(Rejected, match=case.istio.replace("*", r"\*")):
        istiod.sent(case.objects)


def splits(value: Any, at: str = "") -> dict[str, Split]:
    """Return each place in what was sent that names clusters → how it splits."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return {}
    found: dict[str, Split] = {}
    for key, one in value.items():
        if key == "weightedClusters":
            found[at] = _weighted(one["clusters"])
        elif key == "cluster" and isinstance(one, str):
            found[at] = {one: Fraction(1)}
        else:
            found |= splits(one, f"{at}/{key}")
    return found


def weightless(value: Any) -> Any:
    """Return what was sent without the weights of its clusters."""
    if isinstance(value, list):
        return [weightless(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: weightless(one) for key, one in value.items() if (key, type(one)) != ("weight", int)}


def _weighted(entries: list[Obj]) -> Split:
    total = sum(entry["weight"] for entry in entries)
    found: Split = {}
    for entry in entries:
        found[entry["name"]] = found.get(entry["name"], Fraction(0)) + Fraction(entry["weight"], total)
    return found


def _shares(spot: Spot) -> Split:
    """What Envoy must get of the rule as it stands now, worked out without the code under test."""
    counted = meaning.parts(spot.route.kind, meaning.at(spot.raw, spot.at))
    found: Split = {}
    for cluster, part in zip(clusters(spot.raw, spot.at), counted, strict=True):
        if part:
            found[cluster] = found.get(cluster, Fraction(0)) + part / sum(counted)
    return found


def _as(expected: Split, sent: Split) -> Split:
    """Return what was sent with the port of a cluster left out where no destination says one."""
    found: Split = {}
    for cluster, share in sent.items():
        called = cluster if cluster in expected else re.sub(r"^outbound\|\d+\|", "outbound|*|", cluster)
        found[called] = found.get(called, Fraction(0)) + share
    return found


def _is_idle(spot: Spot) -> bool:
    """Tell whether people are warned that nobody may follow the rule."""
    return any("moves nothing" in said or "may move nothing" in said for said in spot.route.warnings)


def _write(spot: Spot, weights: Weights) -> None:
    plan = planned(spot.route, weights)
    if plan.changes:
        spot.place.cluster.patch(plan, spot.place.target)


def _aged(objects: list[Obj]) -> list[Obj]:
    """Give objects their ages, the first the oldest, as any cluster does."""
    for day, obj in enumerate(objects, 1):
        obj["metadata"]["creationTimestamp"] = f"2026-01-{day:02}T00:00:00Z"
    return objects
