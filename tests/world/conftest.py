"""One world a mesh, started once: redis-server, Prometheus, stand-ins, simulated traffic, bot, worker and clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.world.town import Town, make_world


@pytest.fixture(scope="package")
def istio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A world with Istio's metrics."""
    directory = tmp_path_factory.mktemp("istio")
    with make_world(directory, mesh="istio") as world:
        yield Town(world)


@pytest.fixture(scope="package")
def linkerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A world with Linkerd's metrics."""
    directory = tmp_path_factory.mktemp("linkerd")
    with make_world(directory, mesh="linkerd") as world:
        yield Town(world)
