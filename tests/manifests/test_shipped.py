"""The shipped manifests say what the code does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from settings.file import read_catalog
from workers.cluster.rights import RIGHTS

MANIFESTS = Path(__file__).parents[2] / "manifests"
CONFIGURATIONS = Path(__file__).parents[2] / "docs/examples"


def load(name: str) -> list[dict[str, Any]]:
    """Every document of one manifest."""
    return [doc for doc in yaml.safe_load_all((MANIFESTS / name).read_text()) if doc]


def test_the_role_grants_exactly_what_the_workers_ask() -> None:
    """One right too few breaks a command, one too many is a hole."""
    role = next(doc for doc in load("rbac.yaml") if doc["kind"] == "ClusterRole")
    granted = {(rule["apiGroups"][0], rule["resources"][0], tuple(rule["verbs"])) for rule in role["rules"]}
    assert granted == set(RIGHTS)


def test_the_manifest_of_the_rights_stands_alone() -> None:
    """The account's namespace is made first, and the binding gives the role to that account."""
    namespace, account, role, binding = load("rbac.yaml")
    assert namespace["kind"] == "Namespace"
    assert account["metadata"]["namespace"] == namespace["metadata"]["name"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    whose = {key: account["metadata"][key] for key in ("name", "namespace")}
    assert binding["subjects"] == [{"kind": "ServiceAccount", **whose}]


@pytest.mark.parametrize("file", sorted(CONFIGURATIONS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_example_configurations_are_good(file: Path) -> None:
    """Each can be read whole, and lets somebody change something."""
    assert read_catalog(str(file)).policy.roles


def test_the_examples_are_complete() -> None:
    """The namespace, both versions of the workload, and each mesh's way to split it."""
    files = [f"examples/{path.name}" for path in sorted((MANIFESTS / "examples").glob("*.yaml"))]
    objects = [doc for file in files for doc in load(file)]
    kinds = {doc["kind"] for doc in objects}
    assert {"Namespace", "Service", "DestinationRule", "VirtualService"} <= kinds
    assert {"TrafficSplit", "HTTPRoute", "ServiceProfile"} <= kinds
    workloads = {
        doc["spec"]["template"]["metadata"]["labels"]["version"] for doc in objects if doc["kind"] == "Deployment"
    }
    assert workloads == {"v1", "v2"}
    [namespace] = [doc["metadata"]["name"] for doc in objects if doc["kind"] == "Namespace"]
    assert {doc["metadata"]["namespace"] for doc in objects if doc["kind"] != "Namespace"} == {namespace}
