"""Rollout controllers by their own objects: whose weights they move, how far they are, how to ask them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from mesh.domain.routes import Owner, Route
from workers.cluster.owners import ARGO_ROLLOUTS, FLAGGER
from workers.cluster.resources import KnownKind
from workers.cluster.routing import Object, namespace_of, spec, title

ROLLOUT = KnownKind(kind="Rollout", group="argoproj.io", versions=("v1alpha1",), plural="rollouts")
CANARY = KnownKind(kind="Canary", group="flagger.app", versions=("v1beta1",), plural="canaries")

# Which API a Canary's `spec.provider` writes (NewMeshRouter of Flagger's pkg/router/factory.go).
_PROVIDERS = (
    ("istio", ("VirtualService",)),
    ("linkerd", ("TrafficSplit",)),
    ("osm", ("TrafficSplit",)),
    ("smi:", ("TrafficSplit",)),
    ("gatewayapi:", ("HTTPRoute",)),
)


@dataclass(frozen=True)
class Controllers:
    """The Rollouts and Canaries that can own some routes."""

    rollouts: tuple[Object, ...] = ()
    canaries: tuple[Object, ...] = ()
    unread: tuple[str, ...] = ()
    """Why some could not be read; said with every route, for ownership is then not certain."""

    def known(self, obj: Object, route: Route) -> Route:
        """Return the route of `obj` with its owner, that one's state and advice, and what could not be read."""
        unread = (f"Whether it has an owner, and how far that is, is not known: {why}" for why in self.unread)
        return replace(route, owner=self._owner(obj, route), warnings=(*route.warnings, *unread))

    def _owner(self, obj: Object, route: Route) -> Owner | None:
        former = route.owner
        for rollout in self.rollouts:
            if _moves(rollout, obj, route) or (former and former.name == title(rollout)):
                return Owner(ARGO_ROLLOUTS, title(rollout), _rollout_state(rollout), _rollout_advice(rollout))
        for canary in self.canaries:
            if _generates(canary, obj) or (former and former.name == title(canary)):
                return Owner(FLAGGER, title(canary), _canary_state(canary), _canary_advice(canary))
        return former


# --- Argo Rollouts --------------------------------------------------------------------------------------------------


def _moves(rollout: Object, obj: Object, route: Route) -> bool:
    """Tell whether the Rollout's `trafficRouting` names the object, and this rule of it where it names rules."""
    canary = (spec(rollout).get("strategy") or {}).get("canary") or {}
    routing = canary.get("trafficRouting") or {}
    here = (obj["kind"], namespace_of(obj), obj["metadata"]["name"])
    for kind, namespace, name, rules in (*_istio(rollout, routing), *_smi(rollout, routing)):
        if here == (kind, namespace, name) and (not rules or _rule_name(obj, route) in rules):
            return True
    return any(_plugged(rollout, plugin, obj) for plugin in (routing.get("plugins") or {}).values())


def _rule_name(obj: Object, route: Route) -> str:
    """Return the rule's own name: its selectors leave out what another rule answers to as well."""
    _, _, protocol, place, *_ = route.arms[0].pointer.split("/")
    return str(spec(obj)[protocol][int(place)].get("name") or "")


_Named = tuple[str, str, str, tuple[str, ...]]
"""(kind, namespace, name, names of the rules; none means every rule)."""


def _istio(rollout: Object, routing: Object) -> Iterator[_Named]:
    istio = routing.get("istio") or {}
    for one in (istio.get("virtualService"), *(istio.get("virtualServices") or [])):
        if one:
            # `name` or `name.namespace` (GetVirtualServiceNamespaceName of Argo Rollouts).
            name, namespace, *_ = (*str(one.get("name", "")).split("."), "")
            connections = one.get("tlsRoutes") or one.get("tcpRoutes")
            rules = () if connections else tuple(one.get("routes") or ())
            yield "VirtualService", namespace or namespace_of(rollout), name, rules


def _smi(rollout: Object, routing: Object) -> Iterator[_Named]:
    smi = routing.get("smi")
    if smi is not None:
        # A split without a name is called like the Rollout.
        name = smi.get("trafficSplitName") or rollout["metadata"]["name"]
        yield "TrafficSplit", namespace_of(rollout), name, ()


def _plugged(rollout: Object, plugin: Any, obj: Object) -> bool:
    """Tell whether the settings of the Gateway API plugin, whatever it is registered as, name the object."""
    word = {"HTTPRoute": "httpRoute", "GRPCRoute": "grpcRoute"}.get(obj["kind"])
    if word is None or not isinstance(plugin, dict):
        return False
    if (plugin.get("namespace") or namespace_of(rollout)) != namespace_of(obj):
        return False
    named = {plugin.get(word), *(one.get("name") for one in plugin.get(f"{word}s") or [])}
    return obj["metadata"]["name"] in named or _selects(plugin.get(f"{word}Selector"), obj["metadata"].get("labels"))


def _selects(selector: Object | None, labels: dict[str, str] | None) -> bool:
    """Tell whether a label selector means an object with these labels; an absent one means none."""
    if selector is None:
        return False
    having = labels or {}
    if not (selector.get("matchLabels") or {}).items() <= having.items():
        return False
    return all(_fits(rule, having) for rule in selector.get("matchExpressions") or [])


def _fits(rule: Object, labels: dict[str, str]) -> bool:
    value, values = labels.get(rule.get("key", "")), rule.get("values") or []
    return {
        "In": value is not None and value in values,
        "NotIn": value is None or value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }.get(rule.get("operator", ""), True)


def _rollout_state(rollout: Object) -> str:
    status = rollout.get("status") or {}
    steps = ((spec(rollout).get("strategy") or {}).get("canary") or {}).get("steps") or []
    weights = (status.get("canary") or {}).get("weights") or {}
    index = status.get("currentStepIndex")
    return _words(
        status.get("phase"),
        "aborted" if status.get("abort") else None,
        "paused" if _is_paused(rollout) and status.get("phase") != "Paused" else None,
        f"step {min(index + 1, len(steps))} of {len(steps)}" if isinstance(index, int) and steps else None,
        _said("canary weight", (weights.get("canary") or {}).get("weight")),
        status.get("message"),
    )


def _is_paused(rollout: Object) -> bool:
    return bool(spec(rollout).get("paused") or (rollout.get("status") or {}).get("pauseConditions"))


def _rollout_advice(rollout: Object) -> tuple[str, ...]:
    """Commands of Argo Rollouts' kubectl plugin."""
    which = f"{rollout['metadata']['name']} -n {namespace_of(rollout)}"
    return tuple(f"kubectl argo rollouts {verb} {which}" for verb in ("promote", "pause", "abort", "undo"))


# --- Flagger --------------------------------------------------------------------------------------------------------


def _generates(canary: Object, obj: Object) -> bool:
    """Tell whether Flagger makes the object for this Canary: it has the name of the apex service.

    That is `spec.service.name`, else the target's name (GetServiceNames of Flagger's API). Without `spec.provider` its
    own setting decides, which is not seen here: any of the kinds may be meant.
    """
    service, target = spec(canary).get("service") or {}, spec(canary).get("targetRef") or {}
    apex = service.get("name") or target.get("name")
    same = (namespace_of(canary), apex) == (namespace_of(obj), obj["metadata"]["name"])
    return same and obj["kind"] in _kinds(str(spec(canary).get("provider") or ""))


def _kinds(provider: str) -> tuple[str, ...]:
    if not provider:
        return ("VirtualService", "TrafficSplit", "HTTPRoute")
    return next((kinds for prefix, kinds in _PROVIDERS if provider.startswith(prefix)), ())


def _canary_state(canary: Object) -> str:
    status = canary.get("status") or {}
    return _words(
        status.get("phase"),
        "suspended" if spec(canary).get("suspend") else None,
        _said("canary weight", status.get("canaryWeight")),
        _said("failed checks", status.get("failedChecks") or None),
    )


def _canary_advice(canary: Object) -> tuple[str, ...]:
    """Flagger has no command of its own: its Canary is patched, and its gates are opened where it has some."""
    name, namespace = canary["metadata"]["name"], namespace_of(canary)
    patch = f"kubectl patch canary {name} -n {namespace} --type merge -p "
    changes = ({"skipAnalysis": True}, {"suspend": True})
    patches = (f"{patch}'{json.dumps({'spec': change})}'" for change in changes)
    return (*patches, *_gates(canary, json.dumps({"name": name, "namespace": namespace})))


def _gates(canary: Object, body: str) -> Iterator[str]:
    """Yield how to open the gates of Flagger's load tester (its documentation, "Manual Gating")."""
    analysis = spec(canary).get("analysis") or {}
    for hook in analysis.get("webhooks") or []:
        url = str(hook.get("url", ""))
        if hook.get("type") in ("rollback", "confirm-promotion") and url.endswith("/check"):
            yield f"curl -d '{body}' {url.removesuffix('check')}open"


def _words(*words: str | None) -> str:
    return ", ".join(filter(None, words))


def _said(what: str, value: Any) -> str | None:
    return None if value is None else f"{what} {value}"


def controllers(rollouts: Iterable[Object], canaries: Iterable[Object], unread: Iterable[str]) -> Controllers:
    """Collect what was read of several namespaces; each reason is kept once."""
    return Controllers(tuple(rollouts), tuple(canaries), tuple(dict.fromkeys(unread)))
