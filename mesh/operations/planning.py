"""From a changing command to a plan, against the route as it is now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Verb
from mesh.domain.errors import Refused
from mesh.domain.limits import rise_of
from mesh.domain.operations import Operation
from mesh.domain.plans import Plan, Roles, adoption, plan
from mesh.domain.quantities import Weight
from mesh.domain.routes import (
    STAMP_ACTOR,
    STAMP_CANARY,
    STAMP_OPERATION,
    STAMP_STABLE,
    Arm,
    Owner,
    Route,
    Weights,
    shown,
)
from mesh.domain.shares import Wanted, all_to, promoted, whole_of
from mesh.operations import following
from mesh.operations.choosing import (
    Known,
    again_with,
    check_configured,
    choose,
    promoted_roles,
    rollback,
    stamped,
)
from mesh.operations.knowing import known
from mesh.operations.undoing import remembered, restored
from mesh.ports import Cluster, Operations


def make_plan(operation: Operation, catalog: Catalog, cluster: Cluster, operations: Operations) -> tuple[Plan, Route]:
    """Plan a changing operation and return the plan with the route it was made for.

    Raises Refused or NotFound when the request is unclear, Unavailable when unreadable.
    """
    if operation.command.operation:
        route, found, former = restored(operation, cluster, operations)
        check_free(route, operation, catalog)
        # A squash merge may have lost whose change it is that is undone.
        notes = tuple(filter(None, [following.unsigned(operations.get(operation.command.operation), route)]))
        made = plan(route, former, found, stamps=_stamps(operation, route, found, told=route), notes=notes)
        _check_undo(route, operation, catalog, made)
        return following.noted(made, route), route
    service = catalog.service(operation.target)
    route = choose(cluster, operation.target, service, operation.command)
    check_free(route, operation, catalog)
    if not (operation.command.rollout and operation.command.goes_back):
        check_configured(route, service)
    about = known(route, service, operation.target, operations)
    if operation.command.verb is Verb.ADOPT:
        return _adopt(route, about, operation), route
    found, wanted = _WANTED[operation.command.verb](route, about, operation)
    stamps = _stamps(operation, route, found, told=about.route)
    made = plan(route, wanted.weights, found, stamps=stamps, notes=wanted.notes)
    _check_undo(route, operation, catalog, made)
    made = following.noted(made, route)
    return replace(made, warnings=(*made.warnings, *_drift(route, operation))), route


def check_free(route: Route, operation: Operation, catalog: Catalog) -> None:
    """Raise Refused where somebody else would write their weights over ours: a rollout controller, or Git.

    Traffic may always go back over what Git says: that is an incident, and Git can follow.
    """
    if route.owner:
        raise _owned(route, route.owner)
    if route.kept:
        following.check_writable(route, operation)
        return
    if route.keepers and not operation.command.goes_back and catalog.git(operation.target) == "refuse":
        who = " and ".join(dict.fromkeys(keeper.name for keeper in route.keepers))
        raise Refused(
            f"{who} keeps {route.label} in Git and would put the old weights back.",
            hint="Change it in Git, or let meshbot do that (`in_git`), or let it write over Git: "
            f"`services.{operation.target.service}.git: patch`. "
            + " ".join(keeper.exception for keeper in route.keepers),
        )


def _check_undo(route: Route, operation: Operation, catalog: Catalog, made: Plan) -> None:
    """Raise as `check_free` does of a promotion where an undo gives more: that is no way back that Git can follow."""
    if operation.command.verb is Verb.UNDO and rise_of(made):
        check_free(route, replace(operation, command=replace(operation.command, verb=Verb.PROMOTE)), catalog)


def _owned(route: Route, owner: Owner) -> Refused:
    who = f"{owner.controller} ({owner.name})" if owner.name else owner.controller
    state = f" It says: {owner.state}." if owner.state else ""
    return Refused(
        f"{who} owns the weights of {route.label} and would write its own over ours.{state}",
        hint=f"Change it through {owner.controller}; /mesh status shows the weights.",
        choices=owner.advice,
    )


def _promote(route: Route, about: Known, operation: Operation) -> tuple[Roles, Wanted]:
    command = operation.command
    found = promoted_roles(route, about, command)
    if command.rollout and command.promised:
        # Whom it is compared with and where it goes back to was settled when the rollout began.
        found = replace(found, stable=command.promised)
    arm = route.find(found.canary, command.service)
    return found, promoted(route, arm, command.share or 0.0, stable=found.stable)


def _set(route: Route, about: Known, operation: Operation) -> tuple[Roles, Wanted]:
    command = operation.command
    wanted: Weights = {}
    for version, weight in command.weights:
        arm = route.find(version, command.service)
        if arm.name in wanted:
            raise Refused("Two of these versions are the same arm.", hint="Name each arm once.")
        wanted[arm.name] = str(weight) if arm.quantity else weight
    return _to_be_judged(about), Wanted(_some(route, wanted), _left_alone(route, wanted))


def _left_alone(route: Route, wanted: Weights) -> tuple[str, ...]:
    """Say which arms keep their weight, where that makes the total another: weights are parts, not per cent."""
    kept = {arm.name: arm.weight for arm in route.arms if arm.name not in wanted}
    after = sum(arm.parts(wanted.get(arm.name, arm.weight)) for arm in route.arms)
    if not kept or after == route.total:
        return ()
    said = f"{shown(kept)} was not named and stays, so the shares are of another total"
    return (f"Weights are parts, not per cent: {said}",)


def _rollback(route: Route, about: Known, operation: Operation) -> tuple[Roles, Wanted]:
    # Planned again, it goes where it was going: somebody else's weights must not say anew who is stable.
    former = operation.plan
    same = former is not None and (former.uid, former.rule) == (route.uid, route.rule)
    found = Roles(former.stable, former.canary) if former and same else about.roles
    if operation.command.rollout and found.stable != operation.command.promised:
        # The rollout said at its beginning where it goes back to, whatever weights and configuration have become since.
        found = Roles(operation.command.promised, stamped(about.route).canary)
    chosen, notes = _chosen(route, found, operation)
    if chosen.stable:
        found = chosen
    else:
        # Not `promote`: that would make the arm they flee to the canary, and the next rollback would go back. Nor
        # `set`: in an incident gates and freezes hold that, and they lead here.
        choices = tuple(again_with(operation.command, version=arm.name) for arm in route.arms)
        name = operation.command.service
        raise Refused(
            f"It is not known which arm of {name} is stable: {about.why}.",
            hint=f"The configuration can say it once and for all: `services.{name}.stable`. Send everything to one:",
            choices=choices,
        )
    promised = operation.command.promised
    if promised not in ("", found.stable):
        arms = [arm for arm in route.arms if arm.name in (found.stable, promised)]
        raise Refused(
            f"That card is old: it said that everything goes to {promised}, and by now {found.stable} is stable.",
            hint="Nothing was changed. Send everything to one:",
            choices=tuple(_everything_to(arm, route, operation, stable=found.stable) for arm in arms),
        )
    return found, Wanted(all_to(route, found.stable), notes)


def _chosen(route: Route, found: Roles, operation: Operation) -> tuple[Roles, tuple[str, ...]]:
    """Return the roles with the stable arm that a rollback names, and a note where nobody else said that it is.

    Raises Refused where another one is known to be stable: sending everything there is no way back, and is judged.
    """
    command = operation.command
    if not command.version:
        return found, ()
    arm = route.find(command.version, command.service)
    if found.stable not in ("", arm.name):
        raise Refused(
            f"{found.stable} is the stable arm of {command.service}, so everything to {arm.name} is no way back.",
            hint="Nothing was changed. Roll back to the stable arm, or write the weights by name, which gates judge.",
            choices=(rollback(command), _everything_to(arm, route, operation, stable=found.stable)),
        )
    notes: tuple[str, ...] = (f"It was not known which arm is stable: {arm.name} was named, and is from now on",)
    if route.share(arm) == 100:
        # Then nothing is written, and nothing remembers it.
        notes = ()
    elif found.stable:
        # Planned again, it knows what it said itself.
        notes = operation.plan.notes if operation.plan else ()
    return Roles(arm.name, found.canary if found.canary != arm.name else ""), notes


def _everything_to(heir: Arm, route: Route, operation: Operation, *, stable: str) -> str:
    """Return the command that sends everything to one arm: the way back to the stable one, weights to another."""
    bare = replace(operation.command, version="")
    if heir.name == stable:
        return again_with(bare, version=stable)
    return again_with(replace(bare, verb=Verb.SET, weights=_whole(heir, route)))


def _whole(heir: Arm, route: Route) -> tuple[tuple[str, Weight], ...]:
    whole = whole_of(route, heir)
    return tuple((arm.name, arm.written(whole if arm is heir else 0)) for arm in route.arms)


def _undo(route: Route, about: Known, operation: Operation) -> tuple[Roles, Wanted]:
    return about.roles, Wanted(_some(route, remembered(route, operation)))


def _reapply(route: Route, about: Known, _operation: Operation) -> tuple[Roles, Wanted]:
    written = _drifted(route)
    if written.keys() != route.weights.keys():
        raise Refused(
            f"{route.label} has other arms than when meshbot wrote {shown(written)}.",
            hint="Adopt the weights as they are, or write new ones with /mesh set.",
        )
    return _to_be_judged(about), Wanted(_some(route, written))


_WANTED: dict[Verb, Callable[[Route, Known, Operation], tuple[Roles, Wanted]]] = {
    Verb.PROMOTE: _promote,
    Verb.SET: _set,
    Verb.ROLLBACK: _rollback,
    Verb.UNDO: _undo,
    Verb.REAPPLY: _reapply,
}


def _adopt(route: Route, about: Known, operation: Operation) -> Plan:
    _drifted(route)
    return adoption(route, about.roles, stamps=_stamps(operation, route, about.roles, told=about.route))


def _drifted(route: Route) -> Weights:
    """Return what we wrote, where it is no longer there; raise Refused where nothing drifted."""
    if route.written is None:
        raise Refused(f"meshbot never wrote the weights of {route.label}.", hint="There is nothing that could drift.")
    if not route.drift:
        raise Refused(f"The weights of {route.label} are as meshbot left them.", hint="There is nothing to do.")
    return route.written


def _drift(route: Route, operation: Operation) -> tuple[str, ...]:
    """Warn of weights that somebody else wrote, where this change is not about them."""
    drift = route.drift
    if drift is None or operation.command.verb is Verb.REAPPLY:
        return ()
    return (f"The weights were changed by {drift.by or 'somebody else'} after meshbot had left {drift.written}.",)


def _to_be_judged(about: Known) -> Roles:
    """Return the roles for weights by name: a settled canary is the new stable to some people and not to others.

    Then every rising arm is judged.
    """
    return Roles() if about.settled else about.roles


def _some(route: Route, wanted: Weights) -> Weights:
    """Return `wanted` unless nothing would be served; raise Refused then."""
    if not any(arm.parts(wanted.get(arm.name, arm.weight)) for arm in route.arms):
        raise Refused("All weights would be 0, and then nothing is served.", hint="Give one arm a weight above 0.")
    return wanted


def _stamps(operation: Operation, route: Route, found: Roles, *, told: Route) -> dict[str, str]:
    """Return the annotations written with the weights: who and what, and who is stable and canary.

    `told` is the route as what is known was taken from it, with the stamps of the record where it had none: where one
    was known once and is no more, that is written, for the shape would be believed where there is no word.
    """
    stamps = {STAMP_OPERATION: operation.id, STAMP_ACTOR: operation.actor.user}
    said = {STAMP_STABLE: found.stable, STAMP_CANARY: found.canary}
    # What is not known any more must not stay as it was: half a pair of another round would be believed.
    return stamps | {
        key: route.remember_role(key, name)
        for key, name in said.items()
        if name or told.role(key) or told.has_role(key)
    }
