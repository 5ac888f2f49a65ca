"""Services, pods and endpoints of the examples' workload, by hand: neither controllers nor kubelets run here."""

from __future__ import annotations

from tests.e2e.admin import Admin, Obj
from tests.e2e.objects import example, filled
from tests.workers.cluster.shapes import endpoint_slice, pod

NAMESPACE = "mesh-demo"
Pods = dict[str, int]
"""Version -> how many of its pods are ready."""
TWO_EACH: Pods = {"v1": 2, "v2": 2}


def apply_workload(admin: Admin, ready: Pods | None = None) -> None:
    """Apply the Service `api`, one for each version, their pods, and the slices that a controller would make of them.

    What was there of pods and slices under other names stays.
    """
    counts = TWO_EACH if ready is None else ready
    [api] = [obj for obj in example("app.yaml") if obj["kind"] == "Service"]
    admin.apply(api)
    names = {version: [f"api-{version}-{number}" for number in range(count)] for version, count in counts.items()}
    for version, pods in names.items():
        admin.apply(_versioned(api, version))
        for name in pods:
            admin.apply(placed(pod(name, labels={"app": "api", "version": version}, namespace=NAMESPACE)))
        admin.apply(_slice(f"api-{version}", pods))
    admin.apply(_slice("api", [name for pods in names.values() for name in pods]))


def _versioned(service: Obj, version: str) -> Obj:
    spec = service["spec"] | {"selector": {"app": "api", "version": version}}
    return service | {"metadata": {"name": f"api-{version}", "namespace": NAMESPACE}, "spec": spec}


def _slice(service: str, pods: list[str]) -> Obj:
    found = [
        {
            "addresses": [f"10.1.0.{number + 1}"],
            "conditions": {"ready": True},
            "targetRef": {"kind": "Pod", "name": name, "namespace": NAMESPACE},
        }
        for number, name in enumerate(pods)
    ]
    return placed(endpoint_slice(service, service, *found))


def placed(obj: Obj) -> Obj:
    """Return one of the stand-in's shapes as a real API server takes it into the examples' namespace."""
    made = filled(obj)
    made["metadata"]["namespace"] = NAMESPACE
    return made
