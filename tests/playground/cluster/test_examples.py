"""The example files in manifests/examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from playground.cluster.manifests import documents
from tests.playground.cluster.conftest import EXAMPLES, Http

FILES = sorted(EXAMPLES.glob("*.yaml"))


def test_there_are_examples() -> None:
    """Every shape the project speaks of has its file."""
    assert len(FILES) == 12


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_example_is_served_as_written(http_: Http, file: Path) -> None:
    """Each object of each file reads back with all that was written; the server only adds."""
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert http_.do("POST", "/_playground/load", text, "application/yaml").status == 200
    for given in documents(text):
        group, _, version = given["apiVersion"].rpartition("/")
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        name, namespace = given["metadata"]["name"], given["metadata"].get("namespace")
        plurals = {entry["kind"]: entry["name"] for entry in reversed(http_.do("GET", root).body["resources"])}
        plural = plurals[given["kind"]].removesuffix("/status")
        place = f"{root}/namespaces/{namespace}" if namespace else root
        seen = http_.do("GET", f"{place}/{plural}/{name}").body
        assert _within(given, seen), (given, seen)


def _within(given: Any, seen: Any) -> bool:
    """Tell whether all of `given` stands in `seen`; lists are as long as they were."""
    if isinstance(given, dict) and isinstance(seen, dict):
        return all(key in seen and _within(value, seen[key]) for key, value in given.items())
    if isinstance(given, list) and isinstance(seen, list):
        return len(given) == len(seen) and all(_within(*pair) for pair in zip(given, seen, strict=True))
    return bool(given == seen)
