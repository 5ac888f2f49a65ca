"""The shipped rights: every one of them is needed, and no other is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from mesh.domain.commands import Target
from mesh.domain.errors import Refused
from mesh.domain.operations import State
from mesh.domain.plans import Roles, plan
from mesh.domain.routes import STAMP_OPERATION, Arm, Route
from tests.e2e.admin import Admin, Right, shipped_rights, until
from tests.e2e.audit import requests_of, settle
from tests.e2e.bench import RealBench
from tests.e2e.conftest import GIVEN, connected
from tests.e2e.controllers import Acceptor
from tests.e2e.objects import GRPC_ROUTE, apply_example, example
from tests.e2e.workloads import apply_workload, placed
from tests.e2e.writing import rewrite
from tests.workers.cluster.shapes import pod
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient

SHOP = Target("demo", "mesh-demo", "api")
FILES = ("app.yaml", "istio-traffic.yaml", "linkerd-split.yaml", "httproute.yaml")
KINDS = ("VirtualService", "TrafficSplit", "HTTPRoute", "GRPCRoute")
RIGHTS = shipped_rights()
ROUTES = [GRPC_ROUTE, *(obj for file in FILES for obj in example(file) if obj["kind"] in KINDS)]


def everything(cluster: KubernetesCluster, known: list[Route]) -> list[str]:
    """Do all that workers ever do to a cluster; return what a missing right made of it, as people are told."""
    steps: list[Callable[[], object]] = [lambda: _told(cluster.routes(SHOP)), lambda: cluster.services(SHOP)]
    for route in known:
        change = plan(route, {arm.name: 50 for arm in route.arms}, Roles(), stamps={STAMP_OPERATION: "op-1"})
        steps += [
            lambda change=change: cluster.reread(change, SHOP),  # type: ignore[misc]  # mypy cannot infer a lambda's default
            lambda change=change: cluster.patch(change, SHOP),  # type: ignore[misc]  # as above
            lambda arm=route.arms[0]: cluster.ready(arm, SHOP),  # type: ignore[misc]  # as above
        ]
    return [said for said in map(_tried, steps) if said]


def _told(routes: list[Route]) -> None:
    """A route whose versions could not be learnt is still a route; it only warns."""
    warnings = {warning for route in routes for warning in route.warnings if "meshbot may not" in warning}
    if warnings:
        raise Refused("; ".join(warnings))


def _tried(step: Callable[[], object]) -> str:
    try:
        step()
    except Refused as refused:
        return f"{refused.message} {refused.hint}"
    return ""


@pytest.fixture
def known(admin: Admin, cluster: KubernetesCluster, demo: str) -> list[Route]:
    """A route of each kind, in a namespace that has them all."""
    apply_workload(admin)
    for file in FILES:
        apply_example(admin, file)
    admin.apply(GRPC_ROUTE)
    return cluster.routes(SHOP)


def test_the_shipped_rights_are_enough(cluster: KubernetesCluster, known: list[Route]) -> None:
    """Nothing that workers do is refused."""
    assert [route.kind for route in known] == list(KINDS)
    assert everything(cluster, known) == []


@pytest.mark.parametrize("missing", [right for right in RIGHTS if right[2] != "watch"], ids="-".join)
def test_one_right_too_few_is_named(admin: Admin, known: list[Route], missing: Right) -> None:
    """Without it something is refused, and every refusal names it and the rule to add; so none is granted in vain."""
    group, plural, verb = missing
    name = f"without-{verb}-{plural}"
    kubeconfig = admin.account(name, [right for right in RIGHTS if right != missing])
    said = everything(connected(kubeconfig), known)
    assert said
    for one in said:
        assert f"meshbot may not {verb} {plural} in namespace mesh-demo" in one
    rule = f'{{apiGroups: ["{group}"], resources: ["{plural}"], verbs: ["{verb}"]}}'
    assert any(rule in one for one in said) or plural == "destinationrules"


def test_without_watching_all_still_works(admin: Admin, known: list[Route], caplog: pytest.LogCaptureFixture) -> None:
    """As with rights in some namespaces only: each job lists for itself, and what is missing is in the log."""
    cluster = connected(admin.account("without-watch", [right for right in RIGHTS if right[2] != "watch"]))
    kinds = {plural for _, plural, verb in RIGHTS if verb == "watch"}
    with watching(cluster):
        until(lambda: len(kinds_told(caplog)) == len(kinds), "what is missing was not told")
        assert kinds_told(caplog) == kinds
        assert everything(cluster, known) == []


def kinds_told(caplog: pytest.LogCaptureFixture) -> set[str]:
    """Return what is said not to be watched for a missing right."""
    said = re.findall(r"meshbot may not watch (\w+) in all namespaces of cluster demo", caplog.text)
    return set(said)


@contextmanager
def watching(cluster: KubernetesCluster) -> Iterator[None]:
    """Watch, as a worker does from its start to its end."""
    sources = {name: cast("KubernetesClient", site.client) for name, site in cluster._sites.items()}
    cluster.watch(sources)
    try:
        yield
    finally:
        cluster.close()


def test_an_account_without_rights_is_told_so(admin: Admin, known: list[Route]) -> None:
    """Discovery is open to it, so that what is missing is a right and not the cluster."""
    bare = connected(admin.account("without-rights", []))
    bare.discover()
    with pytest.raises(Refused, match="meshbot may not list virtualservices"):
        bare.routes(SHOP)


def test_the_workers_may_not_do_more(admin: Admin, worker_kubeconfig: Path) -> None:
    """No secrets, no deleting, no creating, no status: asked of the server itself."""
    worker = Admin(worker_kubeconfig)
    routes = "/apis/networking.istio.io/v1/namespaces/mesh-demo/virtualservices"
    assert worker.do("GET", "/api/v1/namespaces/mesh-demo/secrets").status == 403
    assert worker.do("POST", routes, {}).status == 403
    assert worker.do("DELETE", f"{routes}/api-vs").status == 403
    assert worker.do("PATCH", f"{routes}/api-vs/status", [], "application/json-patch+json").status == 403
    assert worker.do("PUT", f"{routes}/api-vs", {}).status == 403


def test_ready_endpoints_are_counted(admin: Admin, cluster: KubernetesCluster, known: list[Route]) -> None:
    """Those of the Service's slices, for a subset only those of its pods; a pod that is in no slice does not count."""
    apply_workload(admin, {"v1": 0, "v2": 2})
    admin.apply(placed(pod("api-v2-idle", labels={"app": "api", "version": "v2"})))
    by_subset, by_service = _arm(known, "VirtualService", "v2"), _arm(known, "HTTPRoute", "api-v2")
    assert (cluster.ready(by_subset, SHOP).count, cluster.ready(by_service, SHOP).count) == (2, 2)
    assert cluster.ready(_arm(known, "HTTPRoute", "api-v1"), SHOP).count == 0


def _arm(routes: list[Route], kind: str, name: str) -> Arm:
    [found] = [arm for route in routes if route.kind == kind for arm in route.arms if arm.name == name]
    return found


# --- what was asked, by the API server's own record ------------------------------------------------------------------


@pytest.mark.skipif(bool(GIVEN), reason="the audit log of a given cluster is not here to be read")
def test_what_is_granted_is_what_is_asked(admin: Admin, acceptor: Acceptor, known: list[Route]) -> None:
    """Every verb on every kind of route asks for the rights of manifests/rbac.yaml: none is missing, none is spare."""
    account = admin.account("audited", RIGHTS)
    cluster = connected(account)
    bench = RealBench(real=cluster)
    cluster.discover()
    # Without a watch as well: what is not watched is listed.
    for route in known:
        every_verb(admin, bench, route)
    with watching(cluster):
        until(lambda: all(one._open for one in cluster._watching[0]._watchers), "not watched")
        every_verb(admin, bench, known[0])
    settle(admin, Admin(account))
    asked = {request.right for request in requests_of(admin, "audited")}
    missing, spare = sorted(asked - set(RIGHTS)), sorted(set(RIGHTS) - asked)
    assert not missing, f"asked for and not granted: {missing}"
    assert not spare, f"granted and never asked for: {spare}"


def every_verb(admin: Admin, bench: RealBench, route: Route) -> None:
    """Do with one route all that people can ask for."""
    which = f"--route {route.kind}/{route.name}"
    bench.succeed("status")
    for command in (
        "status api",
        "gates api",
        "promote api 50 --dry-run",
        "promote api 50",
        "undo api",
        "rollback api",
    ):
        bench.succeed(f"{command} {which}")
    [obj] = [obj for obj in ROUTES if obj["kind"] == route.kind]
    for command, v1 in (("adopt api", 70), ("reapply api", 60)):
        rewrite(admin, obj, v1, 100 - v1, manager="somebody")
        bench.succeed(f"{command} {which}")
    assert bench.do("status nobody").state is State.REFUSED
