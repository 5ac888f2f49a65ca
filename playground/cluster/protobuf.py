"""Reads the one protobuf message the stand-in understands: a Namespace, as `kubectl create namespace` sends it.

kubectl's `create` sub-commands speak protobuf whatever the server offers; files (`-f`) always travel as JSON.
Field numbers are those of k8s.io/apimachinery runtime.Unknown and meta/v1 ObjectMeta (generated.proto).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_MAGIC = b"k8s\x00"
_MAPS = {11: "labels", 12: "annotations"}


def namespace_object(raw: bytes) -> dict[str, Any] | None:
    """Return the Namespace in a protobuf body, or None when it holds anything else or cannot be read."""
    if not raw.startswith(_MAGIC):
        return None
    try:
        envelope = dict(_fields(raw[len(_MAGIC) :]))
        type_meta = dict(_fields(envelope.get(1, b"")))
        if (type_meta.get(1), type_meta.get(2)) != (b"v1", b"Namespace"):
            return None
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": _metadata(envelope)}
    except (IndexError, UnicodeDecodeError):
        return None


def _metadata(envelope: dict[int, bytes]) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    for number, value in _fields(dict(_fields(envelope.get(2, b""))).get(1, b"")):
        if number == 1:
            metadata["name"] = value.decode()
        elif number in _MAPS:
            pair = dict(_fields(value))
            metadata.setdefault(_MAPS[number], {})[pair[1].decode()] = pair.get(2, b"").decode()
    return metadata


def _fields(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (number, bytes) of each length-delimited field; numbers are skipped. IndexError when it is cut short."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        size, at = _varint(raw, at)
        if tag & 7 == 2:
            yield tag >> 3, raw[at : at + size]
            at += size
        elif tag & 7:
            raise IndexError(f"wire type {tag & 7} is not one a Namespace uses")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
