"""Which route, and which of its arms is stable and which canary. Never index 0, never a silent guess."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mesh.domain.catalog import Service
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import NotFound, Refused
from mesh.domain.grammar import format_command
from mesh.domain.matching import closest
from mesh.domain.plans import Plan, Roles
from mesh.domain.routes import STAMP_CANARY, STAMP_STABLE, STAMP_WRITTEN, Route
from mesh.ports import Cluster


@dataclass(frozen=True)
class Known:
    """What is known of a route's arms (`knowing.known` finds it out)."""

    route: Route
    """The route that says so: as it was read, with the stamps of the record where it has none itself."""
    service: Service
    roles: Roles
    why: str = ""
    """Why nobody knows which arm is stable, in words; empty where that is known."""

    @property
    def settled(self) -> bool:
        """Tell whether a canary known by annotation only already has everything: who is canary next is then unclear."""
        if self.service.canary or self.service.stable or not self.roles.canary:
            return False
        shares = {arm.name: self.route.share(arm) for arm in self.route.arms}
        return self.roles.canary == stamped(self.route).canary and shares[self.roles.canary] == 100


def choose(cluster: Cluster, target: Target, service: Service, command: Command) -> Route:
    """Return the one weighted route of the target that the command, else the configuration, means.

    Raises NotFound when no route names the service, Refused when none carries weights or when several do.
    """
    routes = cluster.routes(target)
    if not routes:
        raise _unknown(cluster, target, command)
    said = command.route or service.route
    weighted = [route for route in routes if len(route.arms) > 1 and is_chosen(route, said)]
    if len(weighted) == 1:
        return weighted[0]
    if weighted:
        raise _several(weighted, target, command)
    raise _unweighted(routes, target, command, said)


def key(route: Route, target: Target) -> str:
    """Return how a command or the configuration names a route: `Kind/name` or `Kind/name/rule`.

    A route of another namespace than the service's is named with it: `Kind/namespace/name`.
    """
    where = "" if route.namespace == target.namespace else route.namespace
    return "/".join(filter(None, (route.kind, where, route.name, route.rule)))


def is_chosen(route: Route, said: str) -> bool:
    """Tell whether `said` names this route, by object, by rule or by both; empty means any."""
    objects = [f"{kind}{where}{route.name}" for kind in (f"{route.kind}/", "") for where in (f"{route.namespace}/", "")]
    rules = [one for one in (route.rule, *route.selectors) if one]
    return not said or said in (*objects, *rules, *(f"{obj}/{rule}" for obj in objects for rule in rules))


def roles(route: Route, service: Service) -> Roles:
    """Say which arm is stable and which canary: by configuration, then by our annotation, then by the shape.

    Verbs ask `knowing.known`, which asks the record as well.

    A canary that a person named in a command says nothing of the other arm, unless the shape does as well: who lifts
    an arm by a point to ease the other one must not make that one stable, or `rollback` would give it everything. Where
    they wrote it down as the canary, in the configuration or as a plain name on the object, the other one is stable.
    Nor does the shape say anything once it was unclear who is stable: the arm people fled from may be the larger one.
    """
    found = named(route, service)
    if found.stable or is_over(route) or route.left_open:
        return found
    shape = by_shape(route)
    return shape if found.canary in ("", shape.canary) else found


def named(route: Route, service: Service) -> Roles:
    """Say what `roles` does as far as somebody named it: by configuration or annotation, never by the shape."""
    by_configuration = configured(route, service)
    if by_configuration != Roles() or is_over(route):
        return by_configuration
    said = stamped(route)
    found = _among(route, said, target_service=service.name)
    by_us = route.has_role(STAMP_CANARY)
    return Roles(canary=found.canary) if by_us and not said.stable else found


def configured(route: Route, service: Service) -> Roles:
    """Say what the configuration does of the route's arms."""
    return _among(route, Roles(service.stable, service.canary), target_service=service.name)


def as_written(route: Route, plans: Sequence[Plan]) -> Route:
    """Return a route without stamps with those that these plans of its object wrote, newest first.

    Of rules that have another label by now as well: then nobody knows whose roles those are. A rule that once had a
    stable arm, and none by the newest plan, says so; one that never had any says nothing.
    """
    newest = {plan.rule: plan for plan in reversed(plans)}
    if not newest:
        return route
    known = {plan.rule for plan in plans if plan.stable}
    stamps: dict[str, dict[str, Any]] = {
        STAMP_STABLE: {rule: plan.stable for rule, plan in newest.items() if rule in known},
        STAMP_CANARY: {rule: plan.canary for rule, plan in newest.items()},
        STAMP_WRITTEN: {rule: plan.weights for rule, plan in newest.items()},
    }
    said = {key: json.dumps(by_rule) for key, by_rule in stamps.items()}
    return replace(route, annotations=tuple({**dict(route.annotations or ()), **said}.items()))


def by_shape(route: Route) -> Roles:
    """Return what the shape tells: only where there are two arms and one has at least twice the share of the other.

    The smaller one is the canary. Nearer to half nobody can tell a canary on its way up from one that is being drained.
    Nor can the shape where roles are on record of a rule that has another label by now: a canary at 80 % would pass
    for stable.
    """
    if len(route.arms) != 2 or route.lost_roles:
        return Roles()
    canary, stable = sorted(route.arms, key=lambda arm: arm.effective)
    if stable.effective < 2 * canary.effective or not stable.effective:
        return Roles()
    return Roles(stable=stable.name, canary=canary.name)


def check_configured(route: Route, service: Service) -> None:
    """Raise Refused when the configuration names an arm that the route does not have: a slip must not be a guess."""
    for role, name in (("stable", service.stable), ("canary", service.canary)):
        if name and not _name_of(route, name, service.name):
            raise Refused(
                f"The configuration calls {name} the {role} arm of {service.name}, and {route.label} has no such arm.",
                hint=f"Mend `services.{service.name}.{role}`.",
                choices=tuple(arm.name for arm in route.arms),
            )


def stamped(route: Route) -> Roles:
    """Return the roles that our last patch of this rule wrote, or that a person wrote for all rules."""
    return Roles(route.role(STAMP_STABLE), route.role(STAMP_CANARY))


def is_over(route: Route) -> bool:
    """Tell whether our roles are of a round that was over when somebody else moved traffic off the canary again.

    We gave it everything; who then moved traffic back began the next round, or fled from the canary. The stamp says one
    thing and the shape the other, so people are asked.
    """
    canary = stamped(route).canary
    left = any(arm.effective and arm.name != canary for arm in route.arms)
    return left and route.drift is not None and had_everything(route)


def had_everything(route: Route) -> bool:
    """Tell whether our last patch of this rule gave its canary all there was."""
    others = {name: weight for name, weight in (route.written or {}).items() if name != stamped(route).canary}
    return bool(others) and all(weight in (0, "0", None) for weight in others.values())


def promoted_roles(route: Route, known: Known, command: Command) -> Roles:
    """Return the roles for `promote`, where a version that is typed out is the canary; raise Refused when unclear."""
    if command.version:
        return _typed(route, known, command)
    if not known.roles.canary:
        raise Refused(
            f"Nothing says which arm of {command.service} is the canary.",
            hint="Name the version.",
            choices=_version_choices(route, command),
        )
    if known.settled:
        raise Refused(
            f"{known.roles.canary} already has all traffic of {command.service}; which version is next is unclear.",
            hint="Name the version, or roll back.",
            choices=(*_version_choices(route, command), rollback(command)),
        )
    return known.roles


def again(cluster: Cluster, plan: Plan, target: Target) -> Route:
    """Return the route that an earlier plan changed; raise NotFound when it is gone."""
    route = cluster.reread(plan, target)
    if route is None or route.uid != plan.uid:
        raise NotFound(f"{plan.label} is gone, or was made anew.", hint=f"See /mesh status {target.service}.")
    return route


def _typed(route: Route, known: Known, command: Command) -> Roles:
    """Return the roles where the version to promote is typed out; raise Refused where that would turn them round."""
    arm, found = route.find(command.version, command.service), known.roles
    if not found.stable and not arm.effective:
        # A round begins: it goes back to where everything is. Else a doubt would never end without the configuration.
        found = replace(found, stable=_with_everything(route))
    if arm.name == found.canary:
        return found
    if arm.name == found.stable:
        return _swapped(known, command)
    if not found.stable and (command.share or 0.0) < route.share(arm):
        raise Refused(
            f"That lowers {arm.name}, so another arm would rise, and nothing says which one is the canary.",
            hint=f"Promote the arm that is to rise, or write all weights: /mesh set {command.service} {arm.name}=… …",
        )
    # Never the other one, though there is only one: that this rises does not say that the other may have everything.
    return Roles(stable=found.stable, canary=arm.name)


def _with_everything(route: Route) -> str:
    """Return which of two arms has all traffic; empty where both have some, and among more than two."""
    full = (arm.name for arm in route.arms if len(route.arms) == 2 and arm.effective and arm.effective == route.total)
    return next(full, "")


def _swapped(known: Known, command: Command) -> Roles:
    """Let the arm that was stable be the next canary, once the last canary has everything; before that, refuse."""
    stable = known.roles.stable
    if known.settled:
        return Roles(stable=known.roles.canary, canary=stable)
    raise Refused(
        f"{stable} is the stable arm of {command.service}; more traffic for it means less for the canary.",
        hint=f"Roll back to it, or write the weights by name: /mesh set {command.service} {stable}=… …",
        choices=(rollback(command),),
    )


def again_with(command: Command, **changes: str) -> str:
    """Return the command as a person would type it once what was unclear is said: a choice, which becomes a button."""
    return f"/mesh {format_command(replace(command, **changes))}"  # type: ignore[arg-type]  # replace() checks the names


def rollback(command: Command) -> str:
    """Return the command that sends everything back to stable, on the route that `command` is about."""
    bare = replace(command, version="", share=None, weights=(), force=False, dry_run=False)
    return again_with(bare, verb=Verb.ROLLBACK)


def _version_choices(route: Route, command: Command) -> tuple[str, ...]:
    return tuple(again_with(command, version=arm.name) for arm in route.arms)


def _among(route: Route, said: Roles, *, target_service: str) -> Roles:
    """Return the said roles as names of this route's arms; nothing is said once one of them is gone."""
    stable, canary = (_name_of(route, version, target_service) for version in (said.stable, said.canary))
    if (said.stable and not stable) or (said.canary and not canary):
        # Whoever took the place of an arm that is gone did not take its role.
        return Roles()
    names = [arm.name for arm in route.arms]
    if len(names) == 2 and bool(stable) != bool(canary):
        other = next(name for name in names if name not in (stable, canary))
        return Roles(stable or other, canary or other)
    return Roles(stable, canary)


def _name_of(route: Route, version: str, service: str) -> str:
    try:
        return route.find(version, service).name if version else ""
    except NotFound:
        return ""


def _unknown(cluster: Cluster, target: Target, command: Command) -> NotFound:
    names = tuple(cluster.services(target))
    near = closest(target.service, names)
    message = f"No route names the service {target.service} in {target.cluster}/{target.namespace}."
    if near:
        return NotFound(message, hint=f"Did you mean {near}?", choices=(again_with(command, service=near),))
    hint = f"Routes there name {', '.join(names)}." if names else "There are no routes there; try another -n namespace."
    return NotFound(message, hint=hint, choices=names)


def _several(weighted: list[Route], target: Target, command: Command) -> Refused:
    keys = [key(route, target) for route in weighted]
    what = {Verb.STATUS: "", Verb.GATES: ""}.get(command.verb, " Nothing was changed.")
    return Refused(
        f"{len(weighted)} routes of {target.service} carry weights, and nothing says which one is meant.{what}",
        hint=f"Choose one, or name it once and for all in the configuration: `services.{target.service}.route`.",
        choices=tuple(again_with(command, route=one) for one in keys),
    )


def _unweighted(routes: list[Route], target: Target, command: Command, said: str) -> Refused:
    if said and not any(is_chosen(route, said) for route in routes):
        return _no_such_route(routes, target, command, said)
    labels = ", ".join(route.label for route in routes if is_chosen(route, said))
    message = f"{labels} sends everything to one destination, so there is no weight to move."
    return Refused(message, hint="Add a second destination with weight 0 to the route first.")


def _no_such_route(routes: list[Route], target: Target, command: Command, said: str) -> Refused:
    weighted = [key(route, target) for route in routes if len(route.arms) > 1]
    if command.route:
        message = f"{target.service} has no route {said}."
        return Refused(message, hint="Choose one.", choices=tuple(again_with(command, route=one) for one in weighted))
    message = f"The configuration names {said} for {target.service}, and there is no such route."
    return Refused(message, hint=f"Mend `services.{target.service}.route`.", choices=tuple(weighted))
