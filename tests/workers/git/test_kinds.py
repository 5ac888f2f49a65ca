"""Other kinds of routes than a VirtualService: Git has what a person wrote, the cluster what its API made of it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.domain.catalog import Catalog, Cluster, Service
from mesh.domain.commands import Target
from mesh.domain.plans import Roles, plan
from mesh.domain.repositories import InGit, Repository
from mesh.domain.routes import STAMP_OPERATION, Acceptance
from tests.workers.git.server import TOKEN, GitServer
from workers.git.adapter import GitCluster
from workers.memory import MemoryCluster

TARGET = Target("demo", "mesh-demo", "api")
HTTP_ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api-route, namespace: mesh-demo}
spec:
  parentRefs: [{group: "", kind: Service, name: api, port: 8080}]   # producer
  rules:
    - matches: [{path: {type: PathPrefix, value: /old}}]
      filters: [{type: RequestRedirect, requestRedirect: {statusCode: 301}}]
    - backendRefs:
        - {name: api-v1, port: 8080, weight: 90}
        - {name: api-v2, port: 8080, weight: 10}
"""
TRAFFIC_SPLIT = """\
apiVersion: split.smi-spec.io/v1alpha2
kind: TrafficSplit
metadata: {name: api-split, namespace: mesh-demo}
spec:
  service: api
  backends:
  - service: api-v1
    weight: 90
  - service: api-v2
    weight: 10
"""
DELEGATING = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: api, namespace: mesh-demo}
spec:
  hosts: [api.mesh-demo.svc.cluster.local]
  http:
  - name: beta
    match: [{headers: {beta: {exact: "1"}}}]
    route: [{destination: {host: api.mesh-demo.svc.cluster.local, subset: v2}, weight: 100}]
  - name: rest
    route:
    - {destination: {host: api.mesh-demo.svc.cluster.local, subset: v1}, weight: 90}
    - {destination: {host: api.mesh-demo.svc.cluster.local, subset: v2}, weight: 10}
"""


def defaulted(obj: dict[str, Any]) -> dict[str, Any]:
    """What an API server and a controller add to an HTTPRoute."""
    made = copy.deepcopy(obj)
    if made["kind"] == "HTTPRoute":
        for rule in made["spec"]["rules"]:
            rule.setdefault("matches", [{"path": {"type": "PathPrefix", "value": "/"}}])
            for backend in rule.get("backendRefs", ()):
                backend |= {"group": "", "kind": "Service"}
        parent = {"group": "", "kind": "Service", "name": "api", "port": 8080}
        accepted = {"type": "Accepted", "status": "True", "observedGeneration": 1, "reason": "Accepted", "message": ""}
        made["status"] = {"parents": [{"parentRef": parent, "controllerName": "x/y", "conditions": [accepted]}]}
    return made


@pytest.mark.parametrize("manifest", [HTTP_ROUTE, TRAFFIC_SPLIT, DELEGATING], ids=["http", "split", "rules"])
def test_each_kind_is_edited_in_its_own_form(manifest: str, server: GitServer, tmp_path: Path) -> None:
    """Defaults that the API server added, and other rules, do not matter: the two numbers of this rule change."""
    server.push({"route.yaml": manifest})
    (tmp_path / "token").write_text(TOKEN)
    memory = MemoryCluster([defaulted(yaml.safe_load(manifest))])
    catalog = Catalog(
        (Cluster("demo"),),
        (Service("api", in_git=InGit("apps", "route.yaml")),),
        repositories=(Repository("apps", server.url, token_file=str(tmp_path / "token")),),
    )
    cluster = GitCluster(memory, catalog)
    route = next(one for one in cluster.routes(TARGET) if len(one.arms) > 1)
    assert route.kept is not None
    assert (route.kept.trouble, route.synced) == ("", True)
    v1, v2 = route.weights
    made = plan(route, {v1: 50, v2: 50}, Roles(v1, v2), stamps={STAMP_OPERATION: "op-1"})
    cluster.patch(made, TARGET)
    wanted = manifest.replace("weight: 90", "weight: 50").replace("weight: 10\n", "weight: 50\n")
    assert server.read("route.yaml").decode() == wanted.replace("weight: 10}", "weight: 50}")
    committed = cluster.reread(made, TARGET)
    assert committed is not None
    assert (committed.weights, committed.synced) == ({v1: 50, v2: 50}, False)
    memory.client.put(defaulted(yaml.safe_load(server.read("route.yaml"))) | {"metadata": synced(memory)})
    followed = cluster.reread(made, TARGET)
    assert followed is not None
    assert followed.synced
    pending = manifest is HTTP_ROUTE
    assert followed.acceptance is (Acceptance.PENDING if pending else Acceptance.ACCEPTED)


def synced(memory: MemoryCluster) -> dict[str, Any]:
    """The metadata that the object keeps when it is applied again."""
    held = next(iter(memory.client._held.values()))
    return {key: held["metadata"][key] for key in ("name", "namespace", "uid")}
