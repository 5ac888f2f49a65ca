"""What the routing objects of a case speak of: Services, outside hosts and gateways, made up for Istio to find."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.corpus import meaning
from tests.e2e.crds import defaulted

Obj = dict[str, Any]
DOMAIN = "svc.cluster.local"
ROUTE = "HTTPRoute"
GATEWAY_API = "gateway.networking.k8s.io/v1"
SECTIONS = ("http", "tcp", "tls")
USUAL = {"http": 80, "tcp": 9000, "tls": 443}
"""The port of a section whose rules name none."""


def is_for_sidecars(obj: Obj) -> bool:
    """Tell whether Istio's sidecars follow a route of the Gateway API.

    Its parents are then Services, of the group `""`: `core` is Linkerd's word. A filter that is somebody's extension
    has Istio refuse the route.
    """
    parents = [(ref.get("kind"), ref.get("group", "")) for ref in obj["spec"]["parentRefs"]]
    return ("Service", "") in parents and not any("extensionRef" in one for one in _maps(obj["spec"]))


def clusters(obj: Obj, at: str) -> list[str]:
    """Return Envoy's names for the destinations at a pointer, with the port `*` where none is said.

    `outbound|port|subset|host`: BuildSubsetKey in Istio's model.
    """
    found = []
    for entry in meaning.at(obj, at):
        if obj["kind"] == ROUTE:
            isa = entry.get("kind", "Service") == "Service"
            host = _whole(entry["name"], obj, entry.get("namespace"))
            found.append(f"outbound|{entry['port']}||{host}" if isa else "UnknownService")
            continue
        one = entry["destination"]
        port = (one.get("port") or {}).get("number", "*")
        found.append(f"outbound|{port}|{one.get('subset') or ''}|{_whole(one['host'], obj)}")
    return found


def documents(objects: Iterable[Obj]) -> str:
    """Write objects as YAML documents, which JSON is."""
    return "\n---\n".join(json.dumps(obj) for obj in objects)


def istio_objects(objects: Sequence[Obj]) -> Iterator[Obj]:
    """Yield Istio's objects, with the Gateways and the hosts outside that they speak of."""
    mine = [obj for obj in objects if obj["apiVersion"].startswith("networking.istio.io/")]
    yield from mine
    gateways = {}
    for obj in mine:
        for name in _gateways(obj):
            namespace, _, short = name.rpartition("/")
            gateways[namespace or obj["metadata"]["namespace"], short] = _protocol(obj)
    for (namespace, name), section in sorted(gateways.items()):
        yield _gateway(namespace, name, section)
    for host, ports in sorted(_hosts(objects).items()):
        if not host.endswith(f".{DOMAIN}"):
            yield _entry(host, ports)


def kubernetes_objects(objects: Sequence[Obj], schemas: Mapping[str, Obj]) -> Iterator[Obj]:
    """Yield the routes of the Gateway API as an API server would hold them, and the Services that are spoken of."""
    for obj in objects:
        if obj["kind"] == ROUTE:
            # What controllers said of it before is nothing to Istio, and v1beta1 is the same by another name.
            said = {key: value for key, value in obj.items() if key != "status"} | {"apiVersion": GATEWAY_API}
            yield defaulted(said, schemas[obj["kind"]])
    for number, (host, ports) in enumerate(sorted(_hosts(objects).items())):
        if host.endswith(f".{DOMAIN}"):
            yield _service(host, ports, f"10.96.1.{number + 1}")


def _hosts(objects: Sequence[Obj]) -> dict[str, dict[int, str]]:
    """Every host that is spoken of → its ports and their protocol."""
    found: dict[str, dict[int, str]] = {}
    for obj in objects:
        if obj["kind"] == ROUTE:
            for ref in _services(obj):
                found.setdefault(_whole(ref["name"], obj, ref.get("namespace")), {})[ref.get("port", 80)] = "http"
            continue
        spec = obj["spec"]
        ports: dict[int, str] = {}
        for section in SECTIONS:
            rules = spec.get(section) or ()
            for rule in rules:
                matches = [match["port"] for match in rule.get("match") or () if "port" in match]
                ports |= dict.fromkeys(matches or [USUAL[section]], section)
        for host in spec.get("hosts") or ():
            found.setdefault(_whole(host, obj), {}).update(ports)
        for destination in _destinations(spec):
            port = (destination.get("port") or {}).get("number")
            named = {port: next(iter(ports.values()))} if port else ports
            found.setdefault(_whole(destination["host"], obj), {}).update(named)
    found.pop("*", None)
    return found


def labels(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the labels of the callers whom a rule is for, so that the one who asks is one of them."""
    yield from (label for one in _maps(value) for label in (one.get("sourceLabels") or {}).items())


def _destinations(value: Any) -> Iterator[Obj]:
    yield from (one for one in _maps(value) if isinstance(one.get("host"), str))


def _services(obj: Obj) -> Iterator[Obj]:
    """Yield the references to Services: parents, backends, and what filters send copies to."""
    refs = (one for one in _maps(obj["spec"]) if "name" in one)
    yield from (one for one in refs if one.get("kind", "Service" if "port" in one else "") == "Service")


def _whole(host: str, obj: Obj, namespace: str | None = None) -> str:
    if "." not in host and host != "*":
        return f"{host}.{namespace or obj['metadata']['namespace']}.{DOMAIN}"
    return host if host.endswith((".com", f".{DOMAIN}")) or host == "*" else f"{host}.{DOMAIN}"


def _gateways(value: Any) -> set[str]:
    return {name for one in _maps(value) for name in one.get("gateways") or ()} - {"mesh"}


def _maps(value: Any) -> Iterator[Obj]:
    """Yield every map in some JSON."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _maps(one)


def _protocol(obj: Obj) -> str:
    return next(section for section in SECTIONS if obj["spec"].get(section))


def _gateway(namespace: str, name: str, section: str) -> Obj:
    port = {"number": USUAL[section], "name": section, "protocol": section.upper()}
    server: Obj = {"port": port, "hosts": ["*/*"]} | ({"tls": {"mode": "PASSTHROUGH"}} if section == "tls" else {})
    return {
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [server]},
    }  # fmt: skip


def _entry(host: str, ports: Mapping[int, str]) -> Obj:
    spec: Obj = {"hosts": [host], "ports": _ports(ports), "resolution": "NONE" if host.startswith("*") else "DNS"}
    name = host.replace("*", "any").replace(".", "-")
    return {
        "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry",
        "metadata": {"name": name, "namespace": "shop"}, "spec": spec,
    }  # fmt: skip


def _service(host: str, ports: Mapping[int, str], address: str) -> Obj:
    name, namespace = host.split(".")[:2]
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterIP": address, "ports": _ports(ports)},
    }  # fmt: skip


def _ports(ports: Mapping[int, str]) -> list[Obj]:
    return [
        {"name": f"{section}-{number}", "port": number, "number": number, "protocol": "TCP"}
        for number, section in ports.items()
    ]
