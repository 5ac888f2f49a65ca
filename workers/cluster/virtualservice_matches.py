"""What a VirtualService's rule matches, in short pieces: `port:8080`, `prefix:/v2`, `header:end-user=jason`.

The fields are those of HTTPMatchRequest, L4MatchAttributes and TLSMatchAttributes in Istio's VirtualService reference:
inside one block every field must match, of several blocks any one will do. A text matches exactly (`=jason`), by its
beginning (`=ja*`) or by a regular expression (`=~ja.*`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from workers.cluster.routing import OR, Object

_SILENT = frozenset({"name", "statPrefix"})
"""Fields that match nothing: they only name the block in logs and metrics."""
_EVERYTHING = ((), ("prefix:/",), ("regex:.*",))
"""Blocks that let everything in. Istio sends Envoy no rule after one (`IsCatchAllRoute` of its pilot)."""


def describe(rule: Object) -> tuple[str, ...]:
    """Return what the rule matches, in an order of its own; nothing when it matches all."""
    blocks = sorted(set(_blocks(rule)))
    if () in blocks:
        return ()
    pieces: list[str] = []
    for block in blocks:
        pieces += [OR, *block] if pieces else block
    return tuple(pieces)


def is_reached(rule: Object, earlier: Sequence[Object]) -> bool:
    """Tell whether a rule gets anything that `earlier` rules of its list leave over: the first that matches takes it.

    Of a rule that delegates it is not known here what it takes.
    """
    taken = {block for one in earlier if one.get("delegate") is None for block in _blocks(one)}
    return taken.isdisjoint(_EVERYTHING) and not taken.issuperset(_blocks(rule))


def _blocks(rule: Object) -> Iterator[tuple[str, ...]]:
    yield from map(_block, rule.get("match") or [{}])


def _block(block: Any) -> tuple[str, ...]:
    if not isinstance(block, dict):
        return (f"match:{_plain(block)}",)
    known = [piece for field, words in _WORDS.items() if _says(block.get(field)) for piece in words(block[field])]
    others = sorted(block.keys() - _WORDS.keys() - _SILENT)
    return (*known, *(f"{field}:{_plain(block[field])}" for field in others if _says(block[field])))


def _says(value: Any) -> bool:
    """Tell whether a field is there: Istio reads the empty value of a plain field as an absent one."""
    return value is not None and value not in ("", 0, False, [], {})


def _uri(value: Any) -> list[str]:
    kind, text = _string(value)
    return [f"{kind or 'exact'}:{text}"]


def _text(word: str) -> Callable[[Any], list[str]]:
    return lambda value: [f"{word}:{_matching(value)}"]


def _texts(word: str) -> Callable[[Any], list[str]]:
    """Describe a map from names to texts; an empty text means that the name is there at all."""

    def words(value: Any) -> list[str]:
        if not isinstance(value, dict):
            return [f"{word}:{_plain(value)}"]
        return [f"{word}:{name}={_matching(value[name])}".removesuffix("=") for name in sorted(value)]

    return words


def _list(word: str) -> Callable[[Any], list[str]]:
    return lambda value: [f"{word}:{one}" for one in sorted(map(_plain, value if isinstance(value, list) else [value]))]


def _matching(value: Any) -> str:
    kind, text = _string(value)
    return {"prefix": f"{text}*", "regex": f"~{text}"}.get(kind, text)


def _string(value: Any) -> tuple[str, str]:
    """Return (exact, prefix or regex, text) of a StringMatch; no kind for anything else."""
    if isinstance(value, dict) and len(value) == 1:
        [(kind, text)] = value.items()
        if kind in ("exact", "prefix", "regex"):
            return kind, _plain(text)
    return "", "" if value in (None, {}) else _plain(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


_WORDS: dict[str, Callable[[Any], list[str]]] = {
    "port": _list("port"),
    "sniHosts": _list("sni"),
    "uri": _uri,
    "ignoreUriCase": _list("ignore-case"),
    "method": _text("method"),
    "authority": _text("authority"),
    "scheme": _text("scheme"),
    "headers": _texts("header"),
    "withoutHeaders": _texts("no-header"),
    "queryParams": _texts("query"),
    "destinationSubnets": _list("subnet"),
    "sourceSubnet": _list("source"),
    "sourceLabels": _texts("from"),
    "sourceNamespace": _list("from-namespace"),
    "gateways": _list("gateway"),
}
