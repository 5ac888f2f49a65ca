"""One edit through the adapter, there and back, and everything that must be true of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest

from mesh.domain.commands import Target
from mesh.domain.errors import Conflict, Refused
from mesh.domain.plans import Plan, Roles, plan
from mesh.domain.routes import PREFIX, STAMP_ACTOR, STAMP_OPERATION, STAMP_PREVIOUS, STAMP_WRITTEN, Arm, Route, Weights
from mesh.domain.shares import all_to, promoted
from mesh.ports import Cluster
from tests.corpus import meaning
from tests.corpus.meaning import Obj, Promotion

SHARES = (0, 1, 33, 50, 100)
ANNOTATIONS = "/metadata/annotations"
OURS = f"{ANNOTATIONS}/{PREFIX.replace('/', '~1')}"
KEPT_BY_SERVER = ("resourceVersion", "generation", "managedFields")
"""Fields of the metadata that the API server itself writes with every change."""


@dataclass(frozen=True)
class Place:
    """A cluster that holds the objects of one case, and a way to see them raw."""

    cluster: Cluster
    target: Target
    raw: Callable[[str, str], Obj]
    """(kind, name) -> the object as the server has it now."""


@dataclass(frozen=True)
class Spot:
    """One weighted rule in a place."""

    place: Place
    route: Route
    at: str
    """JSON pointer of its list of destinations."""

    @property
    def raw(self) -> Obj:
        """The whole object as it is now."""
        return self.place.raw(self.route.kind, self.route.name)

    @property
    def unit(self) -> Fraction:
        """The smallest step of a weight here."""
        return Fraction(1, 1000 if self.route.arms[0].quantity else 1)

    def counted(self, obj: Obj) -> list[Fraction]:
        """Return what each arm counts as in `obj`."""
        return meaning.parts(self.route.kind, meaning.at(obj, self.at))


@dataclass(frozen=True)
class Wish:
    """What somebody asks for."""

    about: str
    weights: Callable[[Route], Weights]
    """May raise Refused."""
    expected: Callable[[Spot, Obj], list[Fraction] | None]
    """What each arm must count as afterwards, by the object as it was; None for a refusal."""


def wishes(route: Route) -> Iterator[Wish]:
    """Yield what is asked of every rule: each arm to several shares, everything to each arm, weights set at will."""
    for place, arm in enumerate(route.arms):
        for share in SHARES:
            yield promotion(place, share)
        yield promotion(place, 50, heir=len(route.arms) - 1)
        yield everything(place)
        yield setting({arm.name: _written(arm, 7)})
    yield setting({route.arms[0].name: _written(route.arms[0], 0)})
    yield setting({arm.name: _written(arm, 3 * place + 2) for place, arm in enumerate(route.arms)})


def promotion(place: int, share: float, heir: int | None = None) -> Wish:
    """Give one arm a share of the object's own total; `heir` is the stable arm."""

    def weights(route: Route) -> Weights:
        stable = "" if heir is None else route.arms[heir].name
        return promoted(route, route.arms[place], share, stable=stable).weights

    wanted = Promotion(place, share, heir)
    return Wish(f"promote arm {place} to {share} %", weights, lambda spot, obj: wanted.of(spot.counted(obj), spot.unit))


def everything(place: int) -> Wish:
    """Send all to one arm."""

    def expected(spot: Spot, obj: Obj) -> list[Fraction]:
        counted = spot.counted(obj)
        whole = sum(counted, Fraction(0)) or 100 * Fraction(spot.unit)
        return [whole if index == place else Fraction(0) for index in range(len(counted))]

    return Wish(f"everything to arm {place}", lambda route: all_to(route, route.arms[place].name), expected)


def setting(weights: Weights) -> Wish:
    """Write some weights, whatever that makes of the total."""

    def expected(spot: Spot, obj: Obj) -> list[Fraction]:
        entries = [dict(entry) for entry in meaning.at(obj, spot.at)]
        for entry, arm in zip(entries, spot.route.arms, strict=True):
            if arm.name in weights:
                entry["weight"] = weights[arm.name]
        return meaning.parts(spot.route.kind, entries)

    return Wish(f"set {weights}", lambda _route: dict(weights), expected)


def _written(arm: Arm, weight: int) -> int | str:
    return f"{weight * 50}m" if arm.quantity else weight


def there_and_back(spot: Spot, wish: Wish) -> None:
    """Carry out one wish and its undo; AssertionError where anything but the chosen weights moves, or stays moved."""
    before = spot.raw
    expected = wish.expected(spot, before)
    if expected is None:
        with pytest.raises(Refused) as refusal:
            wish.weights(spot.route)
        assert refusal.value.hint
        return
    done = planned(spot.route, wish.weights(spot.route))
    if not done.changes:
        assert spot.counted(before) == expected, wish.about
        return
    after_route = spot.place.cluster.patch(done, spot.place.target)
    after = spot.raw
    _went_there(spot, done, (before, after), expected)
    _remembers(spot.route, after_route)
    assert memory(after, but=spot.route.rule) == memory(before, but=spot.route.rule)
    _is_shut(spot, done, after)
    came_back(spot, done, before)


def planned(route: Route, wanted: Weights) -> Plan:
    """Plan as an operation does, with its stamps."""
    return plan(route, wanted, Roles(), stamps={STAMP_OPERATION: "op-k3v9x2m4ta", STAMP_ACTOR: "U0JIN"})


def came_back(spot: Spot, done: Plan, before: Obj) -> None:
    """Undo a plan and compare: the object is what it was, to the letter and in its order."""
    found = spot.place.cluster.reread(done, spot.place.target)
    assert found is not None
    undo = planned(found, done.former)
    assert undo.changes
    spot.place.cluster.patch(undo, spot.place.target)
    assert text(bare(spot.raw, before)) == text(bare(before, before))


def _went_there(spot: Spot, done: Plan, objects: tuple[Obj, Obj], expected: list[Fraction]) -> None:
    before, after = objects
    assert spot.counted(after) == expected
    entries = zip(meaning.at(before, spot.at), meaning.at(after, spot.at), strict=True)
    moved = {f"{spot.at}/{index}/weight" for index, (old, new) in enumerate(entries) if old != new}
    assert foreign(changed(before, after)) == moved, "only the chosen weights may differ"
    named = {name for name, weight in done.weights.items() if weight != done.former[name]}
    assert moved == {f"{spot.at}/{index}/weight" for index, arm in enumerate(spot.route.arms) if arm.name in named}
    promised = [arm.share_after for arm in done.arms]
    assert promised == pytest.approx(meaning.shares(spot.route.kind, meaning.at(after, spot.at)))


def _remembers(before: Route, after: Route) -> None:
    """The object alone must be enough to go back and to see drift."""
    assert after.previous == before.weights
    assert after.written == after.weights
    assert not after.drift


def memory(obj: Obj, *, but: str) -> Obj:
    """Return what the object's annotations say of the weights of its rules, except of one."""
    annotations = obj["metadata"].get("annotations") or {}
    return {key: _readable(annotations.get(key), but) for key in (STAMP_PREVIOUS, STAMP_WRITTEN)}


def _readable(annotation: str | None, but: str) -> Obj:
    try:
        found = json.loads(annotation or "{}")
    except ValueError:
        return {}
    found = found if isinstance(found, dict) else {}
    # Beside a rule with a label none is without: what is remembered of such a one is of an earlier form of the object.
    return {rule: weights for rule, weights in found.items() if rule != but and (rule or not but)}


def _is_shut(spot: Spot, done: Plan, after: Obj) -> None:
    """The same patch once more fits no more, and writes nothing."""
    with pytest.raises(Conflict):
        spot.place.cluster.patch(done, spot.place.target)
    assert text(spot.raw) == text(after)


def text(obj: Any) -> str:
    """Write JSON so that 1, 1.0, true and the order of keys stay different."""
    return json.dumps(obj, ensure_ascii=False)


def bare(obj: Obj, like: Obj) -> Obj:
    """Return the object without what the server writes and without our annotations.

    An annotations map that only we have made is taken away again: `like` says whether there was one.
    """
    metadata = {key: value for key, value in obj["metadata"].items() if key not in KEPT_BY_SERVER}
    if "annotations" in metadata:
        kept = {key: value for key, value in (metadata["annotations"] or {}).items() if not key.startswith(PREFIX)}
        if kept or like["metadata"].get("annotations"):
            metadata["annotations"] = kept
        else:
            del metadata["annotations"]
    return obj | {"metadata": metadata}


def changed(before: Any, after: Any, pointer: str = "") -> set[str]:
    """Return the pointers at which two JSON values differ, as deep as they can be told."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: set[str] = set()
        for key in before.keys() | after.keys():
            below = f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key in before and key in after:
                found |= changed(before[key], after[key], below)
            else:
                found.add(below)
        return found
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return {path for index, pair in pairs for path in changed(*pair, f"{pointer}/{index}")}
    return set() if text(before) == text(after) else {pointer}


def foreign(pointers: set[str]) -> set[str]:
    """Return the pointers without those the server writes and our own annotations, or the map made for them."""
    kept = {f"/metadata/{key}" for key in KEPT_BY_SERVER}
    return {
        pointer
        for pointer in pointers
        if pointer != ANNOTATIONS
        and not pointer.startswith(OURS)
        and not any(pointer == key or pointer.startswith(f"{key}/") for key in kept)
    }
