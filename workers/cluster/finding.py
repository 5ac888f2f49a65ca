"""Finding the routes of a service: in its own namespace, in those the configuration adds, and behind delegation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from mesh.domain.commands import Target
from mesh.domain.errors import NotFound, Refused, Unavailable
from mesh.domain.routes import Arm, Route
from workers.cluster.controllers import CANARY, ROLLOUT, controllers
from workers.cluster.looking import Look, Place
from workers.cluster.routing import Claim, Object, RoutingApi, ServiceName, namespace_of, title
from workers.cluster.served import Wanted
from workers.cluster.subsets import DESTINATION_RULE, DestinationRules, version_of
from workers.cluster.table import ROUTING_APIS
from workers.cluster.together import together

Key = tuple[str, str, str]
"""(kind, namespace, name) of an object."""

Claiming = tuple[RoutingApi, Object, Claim]
"""An object that may speak for the target."""


@dataclass(frozen=True)
class Found:
    """One route, with the object it was read from."""

    obj: Object
    route: Route


@dataclass(frozen=True)
class Followed:
    """An object that others delegate to."""

    api: RoutingApi
    obj: Object
    by: tuple[Object, ...]


def first_places(target: Target, namespaces: Sequence[str]) -> list[Place]:
    """Return what finding the routes of a target always lists, whatever it finds."""
    kinds: tuple[Wanted, ...] = (*ROUTING_APIS, ROLLOUT, CANARY)
    return [(DESTINATION_RULE, target.namespace), *((kind, each) for each in namespaces for kind in kinds)]


def find(look: Look, target: Target, namespaces: Sequence[str]) -> list[Route]:
    """Return every route that speaks for the target, with its owner and the versions behind its subsets.

    Asks once for everything that may matter, then for each object to plan with, and again only for what lies in other
    namespaces. Nothing found means nothing unless the look is taken truly. Raises Unavailable; Refused when a right is
    missing, or when one of the service's routes cannot be read.
    """
    look.ask(first_places(target, namespaces))
    listed: list[Claiming] = [
        (api, obj, claim)
        for namespace in namespaces
        for api in ROUTING_APIS
        for obj in look.listing(api, namespace).sure()
        if (claim := api.claim(obj, target)) is not Claim.NONE
    ]
    claiming = listed if look.truly else _fresh(look, listed, target)
    followed, missing = _followed(look, [(api, obj) for api, obj, claim in claiming if claim is Claim.ALL])
    found = [
        *_speaking(claiming, {_key(one.obj) for one in followed}, target),
        *(Found(one.obj, route) for one in followed for route in _delegated(one)),
    ]
    if missing and not found and look.truly:
        raise NotFound(missing[0], hint="Create it, or correct the name and namespace of the delegate.")
    warned = [replace(one, route=_warned(one.route, missing)) for one in found]
    return complete(look, warned, target)


def complete(look: Look, found: Iterable[Found], target: Target) -> list[Route]:
    """Fill in who owns each route and which version label stands behind each subset."""
    known = list(found)
    owners: list[Place] = [(wanted, namespace_of(one.obj)) for one in known for wanted in (ROLLOUT, CANARY)]
    subsets = [arm for one in known for arm in one.route.arms if arm.subset]
    look.ask([*owners, *(rule_places(subsets, target) if subsets else ())])
    rollouts, canaries = look.held(ROLLOUT), look.held(CANARY)
    owning = controllers(
        (obj for listing in rollouts for obj in listing.objects),
        (obj for listing in canaries for obj in listing.objects),
        (f"{error.message} {error.hint}" for listing in (*rollouts, *canaries) if (error := listing.error)),
    )
    routes = _with_versions(look, [owning.known(one.obj, one.route) for one in known], target)
    return [
        replace(route, arms=tuple(replace(arm, alike=_alike(arm, route)) for arm in route.arms)) for route in routes
    ]


def _alike(arm: Arm, route: Route) -> str:
    """Return another arm whose requests carry the labels of this one's: no metric tells the two apart."""
    same = (one for one in route.arms if one is not arm and one.service and _place(one) == _place(arm))
    return next((one.name for one in same if not arm.subset or (one.subset and one.version == arm.version)), "")


def _place(arm: Arm) -> ServiceName:
    return arm.service, arm.namespace


def rule_places(arms: Iterable[Arm], target: Target) -> list[Place]:
    """Return where DestinationRules that can speak for these arms are listed: with the callers, with the Services."""
    namespaces = sorted({target.namespace, *(arm.namespace for arm in arms if arm.namespace)})
    return [(DESTINATION_RULE, namespace) for namespace in namespaces]


def destination_rules(look: Look, arms: Iterable[Arm], target: Target) -> DestinationRules:
    """Return the DestinationRules that can speak for these arms; raise Refused, Unavailable."""
    places = rule_places(arms, target)
    look.ask(places)
    return DestinationRules.of(rule for place in places for rule in look.listing(*place).sure())


def _fresh(look: Look, listed: Sequence[Claiming], target: Target) -> list[Claiming]:
    """Read again what was found a moment ago; nothing at all when some of it is gone or speaks for the target no more.

    What directs callers of something else and has no route for the target is left out: most gateways are like that.
    """
    speaking = [(api, obj) for api, obj, claim in listed if claim is Claim.ALL or _has_routes(api, obj, target)]
    objs = together([partial(look.read, api, *_key(obj)[1:]) for api, obj in speaking])
    fresh: list[Claiming] = [
        (api, obj, claim)
        for (api, _), obj in zip(speaking, objs, strict=True)
        if obj is not None and (claim := api.claim(obj, target)) is not Claim.NONE
    ]
    return fresh if len(fresh) == len(speaking) else []


def _has_routes(api: RoutingApi, obj: Object, target: Target) -> bool:
    try:
        return bool(api.speaking(obj, target))
    except Refused:
        # Whether it is still faulty is for the fresh object to say.
        return True


def _speaking(claiming: Sequence[Claiming], followed: set[Key], target: Target) -> Iterator[Found]:
    """Read what claims the target; what somebody delegates to is left to `_delegated`, or it would be found twice."""
    for api, obj, claim in claiming:
        if _key(obj) in followed:
            continue
        others = [other for theirs, other, said in claiming if theirs is api and other is not obj and said is Claim.ALL]
        warnings = api.beside(obj, others) if claim is Claim.ALL else ()
        for route in api.speaking(obj, target):
            yield Found(obj, _warned(route, warnings))


def _followed(look: Look, roots: Sequence[tuple[RoutingApi, Object]]) -> tuple[list[Followed], tuple[str, ...]]:
    """Return the objects that the roots delegate to, and a sentence for each delegation that leads nowhere."""
    wanted: dict[Key, tuple[RoutingApi, list[Object]]] = {}
    for api, root in roots:
        for name, namespace in api.follows(root):
            wanted.setdefault((api.kind, namespace, name), (api, []))[1].append(root)
    asks = [partial(look.read, api, *key[1:]) for key, (api, _) in wanted.items()]
    found, missing = [], []
    for (key, (api, by)), obj in zip(wanted.items(), together(asks), strict=True):
        if obj is None:
            missing.append(f"{title(by[0])} delegates to {key[0]} {key[1]}/{key[2]}, and there is none.")
        else:
            found.append(Followed(api, obj, tuple(by)))
    return found, tuple(missing)


def _delegated(one: Followed) -> Iterator[Route]:
    """Read a delegate for each object that delegates to it; its routes count once, with the warnings of all."""
    for same in zip(*(one.api.delegated(one.obj, by) for by in one.by), strict=True):
        yield _warned(same[0], tuple(warning for route in same[1:] for warning in route.warnings))


def _with_versions(look: Look, routes: list[Route], target: Target) -> list[Route]:
    """Fill in which version label stands behind each subset, for reading its metrics.

    Without DestinationRules the routes are still good: traffic must be able to go back, and gates will not guess.
    """
    arms = [arm for route in routes for arm in route.arms if arm.subset]
    if not arms:
        return routes
    try:
        rules = destination_rules(look, arms, target)
    except (Refused, Unavailable) as error:
        warning = f"The versions behind subsets are not known, so gates cannot pass: {error.message} {error.hint}"
        return [_warned(route, (warning,)) for route in routes]
    return [replace(route, arms=tuple(_versioned(arm, rules) for arm in route.arms)) for route in routes]


def _versioned(arm: Arm, rules: DestinationRules) -> Arm:
    return replace(arm, version=version_of(rules.labels(arm) or {})) if arm.subset else arm


def _warned(route: Route, warnings: tuple[str, ...]) -> Route:
    return replace(route, warnings=tuple(dict.fromkeys((*route.warnings, *warnings))))


def _key(obj: Object) -> Key:
    return obj["kind"], namespace_of(obj), obj["metadata"]["name"]
