"""`mesh.ports.Cluster` over the configured clusters: finds routes, patches one, counts who is ready."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from mesh.domain.commands import Target
from mesh.domain.errors import Conflict, NotFound, Refused, Unavailable
from mesh.domain.plans import Plan
from mesh.domain.routes import Arm, Route, Weights
from mesh.ports import Ready, Surveyed
from workers.cluster.controllers import CANARY, ROLLOUT
from workers.cluster.counting import count_ready
from workers.cluster.faults import UnknownOutcome
from workers.cluster.finding import Found, complete, find
from workers.cluster.looking import Client, Glance, Look, Place, Sighting, Site, version_of
from workers.cluster.resources import Resource
from workers.cluster.routing import Object, RoutingApi
from workers.cluster.subsets import DESTINATION_RULE
from workers.cluster.surveying import survey
from workers.cluster.table import ROUTING_APIS
from workers.cluster.together import both, together
from workers.cluster.watching import Source, Watching, watch

Namespaces = Mapping[str, Sequence[str]]


class KubernetesCluster:
    """Implements `mesh.ports.Cluster`.

    What a cluster serves is asked once and kept, by `discover()` or by the first question. Where to look is told by
    lists, or by memory once `watch` was called; what is planned with is read by name. The reads of one question go out
    at the same time.
    """

    def __init__(self, clients: Mapping[str, Client], *, route_namespaces: Namespaces | None = None) -> None:
        """Take one client for each configured cluster, by the cluster's name.

        `route_namespaces`: by cluster, where its routes are looked for besides the service's own namespace.
        """
        self._sites = {name: Site(client) for name, client in clients.items()}
        self._namespaces = dict(route_namespaces or {})
        self._sightings: dict[str, dict[int, Sighting]] = {}
        """By cluster, what the last glance at it saw of each plan, by the plan's `id`, which it keeps alive."""
        self._watching: list[Watching] = []
        self._closed = False

    def watch(self, sources: Mapping[str, Source]) -> None:
        """Follow from now on what is asked of every cluster for every job; `sources` are the clients, by cluster.

        Call it once in a process, after its last fork: it starts threads. Without it each job lists for itself.
        """
        if not self._closed:
            self._watching = watch(self._sites, sources)

    def close(self) -> None:
        """Stop watching for good; a process that ends need not call it."""
        self._closed = True
        for watching in self._watching:
            watching.close()

    def discover(self) -> None:
        """Ask every cluster what it serves; when some do not answer, learn the others first and raise Unavailable."""
        failures = together([partial(_failure, site) for site in self._sites.values()])
        for failure in filter(None, failures):
            raise failure

    def routes(self, target: Target) -> list[Route]:
        """Return every route that names the service, weighted or not.

        Raises Unavailable; Refused when a right is missing, or when one of the service's routes cannot be read.
        """
        site = self._site(target.cluster)
        known = site.served is not None
        namespaces = list(dict.fromkeys((target.namespace, *self._namespaces.get(target.cluster, ()))))
        found = find(Look(site), target, namespaces) or find(Look(site, truly=True), target, namespaces)
        if not found and known:
            # A kind installed since discovery would look like a service without routes.
            site.discover()
            found = find(Look(site, truly=True), target, namespaces)
        return found

    def services(self, target: Target) -> list[str]:
        """Return the names of services that routes of the namespace name, sorted; raise Refused, Unavailable."""
        site = self._site(target.cluster)
        return _names(Look(site), target) or _names(Look(site, truly=True), target)

    def survey(self, cluster: str, *, namespaces: Sequence[str] = (), also: Iterable[Target] = ()) -> list[Surveyed]:
        """Return every service that routes name, with its routes, from one list for each kind, or from memory.

        With `namespaces`, only those: one list for each kind in each of them. `also`: services to look up as well.
        Raises Unavailable; Refused when a right is missing.
        """
        beside = self._namespaces.get(cluster, ())
        return survey(self._site(cluster), cluster, namespaces=namespaces, beside=beside, also=also)

    def reread(self, plan: Plan, target: Target) -> Route | None:
        """Read the planned route again; None when it is gone (also when its rule has another label now).

        An object that was deleted and made anew under the same name is returned: compare `uid`.
        """
        look = Look(self._site(target.cluster))
        read = partial(look.site.client.read, _resource(plan), plan.namespace, plan.name)
        obj, _ = both(read, partial(_look_around, look, plan, target))
        route = obj and _rule(obj, plan)
        return complete(look, [Found(obj, route)], target)[0] if obj and route else None

    def glance(self, plans: Sequence[tuple[Plan, Target]]) -> list[Weights | None]:
        """Return the weights that each planned route seems to have: from memory where routes are watched, a hint only.

        Else from one list for each kind and namespace, as the server had it a moment ago. None where the route is not
        known: it is gone, cannot be read, or its cluster does not answer.
        """
        wanted: dict[str, list[Place]] = {}
        for plan, target in plans:
            wanted.setdefault(target.cluster, []).append((_api(plan), plan.namespace))
        glances = {name: Glance.at(self._sites.get(name), places) for name, places in wanted.items()}
        found = [self._sighting(glances[target.cluster], plan, target) for plan, target in plans]
        sightings: dict[str, dict[int, Sighting]] = {name: {} for name in wanted}
        for (plan, target), sighting in zip(plans, found, strict=True):
            sightings[target.cluster][id(plan)] = sighting
        self._sightings.update(sightings)
        return [sighting.weights for sighting in found]

    def patch(self, plan: Plan, target: Target) -> Route:
        """Send the plan's patch and return the route as the server answered.

        Raises Conflict when a test failed, the object changed or is gone (nothing written), UnknownOutcome (an
        Unavailable) when nobody knows whether it was written, Unavailable when it was not, Refused when the server does
        not accept the object. ValueError for a plan that changes nothing. The arms carry no `version`, and only owners
        that the object itself names are known: nothing more is asked of the server after a write.
        """
        if not plan.changes:
            raise ValueError(f"the plan for {plan.label} changes nothing")
        operations = [operation.as_json() for operation in plan.patch]
        site = self._site(target.cluster)
        obj = site.client.patch(_resource(plan), plan.namespace, plan.name, operations)
        if obj is None:
            raise Conflict(f"{plan.label} is gone; nothing was written.", hint="Look at the service's status.")
        site.wrote(_resource(plan), obj)
        try:
            route = _rule(obj, plan)
        except Refused as refused:
            said = f"{plan.label} was written and cannot be read: {refused.message}"
            raise UnknownOutcome(said, hint=refused.hint) from refused
        if route is None:
            raise UnknownOutcome(f"The API server's answer does not show {plan.label}.", hint="Look at its status.")
        return route

    def ready(self, arm: Arm, target: Target) -> Ready:
        """Count the ready endpoints that serve the arm: pods of its subset, or endpoints of its Service.

        Raises Unavailable; Refused when there is no telling, which is not the same as none.
        """
        site = self._site(target.cluster)
        with suppress(Refused):
            ready = count_ready(Look(site), arm, target)
            if ready.count:
                return ready
        return count_ready(Look(site, truly=True), arm, target)

    def _sighting(self, glance: Glance | None, plan: Plan, target: Target) -> Sighting:
        """Return what a glance shows of a planned route: as at the last one, where the object is the same."""
        obj = glance and glance.find(_api(plan), plan.namespace, plan.name)
        if not obj:
            return Sighting(plan)
        former, version = self._sightings.get(target.cluster, {}).get(id(plan)), version_of(obj)
        if former and former.version and former.version == version:
            return former
        return Sighting(plan, version, _seen(obj, plan))

    def _site(self, cluster: str) -> Site:
        if cluster not in self._sites:
            names = tuple(sorted(self._sites))
            raise NotFound(f"No cluster is called {cluster!r}.", hint=f"There is {', '.join(names)}.", choices=names)
        return self._sites[cluster]


def _failure(site: Site) -> Unavailable | None:
    try:
        site.discover()
    except Unavailable as error:
        return error
    return None


def _names(look: Look, target: Target) -> list[str]:
    look.ask([(api, target.namespace) for api in ROUTING_APIS])
    names = (api.names(obj) for api in ROUTING_APIS for obj in look.listing(api, target.namespace).sure())
    return sorted(set().union(*names))


def _look_around(look: Look, plan: Plan, target: Target) -> None:
    """Ask for what a route is completed with, as far as that is known before the route is."""
    rules: list[Place] = [(DESTINATION_RULE, target.namespace)] if plan.group == DESTINATION_RULE.group else []
    look.ask([*rules, (ROLLOUT, plan.namespace), (CANARY, plan.namespace)])


def _api(plan: Plan) -> RoutingApi:
    return next(api for api in ROUTING_APIS if (api.kind, api.group) == (plan.kind, plan.group))


def _seen(obj: Object, plan: Plan) -> Weights | None:
    try:
        route = _rule(obj, plan)
    except Refused:
        return None
    return route.weights if route else None


def _rule(obj: Object, plan: Plan) -> Route | None:
    routes = _api(plan).read(obj)
    planned = _planned(plan)
    found = next((route for route in routes if route.rule == plan.rule), None)
    if found or plan.rule:
        # What has its label by now may be another rule, of another service. A touch tests nothing of the rule.
        return found if found and planned in (set(), _sent(found.arms)) else None
    # It was the only rule, so it had no label; beside new ones it has. The one that sends where it sent is it.
    same = [route for route in routes if _sent(route.arms) == planned]
    return same[0] if len(same) == 1 else None


def _sent(arms: Sequence[Arm]) -> set[tuple[str, str]]:
    return {(_in_rule(pointer), str(value)) for arm in arms for pointer, value in arm.identity}


def _planned(plan: Plan) -> set[tuple[str, str]]:
    tests = (one for one in plan.patch if one.op == "test" and one.path.startswith("/spec/"))
    return {(_in_rule(one.path), str(one.value)) for one in tests if not one.path.endswith("/weight")}


def _in_rule(pointer: str) -> str:
    """Leave out in which list and at which place a rule stands."""
    return "/".join(pointer.split("/")[4:])


def _resource(plan: Plan) -> Resource:
    return Resource(plan.group, plan.version, plan.plural, plan.kind)
