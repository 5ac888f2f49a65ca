"""Counting who is ready to serve an arm, as the mesh sees it: by the EndpointSlices of its Service."""

from __future__ import annotations

from functools import partial

from mesh.domain.commands import Target
from mesh.domain.errors import NotFound, Refused
from mesh.domain.routes import Arm
from mesh.ports import Ready
from workers.cluster.endpoints import ready_endpoints, ready_pods
from workers.cluster.finding import destination_rules, rule_places
from workers.cluster.looking import Look
from workers.cluster.resources import ENDPOINT_SLICES, PODS, SERVICES, Resource
from workers.cluster.routing import Object, spec, title
from workers.cluster.subsets import DestinationRules
from workers.cluster.together import all_three


def count_ready(look: Look, arm: Arm, target: Target) -> Ready:
    """Count the ready endpoints that serve the arm; raise Unavailable, or Refused where there is no telling.

    One round trip. For a subset two, unless the labels of its pods can be guessed: its DestinationRules are watched,
    and its Service was read before. Only a look that is taken truly can say that nobody is ready, or why.
    """
    if not arm.service:
        raise Refused(
            f"{arm.name} is not a Service of cluster {target.cluster}, so its endpoints cannot be counted.",
            hint="Only Services of the mesh can be checked; what lies outside it (ServiceEntry) cannot.",
        )
    guess = _guess(look, arm, target)
    service, slices, guessed = all_three(
        partial(_service, look, arm),
        partial(_listed, look, ENDPOINT_SLICES, arm, _of_service(arm)),
        partial(_listed, look, PODS, arm, _in_words(guess, ",")) if guess else partial(_list_rules, look, arm, target),
    )
    if not arm.subset:
        return _of_whole(arm, service, slices)
    rules = destination_rules(look, [arm], target)
    labels = _pod_labels(arm, _selector(service, arm), rules)
    pods = guessed if labels == guess else _listed(look, PODS, arm, _in_words(labels, ","))
    ready = ready_pods(pods, slices)
    return Ready(ready, "" if ready else _why_none(arm, pods, labels, rules))


def _guess(look: Look, arm: Arm, target: Target) -> dict[str, str] | None:
    """Return the labels of the subset's pods where they can be told without asking anybody, else None."""
    selector = look.site.selectors.get((arm.namespace, arm.service))
    if not arm.subset or not selector or not look.knows(rule_places([arm], target)):
        return None
    labels = destination_rules(look, [arm], target).labels(arm)
    return None if labels is None else dict(sorted({**selector, **labels}.items()))


def _list_rules(look: Look, arm: Arm, target: Target) -> list[Object]:
    """List them while other things are asked for; no pods come of it."""
    look.ask(rule_places([arm], target) if arm.subset else [])
    return []


def _service(look: Look, arm: Arm) -> Object | None:
    service = look.site.client.read(SERVICES, arm.namespace, arm.service)
    look.site.selectors[arm.namespace, arm.service] = spec(service or {}).get("selector") or {}
    return service


def _listed(look: Look, resource: Resource, arm: Arm, labels: str) -> list[Object]:
    # Pods start and end without waiting for us: what the server has in memory is what the mesh knows of them, too.
    return look.site.client.objects(resource, arm.namespace, labels=labels, cached=not look.truly) or []


def _of_service(arm: Arm) -> str:
    # The label that binds a slice to its Service (EndpointSlice reference).
    return f"kubernetes.io/service-name={arm.service}"


def _selector(service: Object | None, arm: Arm) -> dict[str, str]:
    """Return which pods the Service selects; raise where a Service has no endpoints of its own to share traffic."""
    where = f"Service {arm.namespace}/{arm.service}"
    if service is None:
        raise NotFound(
            f"{where} of arm {arm.name} does not exist.",
            hint="Create it, or correct the destination in the route. Hosts of a ServiceEntry cannot be counted.",
        )
    if spec(service).get("type") == "ExternalName":
        raise Refused(
            f"{where} is another name (ExternalName) for {spec(service).get('externalName', 'something')}, so it has "
            "no endpoints to count.",
            hint="Send the arm to a Service with pods.",
        )
    if spec(service).get("clusterIP") == "None":
        raise Refused(
            f"{where} is headless (spec.clusterIP is None): callers choose a pod by themselves, so how many share the "
            "arm's traffic cannot be said.",
            hint="Send the arm to a Service with a cluster IP.",
        )
    selector: dict[str, str] = spec(service).get("selector") or {}
    return selector


def _of_whole(arm: Arm, service: Object | None, slices: list[Object]) -> Ready:
    # What the slices say is what the mesh sends to, whoever wrote them.
    selector = {} if slices and service is None else _selector(service, arm)
    where = f"Service {arm.namespace}/{arm.service}"
    if not selector and not slices:
        raise Refused(
            f"{where} has no spec.selector and nobody wrote EndpointSlices for it, so its endpoints cannot be counted.",
            hint="Give the Service a selector.",
        )
    ready = ready_endpoints(slices)
    why = f"{where} has no ready endpoint: start pods that its spec.selector means ({_in_words(selector)}), or mend it."
    return Ready(ready, "" if ready else why)


def _pod_labels(arm: Arm, selector: dict[str, str], rules: DestinationRules) -> dict[str, str]:
    """Return the labels of the pods behind a subset: the Service's selector and the subset's labels."""
    if not selector:
        raise Refused(
            f"Service {arm.namespace}/{arm.service} selects no pods (it has no spec.selector), so those of subset "
            f"{arm.subset} cannot be counted.",
            hint="Give the Service a selector.",
        )
    labels = rules.labels(arm)
    if labels is None:
        raise rules.undefined(arm)
    clashes = sorted(key for key in selector.keys() & labels.keys() if selector[key] != labels[key])
    if clashes:
        raise Refused(
            f"Subset {arm.subset} and the selector of Service {arm.namespace}/{arm.service} contradict each other on "
            f"the label {', '.join(clashes)}: no pod can be in it.",
            hint=f"Mend {_field(arm, rules)}, or spec.selector of the Service.",
        )
    return dict(sorted({**selector, **labels}.items()))


def _why_none(arm: Arm, pods: list[Object], labels: dict[str, str], rules: DestinationRules) -> str:
    said = _in_words(labels)
    if pods:
        return f"{len(pods)} of the pods carry the labels of subset {arm.subset} ({said}), and none of them is ready."
    return (
        f"No pod in namespace {arm.namespace} carries the labels of subset {arm.subset} ({said}): deploy that version, "
        f"or mend {_field(arm, rules)}."
    )


def _in_words(labels: dict[str, str], between: str = ", ") -> str:
    return between.join(f"{key}={value}" for key, value in labels.items())


def _field(arm: Arm, rules: DestinationRules) -> str:
    """Return which field gives the subset its labels, e.g. `spec.subsets[1].labels of DestinationRule shop/api`."""
    labels = rules.labels(arm)
    for rule in rules.speaking(arm):
        for index, subset in enumerate(spec(rule).get("subsets") or []):
            if subset.get("name") == arm.subset and dict(subset.get("labels") or {}) == labels:
                return f"spec.subsets[{index}].labels of {title(rule)}"
    return "its DestinationRule"
