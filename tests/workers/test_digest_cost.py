"""What a digest and an overview cost: the same number of requests and queries for ten services and for a thousand."""

from __future__ import annotations

import copy
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web

from chat.cards import card
from chat.digests import digest_message
from mesh.domain.catalog import Catalog, Cluster, MetricsServer
from mesh.domain.digests import Digest, Kind
from mesh.domain.operations import State
from mesh.operations.digests import gather
from mesh.operations.stage import Stage
from playground.serving import ServerThread
from tests.chat.checking import assert_accepted, assert_inert
from tests.mesh.operations.test_digests import Press
from tests.workers.cluster.conftest import World, world
from tests.workers.cluster.shapes import Obj, canary, destination_rule, virtual_service
from workers.cluster.adapter import KubernetesCluster
from workers.metrics.adapter import PrometheusMetrics

__all__ = ["world"]  # the stand-in API server, a fixture

DAILY = Digest("daily", "C0PROD", "0 9 * * *")


@dataclass
class Asked:
    """A Prometheus without samples that counts what it is asked."""

    queries: Counter[str] = field(default_factory=Counter)

    async def answer(self, request: web.Request) -> web.Response:
        """Count the query and find nothing."""
        self.queries[request.path] += 1
        kind = "matrix" if request.path.endswith("range") else "vector"
        return web.json_response({"status": "success", "data": {"resultType": kind, "result": []}})

    def app(self) -> web.Application:
        """Serve it."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        for path in ("/api/v1/query", "/api/v1/query_range"):
            app.router.add_route("*", path, self.answer)
        return app


@pytest.fixture
def asked() -> Iterator[tuple[Asked, str]]:
    """The counter and its address."""
    counter = Asked()
    with ServerThread(counter.app()) as server:
        yield counter, server.url


def objects(count: int) -> list[Obj]:
    """Services with a canary each, half of them in another namespace, a tenth with a long name."""
    made = []
    for number in range(count):
        name = f"service-{number:04}" + ("-with-a-rather-long-name-as-people-give-them" if number % 10 == 0 else "")
        route = virtual_service(canary(), name=f"{name}-routes", hosts=[name])
        for arm in route["spec"]["http"][0]["route"]:
            arm["destination"]["host"] = name
        place = {"namespace": "shop" if number % 2 else "bank"}
        for obj in (route, destination_rule(name, name)):
            made.append(copy.deepcopy(obj | {"metadata": obj["metadata"] | place}))
    return made


def fill(world: World, made: list[Obj]) -> None:
    """Put them into the stand-in, which reads slowly."""
    for start in range(0, len(made), 100):
        world.load(*made[start : start + 100])


def stage_over(world: World, url: str) -> tuple[Stage, KubernetesCluster]:
    """A stage with the real adapters; discovery is done."""
    catalog = Catalog((Cluster("demo", namespace="shop", prometheus=MetricsServer((url,))),), digests=(DAILY,))
    cluster = KubernetesCluster({"demo": world.client()})
    cluster.discover()
    return replace(Press().stage, catalog=catalog, cluster=cluster, metrics=PrometheusMetrics(catalog)), cluster


def lists(world: World, before: int) -> Counter[str]:
    """What was asked of the API server since, by path."""
    return Counter(f"{method} {path}" for method, path, _ in world.seen()[before:])


def test_a_digest_of_a_thousand_costs_what_one_of_ten_does(world: World, asked: tuple[Asked, str]) -> None:
    """One list for each kind, three queries, and a message that Slack takes."""
    counter, url = asked
    costs = []
    for count in (10, 1000):
        fill(world, objects(count))
        stage, _ = stage_over(world, url)
        before, began = len(world.seen()), time.process_time()
        counter.queries.clear()
        found = gather(stage, DAILY, at=time.time())
        took = time.process_time() - began
        assert found.services == count
        assert {part.kind: part.total for part in found.parts} == {Kind.OFF_REST: count, Kind.BLIND: count}
        assert found.troubles == ()
        drawn = digest_message(found)
        assert_accepted(drawn)
        assert_inert(drawn)
        assert str(count) in drawn.text
        # Of the processor: others may have it for most of the time.
        assert took < 20
        costs.append((lists(world, before), Counter(counter.queries)))
    assert costs[0] == costs[1]
    api, queries = costs[0]
    assert sum(api.values()) <= 7
    assert all(path.startswith("GET /apis/") and "/namespaces/" not in path for path in api)
    assert sum(queries.values()) <= 4


def test_an_overview_of_a_thousand_costs_what_one_of_ten_does(world: World) -> None:
    """`/mesh status` alone: one list for each kind, a card that Slack takes and that counts what it leaves out."""
    costs = []
    for count in (20, 1000):
        fill(world, objects(count))
        press = Press()
        cluster = KubernetesCluster({"demo": world.client()})
        cluster.discover()
        press.cluster = cluster  # type: ignore[assignment]  # the real one
        before = len(world.seen())
        done = press.do("status -n shop")
        assert done.state is State.SUCCEEDED
        assert len(done.statuses) + done.unshown == count // 2
        drawn = card(done)
        assert_accepted(drawn)
        costs.append(lists(world, before))
    assert f"{500 - 12} more routes are not shown" in str(drawn.blocks)
    assert costs[0] == costs[1]
    assert sum(costs[0].values()) <= 7


def test_where_routes_are_watched_nothing_is_asked(world: World, asked: tuple[Asked, str]) -> None:
    """A worker's memory of the routes is enough."""
    world.load(*objects(50))
    stage, cluster = stage_over(world, asked[1])
    cluster.watch({"demo": world.client()})
    try:
        _until_remembered(cluster)
        before = len(world.seen())
        assert gather(stage, DAILY, at=time.time()).services == 50
        assert [path for method, path, query in world.seen()[before:] if "watch" not in query] == []
    finally:
        cluster.close()


def _until_remembered(cluster: KubernetesCluster) -> None:
    site = cluster._sites["demo"]
    deadline = time.monotonic() + 60
    while any(not kept._heard_at > 0 for kept in site.remembered.values()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
