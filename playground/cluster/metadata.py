"""What the server writes into an object, and what it refuses to take from a client."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from playground.cluster.kinds import Kind
from playground.cluster.statuses import bad_request, conflict, invalid

Obj = dict[str, Any]

_SERVER_OWNED = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")


@dataclass(frozen=True)
class Ref:
    """Names one object."""

    kind: Kind
    """Its row in the table."""
    namespace: str
    """"" for kinds without a namespace."""
    name: str
    """metadata.name."""


def now() -> str:
    """Return the present as the API writes times: RFC 3339, UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_shape(kind: Kind, obj: Mapping[str, Any], api_version: str) -> None:
    """Raise ApiError 400 unless `obj` says it is this kind in this version and its metadata maps hold strings."""
    if obj.get("apiVersion") != api_version:
        given = obj.get("apiVersion", "")
        raise bad_request(
            f"the API version in the data ({given}) does not match the expected API version ({api_version})"
        )
    if obj.get("kind") != kind.kind:
        raise bad_request(
            f"the kind in the data ({obj.get('kind', '')}) does not match the expected kind ({kind.kind})"
        )
    metadata = obj.get("metadata", {})
    if not isinstance(metadata, Mapping):
        raise bad_request("metadata must be an object")
    for field in ("labels", "annotations"):
        held = metadata.get(field) or {}
        if not isinstance(held, Mapping) or not all(isinstance(value, str) for value in held.values()):
            raise bad_request(f"metadata.{field} must be an object whose values are strings")


def born(kind: Kind, namespace: str, obj: Obj) -> Obj:
    """Return a new object with the metadata the server gives at creation, except managedFields and resourceVersion.

    Raises ApiError: 400 when the namespace is not the one of the path or a resourceVersion is given, 422 when the
    name is missing or is not an RFC 1123 subdomain.
    """
    given = dict(obj.get("metadata") or {})
    if given.get("resourceVersion"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    if namespace and given.get("namespace") not in (None, "", namespace):
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    kept = {key: value for key, value in given.items() if key not in (*_SERVER_OWNED, "namespace")}
    kept["name"] = _name(kind, kept)
    if namespace:
        kept["namespace"] = namespace
    kept |= {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
    if kind.group:
        kept["generation"] = 1
    return {**obj, "metadata": kept}


def _name(kind: Kind, metadata: Mapping[str, Any]) -> str:
    name, prefix = metadata.get("name"), metadata.get("generateName")
    if not name and prefix:
        name = f"{prefix}{secrets.token_hex(3)[:5]}"
    if not name:
        raise invalid(kind, "", "metadata.name", "Required value: name or generateName is required")
    if not isinstance(name, str) or len(name) > 253 or not _SUBDOMAIN.match(name):
        why = f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric '
        raise invalid(kind, str(name), "metadata.name", f"{why}characters, '-' or '.'")
    return name


def check_name(ref: Ref, obj: Mapping[str, Any]) -> None:
    """Raise ApiError 400 unless `obj` carries the name of the path, and no other namespace than the path's."""
    given = obj.get("metadata") or {}
    if given.get("name") != ref.name:
        raise bad_request(
            f"the name of the object ({given.get('name')}) does not match the name on the URL ({ref.name})"
        )
    if given.get("namespace", ref.namespace) != ref.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def check_update(ref: Ref, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise ApiError unless `new` may replace `old`.

    400 when name or namespace differ, 409 when uid or resourceVersion are not the current ones, 422 when a custom
    resource comes without resourceVersion (built-in kinds may).
    """
    check_name(ref, new)
    given, live = new.get("metadata") or {}, old["metadata"]
    if given.get("uid", live["uid"]) != live["uid"]:
        seen = f"UID in precondition: {given['uid']}, UID in object meta: {live['uid']}"
        raise conflict(ref.kind, ref.name, f"Precondition failed: {seen}")
    version = given.get("resourceVersion")
    if not version and not ref.kind.builtin:
        raise invalid(
            ref.kind, ref.name, "metadata.resourceVersion", "Invalid value: 0: must be specified for an update"
        )
    if version and version != live["resourceVersion"]:
        raise conflict(ref.kind, ref.name)


def adopt(old: Mapping[str, Any], new: Mapping[str, Any]) -> Obj:
    """Return `new` with the server's own metadata, name and stored apiVersion of `old`."""
    given = {key: value for key, value in (new.get("metadata") or {}).items() if key not in _SERVER_OWNED}
    owned = {key: value for key, value in old["metadata"].items() if key in (*_SERVER_OWNED, "name", "namespace")}
    return {**new, "apiVersion": old["apiVersion"], "metadata": {**given, **owned}}


def applied_part(ref: Ref, applied: Mapping[str, Any], *, status: bool) -> Obj:
    """Return what a server-side apply may own: only the status through /status, else all but that (if there is one)."""
    metadata = {"name": ref.name, **(applied.get("metadata") or {})}
    if status:
        metadata = {key: value for key, value in metadata.items() if key in ("name", "namespace", "resourceVersion")}
    unseen = {"status"} if ref.kind.status else set()
    kept = applied.keys() & {"apiVersion", "kind", "status"} if status else applied.keys() - unseen
    return {key: value for key, value in applied.items() if key in kept} | {"metadata": metadata}


def with_status_of(kind: Kind, old: Obj, new: Obj, *, status: bool) -> Obj:
    """Return what a write may change: through /status only the status, else (where /status exists) all but that."""
    if not kind.status:
        return new
    body, other = (old, new) if status else (new, old)
    kept = {key: value for key, value in body.items() if key != "status"}
    return kept | ({"status": other["status"]} if "status" in other else {})


def same_content(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Return whether two states differ in nothing but managedFields."""
    return _content(old) == _content(new)


def _content(obj: Mapping[str, Any]) -> Obj:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def same_spec(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Return whether two states differ in metadata and status at most, so that the generation stays."""
    return _spec(old) == _spec(new)


def _spec(obj: Mapping[str, Any]) -> Obj:
    return {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata", "status")}
