"""Reads YAML the way Kubernetes tools do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

Obj = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """SafeLoader without timestamps: JSON has none, and Kubernetes keeps them as text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def documents(text: str) -> list[Obj]:
    """Return the objects of a multi-document YAML (or JSON) text, `kind: List` opened; empty documents are skipped.

    Raises ValueError when the text is not YAML or a document is not an object.
    """
    try:
        return list(_opened(yaml.load_all(text, _Loader)))
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error


def _opened(loaded: Iterable[Any]) -> Iterable[Obj]:
    for document in loaded:
        if document is None:
            continue
        if not isinstance(document, dict):
            raise yaml.YAMLError(f"each document must be an object, not {type(document).__name__}")
        if document.get("kind") == "List":
            yield from _opened(document.get("items") or [])
        else:
            yield document
