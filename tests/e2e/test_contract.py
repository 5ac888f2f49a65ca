"""The port's own suite, tests/contracts/test_cluster.py, on a real API server with the shipped rights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contracts import test_cluster as contract
from tests.e2e.admin import Admin
from tests.e2e.conftest import connected
from tests.e2e.objects import filled
from tests.workers.cluster.shapes import TARGET, Obj
from workers.cluster.adapter import KubernetesCluster

# Whatever is added there is run here too.
globals().update({name: test for name, test in vars(contract).items() if name.startswith("test_")})


@pytest.fixture
def make(admin: Admin, worker_kubeconfig: Path, emptied: Callable[[str], None]) -> Callable[..., KubernetesCluster]:
    """Return a maker of clusters that hold given objects; takes the place of the suite's own."""
    emptied(TARGET.namespace)

    def real(*objects: Obj) -> KubernetesCluster:
        for obj in objects:
            admin.apply(filled(obj))
        return connected(worker_kubeconfig)

    return real
