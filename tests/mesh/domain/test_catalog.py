"""The catalog: completing a target, and knowing services that have no entry."""

from __future__ import annotations

import pytest

from mesh.domain.catalog import Catalog, Cluster, Service
from mesh.domain.commands import Target
from mesh.domain.errors import NotFound
from tests.builders import command

CATALOG = Catalog(
    clusters=(Cluster("prod", namespace="shop"), Cluster("dev", mesh="linkerd")),
    services=(Service("api", cluster="dev", namespace="mesh-demo", stable="v1"), Service("web", mesh="linkerd")),
)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("status web", Target("prod", "shop", "web")),
        ("status web -n other", Target("prod", "other", "web")),
        ("status web -c dev", Target("dev", "default", "web")),
        ("status api", Target("dev", "mesh-demo", "api")),
        ("status api -c prod", Target("prod", "shop", "api")),
    ],
)
def test_a_target_is_completed_from_options_then_entry_then_cluster(text: str, target: Target) -> None:
    """What was typed wins, then the service's entry, then the cluster's default; the first cluster is the default."""
    assert CATALOG.target(command(text)) == target


def test_an_entry_speaks_for_its_own_cluster_only() -> None:
    """The same name elsewhere is another service, and has defaults."""
    assert CATALOG.service(Target("dev", "mesh-demo", "api")).stable == "v1"
    assert CATALOG.service(Target("prod", "shop", "api")) == Service("api")


def test_of_several_entries_the_first_that_agrees_speaks() -> None:
    """Entries of one name are tried in their order; one without a cluster agrees with any."""
    catalog = Catalog(services=(Service("api", "dev"), Service("web"), Service("api", stable="a"), Service("api")))
    assert catalog.service(Target("prod", "shop", "api")) == Service("api", stable="a")
    assert catalog.service(Target("dev", "shop", "api")) == Service("api", "dev")
    assert catalog.service(Target("dev", "shop", "web")) == Service("web")


def test_an_unknown_cluster_is_refused_with_the_nearest() -> None:
    """A mistyped cluster is never a quiet default."""
    with pytest.raises(NotFound) as caught:
        CATALOG.target(command("status api -c prd"))
    assert caught.value.hint == "Did you mean prod?"


def test_whose_metrics_speak() -> None:
    """The service's own word wins over the cluster's."""
    assert CATALOG.mesh(Target("prod", "shop", "web")) == "linkerd"
    assert CATALOG.mesh(Target("prod", "shop", "api")) == "istio"
