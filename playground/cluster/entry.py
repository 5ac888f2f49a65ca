"""What a request must be to change an object: readable, about that object, and right by its definition."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from playground.cluster import admission, metadata, metafields, validation
from playground.cluster.kinds import Kind
from playground.cluster.metadata import Ref
from playground.cluster.schemas import schema_of
from playground.cluster.statuses import Cause, bad_request, invalid, patch_failed, server_error, unreadable

Obj = dict[str, Any]
_EXPECTED = {
    "object": "map",
    "array": "list",
    "string": "string",
    "boolean": "boolean",
    "integer": "numeric (int or float)",
    "number": "numeric (int or float)",
}


def decoded(kind: Kind, obj: Obj, version: str, *, strict: bool = False, patched: bool = False) -> Obj:
    """Return `obj` as the server understands it: unknown fields dropped, defaults filled in.

    Raises ApiError when it cannot be read, or has unknown fields where `strict` forbids them: 400 for what was sent,
    422 for what a patch made.
    """
    why = metafields.misread(obj.get("metadata"))
    gone: list[str] = []
    tidy = {} if why else _tidy(kind, obj, version, gone)
    if gone and strict:
        why = f"strict decoding error: {', '.join(f'unknown field {json.dumps(path)}' for path in sorted(gone))}"
    if why and patched:
        raise unreadable(json.dumps(json.dumps(obj, separators=(",", ":"), sort_keys=True)), why)
    if why:
        raise bad_request(f'{kind.kind} in version "{version}" cannot be handled as a {kind.kind}: {why}')
    if patched and not tidy.get("kind"):
        raise patch_failed()
    return tidy


def _tidy(kind: Kind, obj: Obj, version: str, gone: list[str]) -> Obj:
    meta = metafields.tidied(obj.get("metadata") or {}, gone)
    body = admission.numbers({key: value for key, value in obj.items() if key != "metadata"})
    schema = schema_of(kind.qualified, version)
    if schema is not None:
        body = admission.defaulted(admission.pruned(body, schema, gone), schema)
    return {**body, "metadata": meta}


def stored(kind: Kind, obj: Obj, version: str) -> Obj:
    """Return an object of a world that is loaded; ApiError 400/422 only when nothing can be made of its metadata."""
    made = decoded(kind, obj, version)
    made["metadata"].pop("resourceVersion", None)
    if causes := list(metadata.name_complaints(made)):
        raise invalid(kind, made["metadata"].get("name", ""), causes)
    return made


def check_new(kind: Kind, new: Obj, version: str) -> None:
    """Raise ApiError 422 unless `new` may be created."""
    name = new["metadata"].get("name", "")
    causes = [*metadata.name_complaints(new), *metafields.complaints(new["metadata"])]
    _raise(kind, name, new, [*causes, *_by_definition(kind, version, new, None, status=False)], version)


def check_change(ref: Ref, old: Obj, new: Obj, *, version: str, status: bool) -> None:
    """Raise ApiError 422 unless `new` may take the place of `old`."""
    causes = [*metadata.identity_complaints(old, new), *metafields.complaints(new["metadata"])]
    found = [*causes, *_by_definition(ref.kind, version, new, old, status=status)]
    _raise(ref.kind, ref.name, new, found, version)


def _by_definition(kind: Kind, version: str, new: Obj, old: Obj | None, *, status: bool) -> list[Cause]:
    schema = schema_of(kind.qualified, version)
    if schema is None:
        return []
    bare = {key: value for key, value in new.items() if key != "metadata"}
    return validation.complaints(bare, old, schema, status=status)


def _raise(kind: Kind, name: str, new: Mapping[str, Any], found: list[Cause], version: str) -> None:
    causes = [*([] if kind.builtin else metadata.kind_complaints(kind, new, kind.api_version(version))), *found]
    if not causes:
        return
    schema = schema_of(kind.qualified, version)
    if any(cause.reason == "Required" for cause in causes) and schema is not None and schema.has_rules():
        causes = [cause for cause in causes if cause != validation.skipped()] + [validation.skipped()]
    raise invalid(kind, name, causes, called="" if new.get("kind") == kind.kind else str(new.get("kind")))


def check_applied(ref: Ref, applied: Obj, version: str) -> None:
    """Raise ApiError unless `applied` can be a server-side apply of `ref`: 400, or 500 where its types are wrong."""
    kind, spoken = ref.kind, ref.kind.api_version(version)
    if (applied.get("apiVersion"), applied.get("kind")) != (spoken, kind.kind):
        raise bad_request(f"invalid object type: {applied.get('apiVersion')}, Kind={applied.get('kind')}")
    what = f"failed to create typed patch object ({{}}; {spoken}, Kind={kind.kind})"
    if why := metafields.misread(applied.get("metadata")):
        raise server_error(f"{what.format('/')}: .metadata: {why}")
    metadata.check_name(ref, applied)
    if applied["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    if why := _untyped(kind, applied, version):
        raise server_error(f"{what.format(f'{ref.namespace}/{ref.name}')}: {why}")


def _untyped(kind: Kind, applied: Obj, version: str) -> str:
    schema, gone = schema_of(kind.qualified, version), list[str]()
    if schema is None:
        return ""
    known = admission.pruned({key: value for key, value in applied.items() if key != "metadata"}, schema, gone)
    if gone:
        return f".{gone[0]}: field not declared in schema"
    causes = validation.complaints(admission.numbers(known), None, schema, status=False)
    for cause in causes:
        if cause.reason == "TypeInvalid":
            wanted = cause.message.partition("must be of type ")[2].partition(":")[0]
            found = json.loads(cause.message.removeprefix("Invalid value: ").partition(":")[0])
            return f".{cause.field}: expected {_EXPECTED.get(wanted, wanted)}, got {_EXPECTED.get(found, found)}"
    return ""
