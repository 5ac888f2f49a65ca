"""One cluster of one node for the whole run, in the namespaces that `python -m tests.cluster` makes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.node import cluster
from tests.cluster.reader import settle
from tests.cluster.surroundings import metrics
from tests.e2e.admin import Admin
from tests.e2e.binaries import cache
from tests.e2e.servers import install
from tests.e2e.walking import Walk, walker

PLACE = os.environ.get("MESHBOT_CLUSTER", "")
collect_ignore_glob = [] if PLACE else ["test_*.py"]


@pytest.fixture(scope="session")
def admin() -> Iterator[Admin]:
    """The administrator of the cluster; the meshes' definitions are installed, and Prometheus counts."""
    place = Path(PLACE)
    with cluster(place / "cluster", sorted((place / "images").iterdir())) as kubeconfig:
        made = Admin(kubeconfig)
        install(made, cache())
        with metrics(place / "metrics", made):
            yield made


@pytest.fixture(scope="session")
def walk(admin: Admin, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """A way to run one command as the reader would, where they stand."""
    house = tmp_path_factory.mktemp("house")
    settle(house, admin)
    return walker(house, admin.kubeconfig, timeout_s=400)
