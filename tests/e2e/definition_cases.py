"""What definitions refuse and fill in, in specs and in statuses, that both servers must answer alike."""

from __future__ import annotations

from typing import Any

from tests.e2e.admin import Obj
from tests.e2e.cases import (
    ARM,
    CANARIES,
    DESTINATIONS,
    GRPC_ROUTE,
    HTTP_ROUTE,
    ROUTE,
    RULE,
    SPLIT,
    Case,
    get,
    op,
    patch,
)

_FILTERS = "/spec/rules/0/filters"
_PATH = "/spec/rules/0/matches/0/path/value"
_CONDITION: Obj = {
    "type": "Accepted",
    "status": "True",
    "reason": "Accepted",
    "message": "",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "observedGeneration": 1,
}
_SERVICE_PARENT = {"group": "", "kind": "Service", "name": "api"}


def parents(*conditions: Obj, controller: str = "linkerd.io/policy-controller") -> Obj:
    """Return the status of a route with one parent."""
    return {"parents": [{"parentRef": _SERVICE_PARENT, "controllerName": controller, "conditions": list(conditions)}]}


def accepted(generation: int) -> Obj:
    """Return the status of a route that its parent accepts at a generation."""
    return parents(_CONDITION | {"observedGeneration": generation})


def on_route(what: str, name: str, pointer: str, *value: Any) -> Case:
    """One operation on the VirtualService."""
    return patch(what, op(name, pointer, *value))


def on_http(what: str, name: str, pointer: str, *value: Any) -> Case:
    """One operation on the HTTPRoute."""
    return patch(what, op(name, pointer, *value), path=HTTP_ROUTE)


DEFINITION_CASES = [
    on_route("no spec", "remove", "/spec"),
    on_route("a spec that is text", "replace", "/spec", "x"),
    on_route("rules that are an object", "replace", "/spec/http", {}),
    on_route("rules that are null", "replace", "/spec/http", None),
    on_route("a rule that is null", "add", "/spec/http", [None]),
    on_route("a host that is null", "add", "/spec/hosts", [None]),
    on_route("an unknown field", "add", "/spec/nope", 1),
    on_route("an unknown field at the root", "add", "/nope", 1),
    on_route("an unknown field of an arm", "add", f"{RULE}/route/0/wait", 1),
    on_route("an arm without a host", "remove", f"{RULE}/route/0/destination/host"),
    on_route("an arm without a destination", "remove", f"{RULE}/route/0/destination"),
    on_route("a port out of range", "add", f"{RULE}/route/0/destination/port", {"number": -1}),
    on_route("a timeout that is none", "add", f"{RULE}/timeout", "x"),
    on_route("a timeout of nothing", "add", f"{RULE}/timeout", "0s"),
    on_route("a timeout in parts", "add", f"{RULE}/timeout", "1m0.5s"),
    on_route("a retry with a wrong timeout", "add", f"{RULE}/retries", {"attempts": 2, "perTryTimeout": "0.5ms"}),
    on_route("TLS without a match", "add", "/spec/tls", [{"route": [{"destination": {"host": "x"}}]}]),
    on_route("TLS without names", "add", "/spec/tls", [{"match": [{"port": 443}]}]),
    on_route("a redirect to nowhere known", "add", f"{RULE}/redirect", {"derivePort": "X"}),
    on_route("a match of two kinds", "add", f"{RULE}/match", [{"uri": {"exact": "a", "prefix": "b"}}]),
    on_route("a match of no kind", "add", f"{RULE}/match", [{"uri": {}}]),
    on_route("two faults at once", "add", f"{RULE}/fault", {"abort": {"httpStatus": 500, "grpcStatus": "X"}}),
    on_route("a mirror without a host", "add", f"{RULE}/mirror", {"subset": "v1"}),
    on_route("a null that may be", "add", f"{RULE}/mirrorPercent", None),
    on_route("a null in a map", "add", f"{RULE}/headers", {"request": {"set": {"a": None}}}),
    on_route("a number in a map of texts", "add", f"{RULE}/headers", {"request": {"set": {"a": 1}}}),
    on_route("everything at once", "add", f"{RULE}/match", [{"port": -1, "uri": 1, "headers": {"a": {"regex": 1}}}]),
    on_http("no port", "remove", f"{ARM}/port"),
    on_http("no name", "remove", f"{ARM}/name"),
    on_http("an empty name", "replace", f"{ARM}/name", ""),
    on_http("a long name", "replace", f"{ARM}/name", "a" * 254),
    on_http("a kind that is no word", "replace", f"{ARM}/kind", "1x"),
    on_http(
        "a backend of another kind without a port", "replace", ARM, {"name": "x", "kind": "Import", "group": "a.io"}
    ),
    on_http("port 0", "replace", f"{ARM}/port", 0),
    on_http("no spec in an HTTPRoute", "remove", "/spec"),
    on_http("no rules", "remove", "/spec/rules"),
    on_http("empty rules", "replace", "/spec/rules", []),
    on_http("a rule with nothing", "replace", "/spec/rules", [{}]),
    on_http("no matches", "remove", "/spec/rules/0/matches"),
    on_http("empty matches", "replace", "/spec/rules/0/matches", []),
    on_http("a match of everything", "replace", "/spec/rules/0/matches", [{}]),
    on_http("a match by header", "add", "/spec/rules/0/matches/0/headers", [{"name": "a", "value": "b"}]),
    on_http("two matches of one header", "add", "/spec/rules/0/matches/0/headers", [{"name": "a", "value": "b"}] * 2),
    on_http("a relative path", "replace", _PATH, "x"),
    on_http("a path with an empty part", "replace", _PATH, "/a//b"),
    on_http("a path with a blank", "replace", _PATH, "/a b"),
    on_http("an unknown method", "add", "/spec/rules/0/matches/0/method", "FROB"),
    on_http("a hostname that is none", "add", "/spec/hostnames", ["A_b"]),
    on_http("an empty hostname", "add", "/spec/hostnames", [""]),
    on_http("too many hostnames", "add", "/spec/hostnames", [f"a{n}" for n in range(17)]),
    on_http("a parent without a name", "add", "/spec/parentRefs/-", {"kind": "Service", "group": ""}),
    on_http("the same parent twice", "add", "/spec/parentRefs/-", _SERVICE_PARENT),
    on_http("a second parent", "add", "/spec/parentRefs/-", {"name": "public"}),
    on_http("a section of one parent only", "add", "/spec/parentRefs/-", _SERVICE_PARENT | {"sectionName": "a"}),
    on_http("a filter of no known type", "add", _FILTERS, [{"type": "X"}]),
    on_http("a filter without its part", "add", _FILTERS, [{"type": "RequestMirror"}]),
    on_http(
        "a filter with another's part",
        "add",
        _FILTERS,
        [{"type": "URLRewrite", "extensionRef": {"group": "a.b", "kind": "A", "name": "a"}}],
    ),
    on_http("a filter twice", "add", _FILTERS, [{"type": "URLRewrite", "urlRewrite": {"hostname": "a"}}] * 2),
    on_http("a redirect beside backends", "add", _FILTERS, [{"type": "RequestRedirect", "requestRedirect": {}}]),
    on_http(
        "a filter of one backend",
        "add",
        f"{ARM}/filters",
        [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "b"}]}}],
    ),
    on_http(
        "a mirror with defaults",
        "add",
        _FILTERS,
        [
            {
                "type": "RequestMirror",
                "requestMirror": {"backendRef": {"name": "x", "port": 80}, "fraction": {"numerator": 1}},
            }
        ],
    ),
    on_http(
        "a header removed twice",
        "add",
        _FILTERS,
        [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a", "a"]}}],
    ),
    on_http("a timeout that is no Gateway API duration", "add", "/spec/rules/0/timeouts", {"request": "1.5s"}),
    patch("a gRPC method without a name", op("replace", "/spec/rules/0/matches", [{"method": {}}]), path=GRPC_ROUTE),
    patch("a gRPC filter of HTTP", op("add", _FILTERS, [{"type": "URLRewrite"}]), path=GRPC_ROUTE),
    patch("no spec in a GRPCRoute", op("remove", "/spec"), path=GRPC_ROUTE),
    patch("a backend without a service", op("remove", "/spec/backends/0/service"), path=SPLIT),
    patch("a split without backends", op("remove", "/spec/backends"), path=SPLIT),
    patch("an unknown field of a split", op("add", "/spec/nope", 1), path=SPLIT),
    patch("a split without a spec", op("remove", "/spec"), path=SPLIT),
    patch("a rule without a host", op("remove", "/spec/host"), path=f"{DESTINATIONS}/api-destrule"),
    patch("a subset without a name", op("remove", "/spec/subsets/0/name"), path=f"{DESTINATIONS}/api-destrule"),
    patch("a label that is a number", op("add", "/spec/subsets/0/labels/a", 1), path=f"{DESTINATIONS}/api-destrule"),
]

STATUS_CASES = [
    patch(
        "a status",
        op("add", "/status", {"conditions": [{"type": "x", "observedGeneration": "5"}]}),
        path=f"{ROUTE}/status",
    ),
    patch("a status that may hold anything", op("add", "/status", {"nope": {"a": 1}}), path=f"{ROUTE}/status"),
    patch("a status and a spec", op("add", "/status", {"nope": 1}), op("replace", "/spec", {}), path=f"{ROUTE}/status"),
    patch("a status by the main door", op("add", "/status", {"nope": 1})),
    patch("Accepted", op("add", "/status", parents(_CONDITION)), path=f"{HTTP_ROUTE}/status"),
    patch("Accepted for gRPC", op("add", "/status", parents(_CONDITION)), path=f"{GRPC_ROUTE}/status"),
    patch("no condition", op("add", "/status", parents()), path=f"{HTTP_ROUTE}/status"),
    patch("a condition twice", op("add", "/status", parents(_CONDITION, _CONDITION)), path=f"{HTTP_ROUTE}/status"),
    patch("a wrong controller", op("add", "/status", parents(_CONDITION, controller="x")), path=f"{HTTP_ROUTE}/status"),
    patch(
        "wrong words in a condition",
        op("add", "/status", parents({"type": "A", "status": "Maybe", "reason": "A b", "lastTransitionTime": "x"})),
        path=f"{HTTP_ROUTE}/status",
    ),
    patch("a status without parents", op("add", "/status", {}), path=f"{HTTP_ROUTE}/status"),
    patch(
        "a Canary's phase",
        op("add", "/status", {"phase": "Progressing", "canaryWeight": 10}),
        path=f"{CANARIES}/api/status",
    ),
    patch("a Canary's unknown phase", op("add", "/status", {"phase": "X"}), path=f"{CANARIES}/api/status"),
    get("the status alone", f"{ROUTE}/status"),
    get("a status there is not", f"{SPLIT}/status"),
    Case("a status deleted", "DELETE", f"{ROUTE}/status"),
]
