"""What HTTPRoute and GRPCRoute of the Gateway API (gateway.networking.k8s.io) have in common: `rules[].backendRefs`.

Weights are relative, 0 to 1000000; an absent one counts as 1, and a lone backend with weight 0 gets nothing
(BackendRef in the Gateway API reference). A parent of kind Service makes it a mesh route (GAMMA), a Gateway parent an
ingress route.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mesh.domain.commands import Target
from mesh.domain.routes import Arm, Route
from workers.cluster.backendnames import is_version, services_of
from workers.cluster.parents import (
    GROUP,
    is_gateway,
    parent_refs,
    parent_service,
    parent_warnings,
    parents_of,
    unpermitted,
)
from workers.cluster.routing import (
    BEHIND,
    OR,
    Claim,
    Object,
    RoutingApi,
    ServiceName,
    distinct,
    identity,
    namespace_of,
    route_of,
    rule_names,
    service_of,
    spec,
    title,
    weight_of,
)

Conditions = Callable[[Object], Iterable[str]]
"""What one match of a rule asks for, in short pieces: `prefix:/v2`, `header:end-user=jason`."""

_IDENTITY = ("name", "namespace", "port", "kind", "group")
_ABSENT = 1
_MOST = 1_000_000
_STICKY = "This rule keeps sessions with their backend: its weights move new sessions only."


def gateway_api(kind: str, plural: str, *, versions: tuple[str, ...], conditions: Conditions) -> RoutingApi:
    """Return the row of one kind of route; kinds differ in what the matches of a rule can ask for."""

    def read(obj: Object) -> list[Route]:
        return _read(obj, plural, conditions)

    return RoutingApi(
        kind=kind, group=GROUP, versions=versions, plural=plural, read=read, claim=_claim, owns=_owns, names=_names
    )


def text(match: Object, value: str) -> str:
    """Return what a match of a text asks for: `jason`, or `~ja.*` for a regular expression."""
    return f"~{value}" if match.get("type") == "RegularExpression" else value


def named(word: str, matches: Iterable[Object]) -> list[str]:
    """Return `word:name=value` for each header or parameter, sorted: their order means nothing."""
    return sorted(f"{word}:{one.get('name', '')}={text(one, one.get('value', ''))}" for one in matches)


def _read(obj: Object, plural: str, conditions: Conditions) -> list[Route]:
    """Return one Route for each rule with backends; a redirecting rule has none."""
    rules = _rules(obj)
    names = rule_names("rules", rules, lambda rule: _description(rule, conditions))
    parents, warnings = parents_of(obj), (*parent_warnings(obj, _abroad(obj)), *_consumer(obj))
    return [
        route_of(
            obj,
            plural,
            name,
            _arms(obj, rule, index),
            parents=parents,
            warnings=(*warnings, *_rule_warnings(rule), *_behind(rule, rules[:index], conditions)),
        )
        for index, (rule, name) in enumerate(zip(rules, names, strict=True))
        if rule.get("backendRefs")
    ]


def _claim(obj: Object, target: Target) -> Claim:
    """Claim by a parent of kind Service; under a Gateway, weighted rules by the names of their backends."""
    if (target.service, target.namespace) in _parent_services(obj):
        return Claim.ALL
    return Claim.OWN if _has_gateway(obj) else Claim.NONE


def _owns(arms: Sequence[Arm], target: Target) -> bool:
    """Tell whether every backend is a version of the service by its name, and lives in its namespace."""
    return all(arm.namespace == target.namespace and is_version(arm.service, target.service) for arm in arms)


def _names(obj: Object) -> set[str]:
    """Return the parent services; under a Gateway, what the backends of a rule are versions of."""
    namespace = namespace_of(obj)
    found = {name for name, where in _parent_services(obj) if where == namespace}
    if _has_gateway(obj):
        for rule in _rules(obj):
            backends = [_service(ref, namespace) for ref in _refs(rule)]
            if all(where == namespace for _, where in backends):
                found |= services_of([name for name, _ in backends])
    return found


def _rules(obj: Object) -> list[Object]:
    rules: list[Object] = spec(obj).get("rules") or []
    return rules


def _refs(rule: Object) -> list[Object]:
    refs: list[Object] = rule.get("backendRefs") or []
    return refs


def _parent_services(obj: Object) -> set[ServiceName]:
    found = (parent_service(ref, namespace_of(obj)) for ref in parent_refs(obj))
    return set(filter(None, found))


def _has_gateway(obj: Object) -> bool:
    return any(is_gateway(ref) for ref in parent_refs(obj))


def _abroad(obj: Object) -> set[str]:
    """Return the other namespaces that the backends live in."""
    return {ref.get("namespace") or "" for rule in _rules(obj) for ref in _refs(rule)} - {"", namespace_of(obj)}


def _consumer(obj: Object) -> tuple[str, ...]:
    """Warn of a mesh route that lives elsewhere than its Service ("consumer route" in ParentReference's reference)."""
    namespace = namespace_of(obj)
    away = sorted(f"{where}/{name}" for name, where in _parent_services(obj) if where != namespace)
    if not away:
        return ()
    return (f"{title(obj)} directs callers in namespace {namespace} only, not the others of {', '.join(away)}.",)


def _rule_warnings(rule: Object) -> tuple[str, ...]:
    return (_STICKY,) if rule.get("sessionPersistence") else ()


def _behind(rule: Object, earlier: Sequence[Object], conditions: Conditions) -> tuple[str, ...]:
    """Warn of a rule whose matches all stand above it: of equal ones the first counts (HTTPRouteRule.matches)."""
    taken = {match for one in earlier for match in _matches(one, conditions)}
    return (BEHIND,) if taken.issuperset(_matches(rule, conditions)) else ()


def _matches(rule: Object, conditions: Conditions) -> set[tuple[str, ...]]:
    return {tuple(conditions(match)) for match in rule.get("matches") or [{}]}


def _description(rule: Object, conditions: Conditions) -> tuple[str, ...]:
    """Return what the rule matches, with `OR` between its matches; nothing for a rule that matches all.

    Matches are sorted: any of them is enough, so their order means nothing.
    """
    first, *others = sorted(_matches(rule, conditions))
    if not first:
        return ()
    return (*first, *(piece for other in others for piece in (OR, *other)))


def _arms(obj: Object, rule: Object, place: int) -> list[Arm]:
    refs = _refs(rule)
    names = distinct([_candidates(ref) for ref in refs])
    return [_arm(obj, ref, name, (place, index)) for index, (ref, name) in enumerate(zip(refs, names, strict=True))]


def _arm(obj: Object, ref: Object, name: str, place: tuple[int, int]) -> Arm:
    weight = weight_of(ref, f"{title(obj)} spec.rules[{place[0]}].backendRefs[{place[1]}]")
    pointer = f"/spec/rules/{place[0]}/backendRefs/{place[1]}"
    service, namespace = _service(ref, namespace_of(obj))
    return Arm(
        name=name,
        weight=weight,
        effective=_ABSENT if weight is None else weight,
        absent=_ABSENT,
        most=_MOST,
        unpermitted=unpermitted(obj) if namespace not in ("", namespace_of(obj)) else "",
        pointer=f"{pointer}/weight",
        identity=identity(ref, pointer, _IDENTITY),
        service=service,
        namespace=namespace,
    )


def _service(ref: Object, namespace: str) -> ServiceName:
    """Return the backend's Service; ("", "") for backends of another kind."""
    name = ref.get("name", "")
    if ref.get("kind", "Service") != "Service" or ref.get("group", "") not in ("", "core") or "." in name:
        return "", ""
    return service_of(name, ref.get("namespace") or namespace) or ("", "")


def _candidates(ref: Object) -> tuple[str, ...]:
    name, namespace, port = ref.get("name", ""), ref.get("namespace", ""), ref.get("port", "")
    full = f"{name}.{namespace}" if namespace else name
    return name, full, f"{name}:{port}", f"{full}:{port}", f"{ref.get('kind', 'Service')}/{full}:{port}"
