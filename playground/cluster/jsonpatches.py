"""JSON patches as kube-apiserver applies them, which is not quite RFC 6902.

Its library (gopkg.in/evanphx/json-patch.v4) lets `replace` write a key that is not there and `test` for null where
there is nothing, counts negative indexes from the end, and compares numbers as they are written: 90 is not 90.0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from playground.cluster.statuses import bad_request, patch_failed, too_many_operations, unreadable

Obj = dict[str, Any]
_MOST = 10_000
_INDEX = re.compile(r"[+-]?\d+")


class _Misfit(Exception):
    """An operation does not fit the document."""


def json_patch(doc: Obj, operations: Any) -> Obj:
    """Return `doc` after a JSON patch; all of it applies or none, and `doc` is left alone.

    Raises ApiError 400 when the body is not a list of operations, 413 above 10 000 of them, and 422 for everything
    found while applying: a `test` that fails, a path that is not there, an operation nobody knows.
    """
    _check(operations)
    root: list[Any] = [deepcopy(doc)]
    try:
        for operation in operations:
            _apply(root, operation)
    except _Misfit as error:
        raise patch_failed() from error
    if not isinstance(root[0], dict):
        raise unreadable(json.dumps(json.dumps(root[0])), "couldn't get version/kind; json parse error")
    return root[0]


def _check(operations: Any) -> None:
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise bad_request("error decoding patch: a JSON patch is a list of operations, each an object")
    if len(operations) > _MOST:
        raise too_many_operations(len(operations), _MOST)
    for operation in operations:
        for key in ("op", "path", "from"):
            if not isinstance(operation.get(key, ""), str):
                raise bad_request(f"error decoding patch: json: cannot unmarshal {key} of an operation into a string")


def _apply(root: list[Any], operation: Mapping[str, Any]) -> None:
    verb = _VERBS.get(operation.get("op", ""))
    if verb is None or "path" not in operation:
        raise _Misfit
    verb(root, operation)


def _test(root: list[Any], operation: Mapping[str, Any]) -> None:
    wanted = operation.get("value")
    found = root[0] if not operation["path"] else _get(*_find(root, operation["path"]))
    if _written(found) != _written(wanted):
        raise _Misfit


def _add(root: list[Any], operation: Mapping[str, Any]) -> None:
    _put(*_find(root, operation["path"]), deepcopy(operation.get("value")))


def _replace(root: list[Any], operation: Mapping[str, Any]) -> None:
    value = deepcopy(operation.get("value"))
    if not operation["path"]:
        root[0] = value
        return
    holder, key = _find(root, operation["path"])
    if isinstance(holder, list):
        holder[_index(holder, key)] = value
    else:
        holder[key] = value


def _remove(root: list[Any], operation: Mapping[str, Any]) -> None:
    _take(*_find(root, operation["path"]))


def _move(root: list[Any], operation: Mapping[str, Any]) -> None:
    holder, key = _find(root, operation.get("from", ""))
    value = _get(holder, key)
    _take(holder, key)
    _put(*_find(root, operation["path"]), value)


def _copy(root: list[Any], operation: Mapping[str, Any]) -> None:
    value = _get(*_find(root, operation.get("from", "")))
    _put(*_find(root, operation["path"]), deepcopy(value))


_VERBS: Mapping[str, Callable[[list[Any], Mapping[str, Any]], None]] = {
    "test": _test,
    "add": _add,
    "replace": _replace,
    "remove": _remove,
    "move": _move,
    "copy": _copy,
}


def _find(root: list[Any], path: str) -> tuple[Any, str]:
    """Return (what holds the last key of `path`, that key); only the holder must be there."""
    _, *keys = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]
    if not keys:
        raise _Misfit
    holder = root[0]
    for key in keys[:-1]:
        holder = _get(holder, key)
        if not isinstance(holder, (dict, list)):
            raise _Misfit
    return holder, keys[-1]


def _get(holder: Any, key: str) -> Any:
    return holder[_index(holder, key)] if isinstance(holder, list) else holder.get(key)


def _index(holder: list[Any], key: str) -> int:
    if not _INDEX.fullmatch(key) or not -len(holder) <= int(key) < len(holder):
        raise _Misfit
    return int(key) % len(holder)


def _put(holder: Any, key: str, value: Any) -> None:
    if not isinstance(holder, list):
        holder[key] = value
    elif key == "-":
        holder.append(value)
    else:
        # The list counts as one longer: index -1 is behind the last item.
        holder.insert(_index([*holder, None], key), value)


def _take(holder: Any, key: str) -> None:
    if isinstance(holder, list):
        del holder[_index(holder, key)]
    elif key in holder:
        del holder[key]
    else:
        raise _Misfit


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
