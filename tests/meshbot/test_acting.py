"""The workers' wiring: complete, and silent until it is used."""

from __future__ import annotations

from dataclasses import fields

from mesh.domain.catalog import Catalog, Cluster
from mesh.operations.stage import Stage
from settings.environment import Environment
from workers.wiring import make_workshop, prepare

# Closed ports: whatever calls somebody while it is being built fails or waits here.
NOWHERE = Environment("xoxb-test", slack_api_url="http://127.0.0.1:9/api/", redis_url="redis://127.0.0.1:9/0")


def test_a_stage_is_built_without_calling_anybody() -> None:
    """A child opens its connections when it needs them, so an absent part does not keep it from starting."""
    workshop = make_workshop(NOWHERE, Catalog(clusters=(Cluster("a"), Cluster("b"))))
    stage = workshop.open_stage()
    assert [name.name for name in fields(Stage) if getattr(stage, name.name) is None] == []


def test_an_absent_cluster_does_not_keep_workers_from_starting() -> None:
    """What a cluster serves is asked beforehand when possible, and later otherwise."""
    workshop = make_workshop(NOWHERE, Catalog())
    prepare(workshop)()
    workshop.cluster.close()
