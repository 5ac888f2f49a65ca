"""The port's own suite, tests/contracts/test_cluster.py, on a real API server with the shipped rights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contracts import test_cluster as contract
from tests.e2e.admin import Admin
from tests.e2e.objects import filled
from tests.workers.cluster.shapes import TARGET, Obj
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient

# Whatever is added there is run here too.
globals().update({name: test for name, test in vars(contract).items() if name.startswith("test_")})


@pytest.fixture
def make(
    admin: Admin, worker_kubeconfig: Path, emptied: Callable[[str], None]
) -> Iterator[Callable[..., KubernetesCluster]]:
    """Return a maker of clusters that hold given objects, in namespaces that are empty again afterwards.

    Takes the place of the suite's own.
    """
    used = {TARGET.namespace}

    def real(*objects: Obj) -> KubernetesCluster:
        for namespace in {obj["metadata"]["namespace"] for obj in objects} - used:
            emptied(namespace)
            used.add(namespace)
        for obj in objects:
            admin.apply(filled(obj))
        clients = {"demo": KubernetesClient("demo", kubeconfig=str(worker_kubeconfig))}
        return KubernetesCluster(clients, route_namespaces={"demo": ["ingress"]})

    emptied(TARGET.namespace)
    yield real
    for namespace in used:
        emptied(namespace)
