"""One cluster of one node for the whole run, in the namespaces that `python -m tests.cluster` makes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.node import cluster
from tests.e2e.admin import Admin
from tests.e2e.binaries import cache
from tests.e2e.servers import install

PLACE = os.environ.get("MESHBOT_CLUSTER", "")
collect_ignore_glob = [] if PLACE else ["test_*.py"]


@pytest.fixture(scope="session")
def admin() -> Iterator[Admin]:
    """The administrator of the cluster; the meshes' definitions are installed."""
    place = Path(PLACE)
    with cluster(place / "cluster", sorted((place / "images").iterdir())) as kubeconfig:
        made = Admin(kubeconfig)
        install(made, cache())
        yield made
