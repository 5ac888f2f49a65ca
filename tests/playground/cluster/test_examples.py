"""The example files in manifests/examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.cluster.manifests import documents
from tests.playground.cluster.conftest import EXAMPLES, Http

FILES = sorted(EXAMPLES.glob("*.yaml"))


def test_there_are_examples() -> None:
    """Every shape the project speaks of has its file."""
    assert len(FILES) == 11


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_example_is_served_unchanged(http_: Http, file: Path) -> None:
    """Each object of each file reads back exactly as written, but for the server's metadata."""
    text = file.read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert http_.do("POST", "/_playground/load", text, "application/yaml").status == 200
    for given in documents(text):
        group, _, version = given["apiVersion"].rpartition("/")
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        name, namespace = given["metadata"]["name"], given["metadata"]["namespace"]
        plurals = {entry["kind"]: entry["name"] for entry in reversed(http_.do("GET", root).body["resources"])}
        plural = plurals[given["kind"]].removesuffix("/status")
        seen = http_.do("GET", f"{root}/namespaces/{namespace}/{plural}/{name}").body
        shown = {key: value for key, value in seen["metadata"].items() if key in given["metadata"]}
        assert seen | {"metadata": shown} == given
