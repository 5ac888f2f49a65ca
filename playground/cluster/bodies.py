"""Reads the bodies of requests: JSON, YAML and the little protobuf that kubectl insists on."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from playground.cluster.manifests import Obj, documents
from playground.cluster.protobuf import namespace_object
from playground.cluster.statuses import bad_request, unsupported_media_type
from playground.cluster.validation import kind_of

APPLY = "application/apply-patch+yaml"
OBJECT_TYPES = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")


def no_map(body: Any) -> str:
    """Return the words of Go's JSON decoder for a merge patch that is no object."""
    found = {"integer": "number", "boolean": "bool"}.get(kind_of(body), kind_of(body))
    return f"json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"


async def read_body(request: web.Request) -> Any:
    """Return the body, JSON or YAML, as a value; ApiError 400 when it is neither."""
    raw = await request.read()
    try:
        if "yaml" in request.content_type and not raw.lstrip().startswith(b"{"):
            found = documents(raw.decode())
            return found[0] if len(found) == 1 else None
        return json.loads(raw)
    except ValueError as error:
        raise bad_request(f"error decoding the request body ({request.content_type}): {error}") from error


async def read_object(request: web.Request) -> Obj:
    """Return the body, which must be one object; ApiError 400, or 415 for a type nobody reads."""
    if request.content_type not in (*OBJECT_TYPES, "application/octet-stream", APPLY):  # octet-stream: nothing said
        raise unsupported_media_type(OBJECT_TYPES)
    binary = "protobuf" in request.content_type
    found = namespace_object(await request.read()) if binary else await read_body(request)
    if found is None and binary:
        raise unsupported_media_type(OBJECT_TYPES[:2])
    if not isinstance(found, dict):
        raise bad_request("the object provided is unrecognized: the body must be one object")
    return found
