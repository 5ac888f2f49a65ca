"""What the server writes into an object, and what it refuses to take from a client."""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from playground.cluster.kinds import Kind
from playground.cluster.statuses import Cause, bad_request, conflict, invalid, server_error

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
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_BAD_NAME = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN.pattern}')"
)


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


def check_identity(kind: Kind, obj: Mapping[str, Any], api_version: str) -> None:
    """Raise ApiError 400 unless `obj` says it is of this version and of some kind (this one, if it is built in)."""
    if obj.get("apiVersion") != api_version:
        given = obj.get("apiVersion", "")
        raise bad_request(
            f"the API version in the data ({given}) does not match the expected API version ({api_version})"
        )
    said = obj.get("kind")
    if not said:
        text = json.dumps(obj)
        what = f"the object provided is unrecognized (must be of type {kind.kind}): Object 'Kind' is missing in"
        raise bad_request(f"{what} '{text}'")
    if kind.builtin and said != kind.kind:
        raise bad_request(f"the kind in the data ({said}) does not match the expected kind ({kind.kind})")


def check_namespace(namespace: str, obj: Mapping[str, Any]) -> None:
    """Raise ApiError 400 when `obj` says another namespace than the path."""
    if namespace and (obj.get("metadata") or {}).get("namespace") not in (None, "", namespace):
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def born(kind: Kind, namespace: str, obj: Obj) -> Obj:
    """Return a new object with the metadata the server gives at creation, except managedFields and resourceVersion."""
    given = obj.get("metadata") or {}
    kept = {key: value for key, value in given.items() if key not in (*_SERVER_OWNED, "namespace")}
    if not kept.get("name") and kept.get("generateName"):
        kept["name"] = f"{kept['generateName']}{secrets.token_hex(3)[:5]}"
    if namespace:
        kept["namespace"] = namespace
    kept |= {"uid": str(uuid.uuid4()), "creationTimestamp": now()}
    if kind.counts:
        kept["generation"] = 1
    return {**obj, "metadata": kept}


def name_complaints(obj: Mapping[str, Any]) -> Iterator[Cause]:
    """Yield what is wrong with the name of a new object: it has none, or is no RFC 1123 subdomain."""
    name = obj["metadata"].get("name", "")
    if not name:
        yield Cause("metadata.name", "Required value: name or generateName is required", "Required")
    elif len(name) > 253 or not _SUBDOMAIN.fullmatch(name):
        yield Cause("metadata.name", f'Invalid value: "{name}": {_BAD_NAME}', "Invalid")


def check_name(ref: Ref, obj: Mapping[str, Any]) -> None:
    """Raise ApiError 400 unless `obj` carries the name of the path, and no other namespace than the path's."""
    name = (obj.get("metadata") or {}).get("name")
    if not name:
        raise bad_request(f"the name of the object ({ref.name} based on URL) was undeterminable: name must be provided")
    if name != ref.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({ref.name})")
    check_namespace(ref.namespace, obj)


def check_version(ref: Ref, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise ApiError unless `new` was made from the current state of `old`.

    409 when its resourceVersion is another, 422 when a custom resource comes without (built-in kinds may), 500 for
    one that is no number.
    """
    version = new["metadata"].get("resourceVersion", "0")
    if not version.isdecimal():
        raise server_error(f'strconv.ParseUint: parsing "{version}": invalid syntax')
    if version == "0" and not ref.kind.builtin:
        cause = Cause("metadata.resourceVersion", "Invalid value: 0: must be specified for an update", "Invalid")
        raise invalid(ref.kind, ref.name, [cause], called=ref.kind.plural)
    if version not in ("0", old["metadata"]["resourceVersion"]):
        raise conflict(ref.kind, ref.name)


def check_uid(ref: Ref, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise ApiError 409 when `new`, which was sent whole, is about another object of the same name."""
    given, live = new["metadata"].get("uid"), old["metadata"]["uid"]
    if given not in (None, live):
        seen = f"Precondition failed: UID in precondition: {given}, UID in object meta: {live}"
        key = f"/registry/{ref.kind.group}/{ref.kind.plural}/{ref.namespace}/{ref.name}"
        why = f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: {seen}"
        raise conflict(ref.kind, ref.name, why)


def identity_complaints(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Cause]:
    """Yield what `new` changes of an object that cannot be changed."""
    given, live = new["metadata"].get("uid"), old["metadata"]["uid"]
    if given not in (None, live):
        yield Cause("metadata.uid", f'Invalid value: "{given}": field is immutable', "Invalid")


def kind_complaints(kind: Kind, obj: Mapping[str, Any], api_version: str) -> Iterator[Cause]:
    """Yield what is wrong with what a custom resource says it is."""
    for key, wanted in (("kind", kind.kind), ("apiVersion", api_version)):
        if obj.get(key) != wanted:
            yield Cause(key, f'Invalid value: "{obj.get(key)}": must be {wanted}', "Invalid")


def adopt(old: Mapping[str, Any], new: Mapping[str, Any]) -> Obj:
    """Return `new` with the server's own metadata, name and stored apiVersion of `old`."""
    given = {key: value for key, value in (new.get("metadata") or {}).items() if key not in _SERVER_OWNED}
    owned = {key: value for key, value in old["metadata"].items() if key in (*_SERVER_OWNED, "name", "namespace")}
    return {**new, "apiVersion": old["apiVersion"], "metadata": {**given, **owned}}


def applied_part(ref: Ref, applied: Mapping[str, Any], *, status: bool) -> Obj:
    """Return what a server-side apply may own: only the status through /status, else all but that (if there is one)."""
    metadata = applied.get("metadata") or {}
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
