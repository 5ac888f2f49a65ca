"""The world of tests/world, with a real API server in the place of the stand-in cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from aiohttp import web

from playground.parts import OtherCluster, World
from playground.serving import ServerThread
from tests.e2e.admin import Admin, Obj
from tests.e2e.objects import COLLECTIONS, apply_example
from tests.e2e.workloads import apply_workload
from tests.world.town import PATHS, Town, make_world

NAMESPACE = "mesh-demo"
GRPC_ROUTES = f"/apis/gateway.networking.k8s.io/v1/namespaces/{NAMESPACE}/grpcroutes"


@dataclass
class RealTown(Town):
    """A running world around the real API server, and what a test does in it."""

    world: World
    admin: Admin

    def reset(self, *examples: str) -> None:
        """Let the namespace hold the workload and these example files, nothing else."""
        self.admin.namespace(NAMESPACE)
        self.admin.empty(NAMESPACE, COLLECTIONS)
        apply_workload(self.admin)
        for file in examples:
            apply_example(self.admin, file)

    def objects(self, kind: str) -> list[Obj]:
        """All objects of a routing kind."""
        items: list[Obj] = self.admin.must("GET", _path(kind))["items"]
        return items

    def object(self, kind: str, name: str) -> Obj:
        """One object as the API server has it, without what its controllers say of it."""
        found = self.admin.must("GET", f"{_path(kind)}/{name}")
        return {key: value for key, value in found.items() if key != "status"}

    def empty_redis(self) -> None:
        """Let Redis forget everything: operations, audit log, jobs, and the workers' own registrations."""
        with redis.Redis.from_url(self.world.redis.url) as store:
            store.flushall()


@contextmanager
def real_town(directory: Path, admin: Admin, worker_kubeconfig: Path, *, mesh: str) -> Iterator[RealTown]:
    """Run bot, workers and clock around the API server; the workers have the shipped account, the others none."""
    with ServerThread(window(Admin(admin.kubeconfig))) as objects:
        cluster = OtherCluster(objects.url, worker_kubeconfig)
        with make_world(directory, mesh=mesh, cluster=cluster) as world:
            yield RealTown(world, admin)


def window(admin: Admin) -> web.Application:
    """Return a server that answers GET as the API server answers an administrator: for the simulated sidecars."""

    async def read(request: web.Request) -> web.Response:
        reply = await asyncio.to_thread(admin.do, "GET", request.path)
        return web.json_response(reply.body, status=reply.status)

    app = web.Application()
    app.router.add_get("/{path:.*}", read)
    return app


def _path(kind: str) -> str:
    return {**PATHS, "GRPCRoute": GRPC_ROUTES}[kind]
