"""What is made once for a worker, and lasts from job to job."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from rq import Queue
from rq.serializers import JSONSerializer

from mesh.domain.catalog import Catalog, Cluster
from mesh.domain.errors import Unavailable
from mesh.domain.plans import Roles, plan
from mesh.domain.repositories import Repository
from mesh.domain.routes import STAMP_OPERATION
from mesh.operations.stage import Stage
from playground.cluster.api import make_app
from playground.cluster.kubeconfig import kubeconfig_text
from playground.cluster.objects import Cluster as StandIn
from playground.processes import Child
from playground.serving import ServerThread, free_port
from settings.environment import Environment
from settings.reloading import CatalogFile
from store.connection import patient
from store.jobs import WATCH
from tests.quickest import quickly
from tests.workers.cluster.conftest import World, until
from tests.workers.cluster.shapes import TARGET, canary, virtual_service
from workers import jobs, runner, wiring
from workers.clock import Clock
from workers.cluster.adapter import KubernetesCluster
from workers.git.adapter import GitCluster


@pytest.fixture(autouse=True)
def unprepared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process without a stage, whose threads end with the test."""
    monkeypatch.setattr(jobs._Process, "stage", None)
    yield
    if jobs._Process.stage is not None:
        # What measures it stands before it, and passes this on.
        cast(KubernetesCluster, jobs._Process.stage.cluster).close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A stand-in cluster with one route."""
    with ServerThread(make_app(StandIn())) as server:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(kubeconfig_text(server.url))
        made = World(server.url, kubeconfig)
        made.load(virtual_service(canary()))
        yield made


def prepared(kubeconfig: Path) -> Stage:
    """Prepare a worker as `meshbot worker` does, and return the stage its jobs get."""
    environment = Environment("xoxb-test", redis_url="redis://127.0.0.1:9/0", kubeconfig=str(kubeconfig))
    catalog = Catalog(clusters=(Cluster(TARGET.cluster, namespace=TARGET.namespace),))
    wiring.prepare(wiring.make_workshop(environment, catalog))()
    assert jobs._Process.stage is not None
    return jobs._Process.stage


def discoveries(world: World) -> list[str]:
    """Paths that were asked to learn what is served."""
    return [path for _, path, _ in world.seen() if path.startswith("/api") and path.count("/") <= 3]


def test_discovery_comes_before_the_first_job_and_never_again(world: World) -> None:
    """A job asks for objects only; what is served was learnt when the process started."""
    stage = prepared(world.kubeconfig)
    asked = discoveries(world)
    assert asked
    for _ in range(2):
        assert [route.name for route in stage.cluster.routes(TARGET)] == ["api-vs"]
    assert discoveries(world) == asked


def test_a_discovery_that_failed_is_made_up_for_by_the_next_job(world: World) -> None:
    """Jobs of a cluster that was away when the worker started run once it is there."""
    world.trouble(kind="status", path_contains="/apis", status=503)
    stage = prepared(world.kubeconfig)
    assert [route.name for route in stage.cluster.routes(TARGET)] == ["api-vs"]


def test_routes_are_watched_from_the_start(world: World) -> None:
    """A job then reads the object it is about, and lists nothing."""
    stage = prepared(world.kubeconfig)
    path = "/apis/networking.istio.io/v1/namespaces/shop/virtualservices"

    def asked() -> list[str]:
        before = len(world.seen())
        assert [route.name for route in stage.cluster.routes(TARGET)] == ["api-vs"]
        return [path for _, path, _ in world.seen()[before:] if "/namespaces/" in path]

    until(lambda: asked() == [f"{path}/api-vs"], "each job lists")


def test_a_silent_cluster_does_not_delay_the_start(tmp_path: Path) -> None:
    """An API server that accepts and says nothing is not waited for: there may be urgent work for another."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(kubeconfig_text(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        quickly(lambda: prepared(kubeconfig), within_s=wiring.WARM_S + 0.5)


def test_a_restarted_api_server_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage outlives its connections: the first job after a restart opens new ones, and patches once."""
    port, held = free_port(), StandIn()
    monkeypatch.setattr("playground.serving.free_port", lambda: port)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(kubeconfig_text(f"http://127.0.0.1:{port}"))
    with ServerThread(make_app(held)) as server:
        World(server.url, kubeconfig).load(virtual_service(canary()))
        stage = prepared(kubeconfig)
        assert stage.cluster.routes(TARGET)
    with pytest.raises(Unavailable):
        stage.cluster.routes(TARGET)
    with ServerThread(make_app(held)) as server:
        [route] = stage.cluster.routes(TARGET)
        change = plan(route, {"v1": 50, "v2": 50}, Roles("v1", "v2"), stamps={STAMP_OPERATION: "op-1"})
        assert stage.cluster.patch(change, TARGET).weights == {"v1": 50, "v2": 50}
        patches = [path for method, path, _ in World(server.url, kubeconfig).seen() if method == "PATCH"]
        assert len(patches) == 1


def test_each_job_has_one_whole_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed policy is the next job's, on the same connections; other clusters are another stage, for one job."""
    config = tmp_path / "meshbot.yaml"
    environment = Environment("xoxb-test", redis_url="redis://127.0.0.1:9/0", config_path=str(config))

    def configure(text: str) -> None:
        config.write_text(text)
        os.utime(config, (1000 + len(text), 1000 + len(text)))

    configure("clusters: {east: {}}")
    configuration, wear = CatalogFile(str(config)), runner.Wear()
    workshop = wiring.make_workshop(environment, configuration.current())
    jobs.install(workshop.open_stage(), renew=wiring.Renewal(environment, configuration, wear))
    first = jobs._stage()
    assert jobs._stage() is first
    configure("clusters: {east: {}}\npolicy: {roles: {sre: {users: [U0JIN], may: '*'}}}")
    second = jobs._stage()
    assert [role.name for role in second.catalog.policy.roles] == ["sre"]
    assert [role.name for role in first.catalog.policy.roles] == []
    assert second.cluster is first.cluster
    assert wear.reason == ""
    configure("clusters: [")
    assert jobs._stage() is second
    configure("clusters: {west: {}}\npolicy: {roles: {sre: {users: [U0JIN], may: '*'}}}")
    third = jobs._stage()
    assert third.catalog.clusters[0].name == "west"
    assert third.cluster is not second.cluster
    assert "configured otherwise" in wear.reason


def test_what_a_new_process_inherits_is_fresh(tmp_path: Path) -> None:
    """The supervisor looks at the file all the time: who takes the place of a worn worker has the last good one."""
    config, seen, inherited = (tmp_path / name for name in ("meshbot.yaml", "seen", "inherited"))
    environment = {"CONFIG": str(config), "SEEN": str(seen), "INHERITED": str(inherited)}
    config.write_text("policy: {roles: {old: {users: [U0JIN], may: '*'}}}")
    code = """if True:
        import os, time
        from settings.reloading import CatalogFile
        from workers.supervisor import supervise
        configuration, said = CatalogFile(os.environ["CONFIG"]), []
        def roles():
            return ",".join(role.name for role in configuration._standing.catalog.policy.roles)
        def look():
            standing = configuration.standing()
            now = roles() + (" broken" if standing.trouble else "")
            if said[-1:] != [now]:
                said.append(now)
                open(os.environ["SEEN"], "a").write(now + "\\n")
        def work(name):
            open(os.environ["INHERITED"], "a").write(f"{os.getpid()} {roles()}\\n")
            time.sleep(600)
        supervise(["urgent"], work, tick=look)
    """

    def lines(path: Path) -> list[str]:
        return path.read_text().splitlines() if path.exists() else []

    with Child("supervisor", [sys.executable, "-c", code], environment, tmp_path / "log"):
        until(lambda: lines(inherited) and lines(seen) == ["old"], "it starts")
        config.write_text("policy: {roles: {new: {users: [U0JIN], may: '*'}}}")
        until(lambda: lines(seen)[-1] == "new", "the supervisor sees the new one")
        config.write_text("policy: [")
        until(lambda: lines(seen)[-1] == "new broken", "the supervisor sees the broken one")
        first = lines(inherited)[0].split()
        os.kill(int(first[0]), signal.SIGKILL)
        until(lambda: len(lines(inherited)) == 2, "somebody takes the place of the worker")
        assert first[1] == "old"
        assert lines(inherited)[1].split()[1] == "new"


def test_the_clock_looks_at_the_configured_clusters(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock reads the configuration: each of its clusters that has a rollout gets a look at the next tick."""
    ticked: list[Clock] = []
    monkeypatch.setattr(wiring, "run_until_signal", ticked.append)
    config = tmp_path / "meshbot.yaml"
    config.write_text("clusters: {east: {context: east}, west: {context: west}}")
    client = patient(redis_url)
    for cluster in ("west", "elsewhere"):
        client.hset(f"meshbot:rollouts:{cluster}", "shop/api", "op-1")
    wiring.run_clock(Environment("xoxb-test", redis_url=redis_url, config_path=str(config)))
    [clock] = ticked
    clock.tick()
    waiting = Queue(WATCH, connection=client, serializer=JSONSerializer).job_ids
    assert [job.rpartition("-")[0] for job in waiting] == ["look-west"]
    config.write_text("clusters: {elsewhere: {}}\nrollouts: {look: 1s}")
    os.utime(config, (1000, 1000))

    def looks() -> list[str]:
        clock.tick()
        waiting = Queue(WATCH, connection=client, serializer=JSONSerializer).job_ids
        return [job.rpartition("-")[0] for job in waiting]

    until(lambda: "look-elsewhere" in looks(), "a changed configuration is not followed")


def test_a_catalog_with_repositories_is_wired_to_them(tmp_path: Path) -> None:
    """Without one nothing stands before the cluster; with one the services that it keeps are written there."""
    environment = Environment("xoxb-test", redis_url="redis://127.0.0.1:9/0", kubeconfig=str(tmp_path / "none"))
    kept = Catalog(repositories=(Repository("apps", "https://git.example.com/apps.git"),))
    stages = [wiring.make_workshop(environment, catalog).open_stage() for catalog in (Catalog(), kept)]
    # Behind what measures it.
    assert [type(cast(Any, stage.cluster)._inner) for stage in stages] == [KubernetesCluster, GitCluster]
    assert wiring._made_of(Catalog()) != wiring._made_of(kept)
