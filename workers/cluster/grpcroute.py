"""Gateway API's GRPCRoute: what its rules can match. The rest is `gatewayroute`'s."""

from __future__ import annotations

from collections.abc import Iterator

from workers.cluster.gatewayroute import gateway_api, named, text
from workers.cluster.routing import Object


def _conditions(match: Object) -> Iterator[str]:
    """Describe one GRPCRouteMatch: service and method, headers; all of them must hold."""
    method: Object = match.get("method") or {}
    service, name = method.get("service", ""), method.get("method", "")
    if name:
        yield f"method:{text(method, (service or '*') + '/' + name)}"
    elif service:
        yield f"service:{text(method, service)}"
    yield from named("header", match.get("headers") or [])


GRPC_ROUTE = gateway_api("GRPCRoute", "grpcroutes", versions=("v1", "v1alpha2"), conditions=_conditions)
