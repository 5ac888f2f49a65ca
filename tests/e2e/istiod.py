"""Istio's own control plane as a program: what it would send to Envoy for some routing objects.

istio/translate.go is that program: Istio's code, without a cluster around it. The objects of a case speak of hosts,
ports and gateways that are not there; Services, ServiceEntries and Gateways for them are made up here.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.corpus import meaning

Obj = dict[str, Any]
HERE = Path(__file__).parent / "istio"
"""Its go.mod says which version of Istio."""
TRANSLATE = "translate"
DOMAIN = "svc.cluster.local"
SECTIONS = ("http", "tcp", "tls")
USUAL = {"http": 80, "tcp": 9000, "tls": 443}
"""The port of a section whose rules name none."""


class Rejected(ValueError):
    """Istio's validation does not take an object."""


class Istiod:
    """One running translator; `with Istiod(directory of the binary) as istiod: istiod.sent(objects)`."""

    def __init__(self, directory: Path) -> None:
        self._program = directory / TRANSLATE

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [self._program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def sent(self, objects: Sequence[Obj]) -> Obj:
        """Return {proxy: its Envoy routes and listeners, as JSON}; Rejected where Istio's validation says no."""
        said = self._ask(objects)
        if said["Refused"]:
            raise Rejected(said["Refused"])
        return {proxy: {message["name"]: message for message in messages} for proxy, messages in said["Sent"].items()}

    def _ask(self, objects: Sequence[Obj]) -> Obj:
        question = {
            "Istio": _documents(_istio(objects)),
            "Kubernetes": _documents(_kubernetes(objects)),
            "Namespace": "shop",
            "Labels": dict(_labels(objects)),
        }
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        said: Obj = json.loads(self._process.stdout.readline())
        return said


def clusters(obj: Obj, at: str) -> list[str]:
    """Return Envoy's names for the destinations at a pointer of a VirtualService, with the port `*` where none is said.

    `outbound|port|subset|host`: BuildSubsetKey in Istio's model.
    """
    found = []
    for entry in meaning.at(obj, at):
        one = entry["destination"]
        port = (one.get("port") or {}).get("number", "*")
        found.append(f"outbound|{port}|{one.get('subset') or ''}|{_whole(one['host'], obj)}")
    return found


def _documents(objects: Iterable[Obj]) -> str:
    return "\n---\n".join(json.dumps(obj) for obj in objects)


def _istio(objects: Sequence[Obj]) -> Iterator[Obj]:
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


def _kubernetes(objects: Sequence[Obj]) -> Iterator[Obj]:
    yield from (obj for obj in objects if obj["apiVersion"].startswith("gateway.networking.k8s.io/"))
    for number, (host, ports) in enumerate(sorted(_hosts(objects).items())):
        if host.endswith(f".{DOMAIN}"):
            yield _service(host, ports, f"10.96.1.{number + 1}")


def _hosts(objects: Sequence[Obj]) -> dict[str, dict[int, str]]:
    """Every host that is spoken of → its ports and their protocol."""
    found: dict[str, dict[int, str]] = {}
    for obj in objects:
        if obj["kind"] != "VirtualService":
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


def _labels(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the labels of the callers whom a rule is for, so that the one who asks is one of them."""
    yield from (label for one in _maps(value) for label in (one.get("sourceLabels") or {}).items())


def _destinations(value: Any) -> Iterator[Obj]:
    yield from (one for one in _maps(value) if isinstance(one.get("host"), str))


def _whole(host: str, obj: Obj) -> str:
    if "." not in host and host != "*":
        return f"{host}.{obj['metadata']['namespace']}.{DOMAIN}"
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
