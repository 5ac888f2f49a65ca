"""The bench of the verbs with a service that a real Git server keeps, and an Argo CD that syncs when it is told to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from mesh.domain.catalog import Catalog, Service
from mesh.domain.operations import Operation
from mesh.domain.repositories import InGit, Repository
from mesh.operations.running import run
from mesh.operations.stage import Stage
from store.memory import MemoryOperations
from tests.mesh.operations.bench import Bench, surroundings
from tests.workers.git.server import TOKEN, GitServer
from workers.git.adapter import GitCluster
from workers.git.repository import Remote
from workers.git.transport import DIRECT, Proxies

PATH = "apps/api/routing.yaml"
MANIFEST = """\
# Owned by the platform team; meshbot writes the weights.
apiVersion: v1
kind: ConfigMap
metadata: {name: api-settings, namespace: mesh-demo}
data:
  weight: "90"
---
apiVersion:   networking.istio.io/v1beta1
kind: VirtualService
metadata:
  name: api-vs
  namespace: mesh-demo
  annotations:
    argocd.argoproj.io/tracking-id: apps:networking.istio.io/VirtualService:mesh-demo/api-vs
spec:
  hosts: ["api.mesh-demo.svc.cluster.local"]
  http:
    - route:
        - destination: {host: api.mesh-demo.svc.cluster.local, subset: v1}
          weight: 90      # the old one
        - weight:   10
          destination:
              host: api.mesh-demo.svc.cluster.local
              subset: 'v2'
"""


class GitBench(Bench):
    """`Bench` whose service `api` is kept in Git; `sync()` is what Argo CD does in its own time."""

    def __init__(self, server: GitServer, directory: Path, **told: Any) -> None:
        """Put the manifest into the repository and, synced, into the cluster."""
        self.server = server
        secret = directory / "token"
        secret.write_text(f"{TOKEN}\n")
        at = {"url": server.url, "token_file": str(secret), "email": "meshbot@example.com", "sync_s": 300.0}
        self.repository = Repository("apps", **{**at, **told.pop("repository", {})})
        self.proxies: Proxies = told.pop("proxies", DIRECT)
        self.in_git = InGit("apps", PATH, **told.pop("in_git", {}))
        server.push({PATH: told.pop("manifest", MANIFEST)}, "First")
        super().__init__(
            objects=[*surroundings()],
            services=(Service("api", in_git=self.in_git, stable="v1", canary="v2"),),
            **told,
        )
        self.sync()

    def __post_init__(self) -> None:
        """Wire the ports, and the repository beside the cluster."""
        super().__post_init__()
        self.another_worker()

    @property
    def catalog(self) -> Catalog:
        """The configuration, with the repository."""
        return replace(super().catalog, repositories=(self.repository,))

    @property
    def stage(self) -> Stage:
        """What a worker has: the cluster behind the repository."""
        return replace(super().stage, cluster=self.git)

    def another_worker(self) -> None:
        """Go on as a worker that has just started and fetched nothing."""
        self.git = GitCluster(self.cluster, self.catalog, connect=lambda one: Remote(one, self.proxies))

    def sync(self) -> None:
        """Apply what is in Git, as Argo CD would: annotations of others stay."""
        for document in yaml.safe_load_all(self.server.read(PATH)):
            if document["kind"] == "VirtualService":
                held = self.cluster.client._held.get(("VirtualService", "mesh-demo", "api-vs"), {})
                metadata = {key: held["metadata"][key] for key in ("uid", "generation") if held}
                self.cluster.client.put({**document, "metadata": {**metadata, **document["metadata"]}})

    @staticmethod
    def manifest_object() -> dict[str, Any]:
        """The route of the manifest, as data."""
        documents: list[dict[str, Any]] = list(yaml.safe_load_all(MANIFEST))
        return documents[1]

    def done(self, text: str) -> Operation:
        """Receive a command, run it, sync, and run it to its end."""
        asked = self.do(text)
        self.sync()
        return self.later(asked)

    def forget(self) -> None:
        """Empty the store, as after the loss of Redis."""
        self.operations = MemoryOperations(self.time, log=self.log, locks=self.locks)

    def in_git_now(self) -> list[int]:
        """The weights at the head of the branch."""
        documents = yaml.safe_load_all(self.server.read(PATH))
        route = next(one for one in documents if one["kind"] == "VirtualService")
        return [arm["weight"] for arm in route["spec"]["http"][0]["route"]]

    def later(self, operation: Operation, seconds: float = 5.0) -> Operation:
        """Look at an operation again, as the clock would let a worker do."""
        self.time.at += seconds
        return run(operation.id, self.stage)
