"""A plan: which weights change, from what to what, as one exact JSON patch. Pure, and the heart of the product."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from mesh.domain.quantities import Weight
from mesh.domain.routes import STAMP_PREVIOUS, STAMP_WRITTEN, Arm, Route, RouteRef, Weights, in_words


@dataclass(frozen=True)
class PatchOp:
    """One operation of RFC 6902."""

    op: Literal["test", "replace", "add", "remove"]
    path: str
    value: Any = None

    def as_json(self) -> dict[str, Any]:
        """Return the operation as the API server wants it (`remove` has no value)."""
        return {"op": self.op, "path": self.path} | ({} if self.op == "remove" else {"value": self.value})


@dataclass(frozen=True)
class ArmChange:
    """One arm, before and after."""

    name: str
    before: Weight | None
    """What stood in the object before; None when the key was absent."""
    after: Weight | None
    share_before: float
    """Per cent, 0 to 100."""
    share_after: float

    @property
    def rises(self) -> bool:
        """True when the arm's share grows."""
        return self.share_after > self.share_before + 1e-9


@dataclass(frozen=True)
class Plan(RouteRef):
    """What will be written, to which object, at which version of it."""

    arms: tuple[ArmChange, ...]
    patch: tuple[PatchOp, ...]
    """Empty when the weights already are as asked."""
    stable: str = ""
    """Name of the stable arm, empty when it is not known."""
    canary: str = ""
    judged: tuple[str, ...] = ()
    """Arms that rise from a share above 0: gates must pass."""
    exposed: tuple[str, ...] = ()
    """Arms that rise from 0: ready endpoints must exist."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What was done to meet the request, e.g. how weights were rounded."""
    because: tuple[str, ...] = ()
    """Why, a line each, for whom a commit is all they see: put in when it is sent, and on no record."""

    @property
    def moves(self) -> bool:
        """True when it changes a weight, and not just our own annotations."""
        return any(arm.before != arm.after for arm in self.arms)

    @property
    def raises(self) -> bool:
        """True when it gives more to an arm that is not the stable one."""
        return bool(self.judged or self.exposed)

    @property
    def changes(self) -> bool:
        """True when there is something to patch."""
        return bool(self.patch)

    @property
    def weights(self) -> Weights:
        """The weights this plan leaves behind, by arm."""
        return {arm.name: arm.after for arm in self.arms}

    @property
    def canary_share_before(self) -> float:
        """What the canary has before it, in per cent; 0 where nobody said which arm that is."""
        return next((arm.share_before for arm in self.arms if arm.name == self.canary), 0.0)

    @property
    def canary_share(self) -> float:
        """What the canary has after it, in per cent; 0 where nobody said which arm that is."""
        return next((arm.share_after for arm in self.arms if arm.name == self.canary), 0.0)

    @property
    def former(self) -> Weights:
        """The weights this plan found, by arm: what `undo` restores."""
        return {arm.name: arm.before for arm in self.arms}

    @property
    def turned_round(self) -> Plan:
        """The same arms the other way round, to be judged and never written: what undoing it gives and takes."""
        back = [
            replace(
                arm,
                before=arm.after,
                after=arm.before,
                share_before=arm.share_after,
                share_after=arm.share_before,
            )
            for arm in self.arms
        ]
        return replace(self, arms=tuple(back), patch=())

    @property
    def shares_before(self) -> str:
        """The split it found, for people: `v1 90 % / v2 10 %`."""
        return in_words((arm.name, arm.share_before) for arm in self.arms)

    @property
    def shares_after(self) -> str:
        """The split it leaves behind, for people."""
        return in_words((arm.name, arm.share_after) for arm in self.arms)

    @property
    def intent(self) -> str:
        """SHA-256 over what a person agreed to: object and weights, not the version it was read at."""
        agreed = [self.uid, self.kind, self.namespace, self.name, self.rule, [asdict(arm) for arm in self.arms]]
        return hashlib.sha256(json.dumps(agreed, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Roles:
    """Which arm is stable and which is canary; empty where nobody said and the shape does not tell."""

    stable: str = ""
    canary: str = ""


def plan(route: Route, wanted: Weights, roles: Roles, *, stamps: dict[str, str], notes: tuple[str, ...] = ()) -> Plan:
    """Plan the change of `route` to the `wanted` weights (None removes the key again).

    Arms that are not named keep their weight. `stamps` are the annotations written in the same patch; to them is added
    what the object must remember of this rule. Raises Refused for a weight that is none.
    """
    after = {arm.name: wanted.get(arm.name, arm.weight) for arm in route.arms}
    made = _plan(route, after, roles, stamps=stamps)
    untried = "has no traffic yet: its ready endpoints are judged, not its requests"
    notes = (*notes, *(f"{name} {untried}" for name in made.exposed))
    return replace(made, notes=notes) if made.moves else replace(made, notes=notes, patch=())


def adoption(route: Route, roles: Roles, *, stamps: dict[str, str]) -> Plan:
    """Plan to take the weights as they are for our own: only annotations are written."""
    return _plan(route, route.weights, roles, stamps=stamps)


def touch(former: Plan, route: Route, stamps: dict[str, str]) -> Plan:
    """Plan to write `stamps` only, on the version of `route`: whatever was planned for an older version then fails."""
    test = PatchOp("test", "/metadata/resourceVersion", route.resource_version)
    return replace(former, resource_version=route.resource_version, patch=(test, *_stamp(route, stamps)))


def _plan(route: Route, after: Weights, roles: Roles, *, stamps: dict[str, str]) -> Plan:
    arms = _changes(route, after)
    rising = [change for change in arms if change.rises and change.name != roles.stable]
    return Plan(
        **{field.name: getattr(route, field.name) for field in fields(RouteRef)},
        arms=arms,
        patch=_patch(route, after, _with_memory(route, after, stamps)),
        stable=roles.stable,
        canary=roles.canary,
        judged=tuple(change.name for change in rising if change.share_before > 0),
        exposed=tuple(change.name for change in rising if change.share_before == 0),
        warnings=route.warnings,
    )


def _with_memory(route: Route, after: Weights, stamps: dict[str, str]) -> dict[str, str]:
    """Add what the object must remember of this rule, so that undo and drift need nothing but the object."""
    memory = {STAMP_PREVIOUS: route.weights, STAMP_WRITTEN: after}
    return stamps | {key: route.remember(key, weights) for key, weights in memory.items()}


def _changes(route: Route, after: Weights) -> tuple[ArmChange, ...]:
    effective = {arm.name: arm.parts(after[arm.name]) for arm in route.arms}
    if len(route.arms) == 1 and route.arms[0].absent == 0:
        # Istio and SMI give a lone arm everything, even with the weight 0.
        effective = {name: parts or 1 for name, parts in effective.items()}
    total = sum(effective.values())
    return tuple(
        ArmChange(
            arm.name,
            arm.weight,
            after[arm.name],
            route.share(arm),
            100.0 * effective[arm.name] / total if total else 0.0,
        )
        for arm in route.arms
    )


def _patch(route: Route, after: Weights, stamps: dict[str, str]) -> tuple[PatchOp, ...]:
    """Return tests for all that was read, then the writes: only weight leaves and our own annotations."""
    tests = [PatchOp("test", "/metadata/resourceVersion", route.resource_version)]
    writes = []
    for arm in route.arms:
        tests += [PatchOp("test", path, value) for path, value in arm.identity]
        if arm.weight is not None:
            tests.append(PatchOp("test", arm.pointer, arm.weight))
        if after[arm.name] != arm.weight:
            writes.append(_write(arm, after[arm.name]))
    return tuple(tests + writes + _stamp(route, stamps))


def _write(arm: Arm, weight: Weight | None) -> PatchOp:
    if weight is None:
        return PatchOp("remove", arm.pointer)
    # `replace` of an absent key is an error of RFC 6902; `add` of an absent key is what is meant.
    return PatchOp("add" if arm.weight is None else "replace", arm.pointer, weight)


def _stamp(route: Route, stamps: dict[str, str]) -> list[PatchOp]:
    if route.annotations is None:
        return [PatchOp("add", "/metadata/annotations", dict(stamps))]
    return [PatchOp("add", f"/metadata/annotations/{_escaped(key)}", value) for key, value in stamps.items()]


def _escaped(key: str) -> str:
    """Escape one token of a JSON pointer (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")
