"""Gateway API's HTTPRoute: what its rules can match. The rest is `gatewayroute`'s."""

from __future__ import annotations

from collections.abc import Iterator

from workers.cluster.gatewayroute import gateway_api, named
from workers.cluster.routing import Object

_PATHS = {"PathPrefix": "prefix", "Exact": "exact", "RegularExpression": "regex"}
_ANY = "prefix:/"
"""What the API server writes where a rule says nothing of paths."""


def _conditions(match: Object) -> Iterator[str]:
    """Describe one HTTPRouteMatch: path, method, headers, query parameters; all of them must hold."""
    path: Object = match.get("path") or {}
    kind: str = path.get("type", "PathPrefix")
    piece = f"{_PATHS.get(kind, kind)}:{path.get('value', '/')}"
    if piece != _ANY:
        yield piece
    if match.get("method"):
        yield f"method:{match['method']}"
    yield from named("header", match.get("headers") or [])
    yield from named("query", match.get("queryParams") or [])


HTTP_ROUTE = gateway_api("HTTPRoute", "httproutes", versions=("v1", "v1beta1"), conditions=_conditions)
