"""`mesh.ports.Cluster` over the configured clusters: finds routes, patches one, counts who is ready."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from mesh.domain.commands import Target
from mesh.domain.errors import Conflict, NotFound, Refused, Unavailable
from mesh.domain.plans import Plan
from mesh.domain.routes import Arm, Route
from workers.cluster.endpoints import ready_endpoints, ready_pods
from workers.cluster.faults import UnknownOutcome
from workers.cluster.resources import ENDPOINT_SLICES, PODS, SERVICES, Resource
from workers.cluster.routing import Object
from workers.cluster.served import Served, Wanted
from workers.cluster.subsets import DESTINATION_RULE, DestinationRules, version_of
from workers.cluster.table import ROUTING_APIS


class Client(Protocol):
    """One cluster's objects: `KubernetesClient`, or dicts in memory."""

    def discover(self) -> Served:
        """Return what the cluster serves; raise Unavailable."""

    def objects(self, resource: Resource, namespace: str, *, labels: str = "") -> list[Object] | None:
        """Return the objects that carry `labels`; None when the kind is not served."""

    def read(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """Return one object; None when there is none."""

    def patch(self, resource: Resource, namespace: str, name: str, operations: list[dict[str, Any]]) -> Object | None:
        """Send a JSON patch; None when there is nothing to patch. Raises Conflict, Refused, Unavailable."""


class KubernetesCluster:
    """Implements `mesh.ports.Cluster`.

    Discovery is kept as plain data, so a parent that calls `discover()` spares its forks the asking.
    """

    def __init__(self, clients: Mapping[str, Client]) -> None:
        """Take one client for each configured cluster, by the cluster's name."""
        self._clients = dict(clients)
        self._served: dict[str, Served] = {}

    def discover(self) -> None:
        """Ask every cluster what it serves; when some do not answer, learn the others first and raise Unavailable."""
        failure: Unavailable | None = None
        for name, client in self._clients.items():
            try:
                self._served[name] = client.discover()
            except Unavailable as error:
                failure = error
        if failure is not None:
            raise failure

    def routes(self, target: Target) -> list[Route]:
        """Return every route that names the service, weighted or not.

        Raises Unavailable; Refused when a right is missing, or when one of the service's routes cannot be read.
        """
        known = target.cluster in self._served
        found = self._speaking(target)
        if not found and known:
            # A kind installed since discovery would look like a service without routes.
            del self._served[target.cluster]
            found = self._speaking(target)
        return self._with_versions(found, target)

    def services(self, target: Target) -> list[str]:
        """Return the names of services that routes of the namespace name, sorted."""
        found = (api.names(obj) for api in ROUTING_APIS for obj in self._objects(target.cluster, api, target.namespace))
        return sorted(set().union(*found))

    def reread(self, plan: Plan, target: Target) -> Route | None:
        """Read the planned route again; None when it is gone (also when its rule has another label now).

        An object that was deleted and made anew under the same name is returned: compare `uid`.
        """
        obj = self._client(target.cluster).read(_resource(plan), plan.namespace, plan.name)
        if obj is None:
            return None
        route = self._rule(obj, plan)
        return route and self._with_versions([route], target)[0]

    def patch(self, plan: Plan, target: Target) -> Route:
        """Send the plan's patch and return the route as the server answered.

        Raises Conflict when a test failed, the object changed or is gone (nothing written), UnknownOutcome (an
        Unavailable) when nobody knows whether it was written, Unavailable when it was not, Refused when the server does
        not accept the object. ValueError for a plan that changes nothing. The arms carry no `version`: nothing more is
        asked of the server after a write.
        """
        if not plan.changes:
            raise ValueError(f"the plan for {plan.label} changes nothing")
        operations = [operation.as_json() for operation in plan.patch]
        obj = self._client(target.cluster).patch(_resource(plan), plan.namespace, plan.name, operations)
        if obj is None:
            raise Conflict(f"{plan.label} is gone; nothing was written.", hint="Look at the service's status.")
        try:
            route = self._rule(obj, plan)
        except Refused as refused:
            said = f"{plan.label} was written and cannot be read: {refused.message}"
            raise UnknownOutcome(said, hint=refused.hint) from refused
        if route is None:
            raise UnknownOutcome(f"The API server's answer does not show {plan.label}.", hint="Look at its status.")
        return route

    def ready(self, arm: Arm, target: Target) -> int:
        """Count the ready endpoints that serve the arm: pods of its subset, or endpoints of its Service.

        Raises Unavailable; Refused when there is no telling, which is not the same as none.
        """
        client = self._client(target.cluster)
        if not arm.service:
            raise Refused(
                f"{arm.name} is not a Service of cluster {target.cluster}, so its endpoints cannot be counted.",
                hint="Only destinations that are Services of the mesh can be checked.",
            )
        if arm.subset:
            return ready_pods(client.objects(PODS, arm.namespace, labels=self._pod_labels(arm, target)) or ())
        selector = f"kubernetes.io/service-name={arm.service}"
        return ready_endpoints(client.objects(ENDPOINT_SLICES, arm.namespace, labels=selector) or ())

    def _speaking(self, target: Target) -> list[Route]:
        return [
            route
            for api in ROUTING_APIS
            for obj in self._objects(target.cluster, api, target.namespace)
            for route in api.speaking(obj, target)
        ]

    def _rule(self, obj: Object, plan: Plan) -> Route | None:
        api = next(api for api in ROUTING_APIS if (api.kind, api.group) == (plan.kind, plan.group))
        return next((route for route in api.read(obj) if route.rule == plan.rule), None)

    def _pod_labels(self, arm: Arm, target: Target) -> str:
        """Return the label selector of the pods behind a subset: the Service's selector and the subset's labels."""
        service = self._client(target.cluster).read(SERVICES, arm.namespace, arm.service)
        if service is None:
            raise NotFound(f"Service {arm.namespace}/{arm.service} of arm {arm.name} does not exist.")
        selector: dict[str, str] = (service.get("spec") or {}).get("selector") or {}
        if not selector:
            raise Refused(
                f"Service {arm.namespace}/{arm.service} selects no pods, so those of subset {arm.subset} "
                "cannot be counted.",
                hint="Give the Service a selector.",
            )
        labels = self._destination_rules([arm], target).labels(arm)
        if labels is None:
            raise _undefined(arm)
        clashes = sorted(key for key in selector.keys() & labels.keys() if selector[key] != labels[key])
        if clashes:
            raise Refused(
                f"Subset {arm.subset} and the selector of Service {arm.namespace}/{arm.service} contradict each other "
                f"on the label {', '.join(clashes)}: no pod can be in it.",
                hint="Mend the DestinationRule or the Service.",
            )
        return ",".join(f"{key}={value}" for key, value in sorted({**selector, **labels}.items()))

    def _with_versions(self, routes: list[Route], target: Target) -> list[Route]:
        """Fill in which version label stands behind each subset, for reading its metrics.

        Without DestinationRules the routes are still good: traffic must be able to go back, and gates will not guess.
        """
        arms = [arm for route in routes for arm in route.arms if arm.subset]
        if not arms:
            return routes
        try:
            rules = self._destination_rules(arms, target)
        except (Refused, Unavailable) as error:
            warning = f"The versions behind subsets are not known, so gates cannot pass: {error.message}"
            return [replace(route, warnings=(*route.warnings, warning)) for route in routes]
        return [replace(route, arms=tuple(_versioned(arm, rules) for arm in route.arms)) for route in routes]

    def _destination_rules(self, arms: Iterable[Arm], target: Target) -> DestinationRules:
        namespaces = sorted({target.namespace, *(arm.namespace for arm in arms if arm.namespace)})
        return DestinationRules.of(
            rule for namespace in namespaces for rule in self._objects(target.cluster, DESTINATION_RULE, namespace)
        )

    def _objects(self, cluster: str, wanted: Wanted, namespace: str) -> list[Object]:
        """List one kind; a kind that is served no longer under the known version is looked up once more."""
        client, served = self._client(cluster), self._discovered(cluster)
        resource = served.resource(wanted)
        found = client.objects(resource, namespace) if resource else []
        if found is None:
            del self._served[cluster]
            resource = self._discovered(cluster).resource(wanted)
            found = client.objects(resource, namespace) if resource else []
        return found or []

    def _discovered(self, cluster: str) -> Served:
        if cluster not in self._served:
            self._served[cluster] = self._client(cluster).discover()
        return self._served[cluster]

    def _client(self, cluster: str) -> Client:
        if cluster not in self._clients:
            names = tuple(sorted(self._clients))
            raise NotFound(f"No cluster is called {cluster!r}.", hint=f"There is {', '.join(names)}.", choices=names)
        return self._clients[cluster]


def _resource(plan: Plan) -> Resource:
    return Resource(plan.group, plan.version, plan.plural, plan.kind)


def _versioned(arm: Arm, rules: DestinationRules) -> Arm:
    return replace(arm, version=version_of(rules.labels(arm) or {})) if arm.subset else arm


def _undefined(arm: Arm) -> Refused:
    return Refused(
        f"Subset {arm.subset} is not defined by any DestinationRule for host {arm.service}.{arm.namespace}.",
        hint=f"Add subset {arm.subset} to the DestinationRule of {arm.service}; without it the mesh answers 503.",
    )
