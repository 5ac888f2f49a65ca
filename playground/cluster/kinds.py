"""The kinds the stand-in cluster serves: one row each. A new kind is a new row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

_VERSION = re.compile(r"^v(\d+)(?:(alpha|beta)(\d+))?$")
_STAGES = {None: 2, "beta": 1, "alpha": 0}


@dataclass(frozen=True)
class Kind:
    """One resource of the API."""

    group: str
    """API group, "" for the core group."""
    plural: str
    """The word in the path, e.g. virtualservices."""
    kind: str
    """The word in `kind:`, e.g. VirtualService."""
    versions: tuple[str, ...]
    """Versions it is served under; the same object is shown under each, only apiVersion is rewritten."""
    short: tuple[str, ...] = ()
    """kubectl's abbreviations."""
    namespaced: bool = True
    """False for kinds that live beside namespaces."""
    builtin: bool = False
    """True for kinds compiled into a real API server: they take strategic merge patches and unconditional updates."""
    deletes_to_object: bool = False
    """True when DELETE answers with the object that was there instead of a Status."""
    in_all: bool = False
    """True when `kubectl get all` shows it."""
    status: bool = False
    """True when `/status` is a subresource: then the main resource ignores status and `/status` ignores the rest."""

    @property
    def counts(self) -> bool:
        """Tell whether objects of this kind have a generation: all but those of the core group, and among them pods."""
        return bool(self.group) or self.plural == "pods"

    @property
    def qualified(self) -> str:
        """The name used in error messages, e.g. virtualservices.networking.istio.io."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def api_version(self, version: str) -> str:
        """Return what stands in `apiVersion:` for this version."""
        return f"{self.group}/{version}" if self.group else version


_ISTIO = ("v1", "v1beta1", "v1alpha3")
_ISTIO_SECURITY = ("v1", "v1beta1")
_SMI = ("v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1")
_GATEWAY = ("v1", "v1beta1")

KINDS: tuple[Kind, ...] = (
    Kind(
        "",
        "namespaces",
        "Namespace",
        ("v1",),
        ("ns",),
        namespaced=False,
        builtin=True,
        deletes_to_object=True,
        status=True,
    ),
    Kind("", "services", "Service", ("v1",), ("svc",), builtin=True, in_all=True, deletes_to_object=True, status=True),
    Kind("", "pods", "Pod", ("v1",), ("po",), builtin=True, in_all=True, deletes_to_object=True, status=True),
    Kind("", "events", "Event", ("v1",), ("ev",), builtin=True),
    Kind("discovery.k8s.io", "endpointslices", "EndpointSlice", ("v1",), builtin=True),
    Kind("apps", "deployments", "Deployment", ("v1",), ("deploy",), builtin=True, in_all=True, status=True),
    Kind("networking.istio.io", "virtualservices", "VirtualService", _ISTIO, ("vs",), status=True),
    Kind("networking.istio.io", "destinationrules", "DestinationRule", _ISTIO, ("dr",), status=True),
    Kind("networking.istio.io", "gateways", "Gateway", _ISTIO, ("gw",), status=True),
    Kind("security.istio.io", "peerauthentications", "PeerAuthentication", _ISTIO_SECURITY, ("pa",), status=True),
    Kind("security.istio.io", "authorizationpolicies", "AuthorizationPolicy", _ISTIO_SECURITY, ("ap",), status=True),
    Kind("split.smi-spec.io", "trafficsplits", "TrafficSplit", _SMI, ("ts",)),
    Kind("gateway.networking.k8s.io", "httproutes", "HTTPRoute", _GATEWAY, status=True),
    Kind("gateway.networking.k8s.io", "gateways", "Gateway", _GATEWAY, ("gtw",), status=True),
    Kind("gateway.networking.k8s.io", "grpcroutes", "GRPCRoute", ("v1",), status=True),
    Kind("flagger.app", "canaries", "Canary", ("v1beta1",), in_all=True, status=True),
    Kind("argoproj.io", "rollouts", "Rollout", ("v1alpha1",), ("ro",), status=True),
    Kind("linkerd.io", "serviceprofiles", "ServiceProfile", ("v1alpha2",), ("sp",)),
)


def version_order(version: str) -> tuple[int, int, int]:
    """Return a key that sorts versions as API discovery does when reversed: v1 before v1beta1 before v1alpha3."""
    match = _VERSION.match(version)
    if match is None:
        return (-1, 0, 0)
    return (_STAGES[match[2]], int(match[1]), int(match[3] or 0))


def group_versions(kinds: Iterable[Kind]) -> dict[str, list[str]]:
    """Return every group with its versions, the preferred one first; the core group is the key ""."""
    found: dict[str, set[str]] = {}
    for kind in kinds:
        found.setdefault(kind.group, set()).update(kind.versions)
    return {group: sorted(versions, key=version_order, reverse=True) for group, versions in found.items()}


def serving(kinds: Sequence[Kind], versions: Mapping[str, Sequence[str]]) -> tuple[Kind, ...]:
    """Return `kinds` with other served versions for the qualified names given.

    For example {"trafficsplits.split.smi-spec.io": ["v1alpha2"]}; an empty list stops serving that kind.
    Raises ValueError when a name is not in the table.
    """
    unknown = set(versions) - {kind.qualified for kind in kinds}
    if unknown:
        raise ValueError(f"no such kind: {sorted(unknown)}; use one of {[kind.qualified for kind in kinds]}")
    changed = (replace(kind, versions=tuple(versions.get(kind.qualified, kind.versions))) for kind in kinds)
    return tuple(kind for kind in changed if kind.versions)
