"""What `metadata` may hold: the fields there are, their types, and how keys of labels and annotations are written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from playground.cluster.statuses import Cause
from playground.cluster.validation import kind_of

Obj = dict[str, Any]

_TEXTS = (
    "creationTimestamp",
    "deletionTimestamp",
    "generateName",
    "name",
    "namespace",
    "resourceVersion",
    "selfLink",
    "uid",
)
_MAPS = ("annotations", "labels")
_LISTS = {
    "finalizers": "[]string",
    "managedFields": "[]v1.ManagedFieldsEntry",
    "ownerReferences": "[]v1.OwnerReference",
}
_MAP = "map[string]string"
_NUMBERS = ("deletionGracePeriodSeconds", "generation")
_GO = {"string": "string", "integer": "number", "number": "number", "boolean": "bool"}
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_PARTS = "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
_BAD_NAME = (
    f"name part must consist of {_PARTS} (e.g. 'MyName',  or 'my.name',  or '123-abc', "
    f"regex used for validation is '{_NAME.pattern}')"
)
_BAD_VALUE = (
    f"a valid label must be an empty string or consist of {_PARTS} (e.g. 'MyValue',  or 'my_value',  or '12345', "
    f"regex used for validation is '{_VALUE.pattern}')"
)


def misread(metadata: Any) -> str:
    """Return why `metadata` cannot be decoded, in the words of Go's JSON decoder; "" when it can."""
    if metadata is not None and not isinstance(metadata, Mapping):
        return f"json: cannot unmarshal {_go(metadata)} into Go value of type v1.ObjectMeta"
    return next(_misread_fields(metadata or {}), "")


def _misread_fields(metadata: Mapping[str, Any]) -> Iterator[str]:
    for names, wanted, right in ((_TEXTS, "string", str), (_NUMBERS, "int64", int), (_MAPS, _MAP, Mapping)):
        for name in names:
            value = metadata.get(name)
            if value is not None and not isinstance(value, right):
                yield _cannot(value, name, wanted)
    for name, wanted in _LISTS.items():
        if not isinstance(metadata.get(name) or [], list):
            yield _cannot(metadata[name], name, wanted)
    for name in _MAPS:
        held = metadata.get(name)
        inside = held.values() if isinstance(held, Mapping) else ()
        yield from (_cannot(one, name, "string") for one in inside if one is not None and not isinstance(one, str))


def _cannot(value: Any, name: str, wanted: str) -> str:
    return f"json: cannot unmarshal {_go(value)} into Go struct field ObjectMeta.{name} of type {wanted}"


def _go(value: Any) -> str:
    return _GO.get(kind_of(value), kind_of(value))


def tidied(metadata: Mapping[str, Any], gone: list[str]) -> Obj:
    """Return the fields that `metadata` may have and that hold something; the paths of others are added to `gone`."""
    known = (*_TEXTS, *_MAPS, *_LISTS, *_NUMBERS)
    gone.extend(f"metadata.{name}" for name in metadata if name not in known)
    kept = {name: value for name, value in metadata.items() if name in known and (value or value == 0)}
    texts = {name: {key: value or "" for key, value in kept[name].items()} for name in _MAPS if name in kept}
    return kept | texts


def complaints(metadata: Mapping[str, Any]) -> Iterator[Cause]:
    """Yield what is wrong with labels, annotations and owners."""
    for name in ("labels", "annotations"):
        wrong = (key for key in metadata.get(name) or {} if not _NAME.fullmatch(key.rpartition("/")[2]))
        yield from (Cause(f"metadata.{name}", f'Invalid value: "{key}": {_BAD_NAME}', "Invalid") for key in wrong)
    for value in (metadata.get("labels") or {}).values():
        if len(value) > 63 or not _VALUE.fullmatch(value):
            yield Cause("metadata.labels", f'Invalid value: "{value}": {_BAD_VALUE}', "Invalid")
    for owner in metadata.get("ownerReferences") or []:
        missing = (part for part in ("apiVersion", "kind", "name", "uid") if not owner.get(part))
        empty = 'Invalid value: "": must not be empty'
        yield from (Cause(f"metadata.ownerReferences.{part}", empty, "Invalid") for part in missing)
