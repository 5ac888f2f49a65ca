"""The chart on a real API server: every object of every case, the pods, the rights, an installation and its end."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mesh.domain.commands import Target
from mesh.domain.errors import Refused
from playground.cluster.manifests import documents
from tests.e2e.admin import APPLY, RBAC, Admin, Obj, until
from tests.e2e.binaries import cache
from tests.e2e.conftest import DEMO, connected
from tests.e2e.crds import OPERATORS
from tests.e2e.objects import apply_example
from tests.e2e.servers import install
from tests.helm.chart import CASES, CHART, case, helm, objects, pods
from tools.chart import MANIFESTS, SHEETS, manifest

NAMESPACES = ("meshbot", "mesh-demo", "shop")
RESTRICTED = "chart-restricted"
INSTALLED = "chart-installed"


@pytest.fixture(scope="module")
def known(admin: Admin) -> Admin:
    """The administrator of an API server that knows the operators' definitions and the chart's namespaces."""
    install(admin, cache(), OPERATORS)
    for name in NAMESPACES:
        admin.namespace(name)
    return admin


def dry_run(admin: Admin, obj: Obj) -> None:
    """Have the server check and admit an object without keeping it; unknown fields are errors."""
    path = f"{admin.path(obj)}/{obj['metadata']['name']}"
    admin.must("PATCH", f"{path}?dryRun=All&fieldManager=chart&force=true&fieldValidation=Strict", obj, APPLY)


@pytest.mark.parametrize("name", CASES)
def test_every_rendered_object_is_accepted(known: Admin, name: str) -> None:
    """No field is unknown to the server or to the operators' official definitions, and no value is invalid."""
    for obj in case(name):
        dry_run(known, obj)


@pytest.mark.parametrize("name", SHEETS)
def test_every_manifest_is_accepted(known: Admin, name: str) -> None:
    """What is shipped for kubectl is what a server takes."""
    for obj in documents((MANIFESTS / name).read_text(encoding="utf-8")):
        dry_run(known, obj)


@pytest.mark.parametrize("name", ["default", "redis-internal", "everything-said"])
def test_every_pod_is_admitted_as_restricted(known: Admin, name: str) -> None:
    """The server's own admission finds nothing that the strictest Pod Security Standard forbids."""
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    known.namespace(RESTRICTED)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": RESTRICTED, "labels": label}}
    known.apply(namespace)
    where = f"/api/v1/namespaces/{RESTRICTED}/pods?dryRun=All&fieldValidation=Strict"
    for who, pod in pods(case(name)).items():
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": who}, "spec": pod["spec"]}
        reply = known.do("POST", where, made)
        assert reply.status == 201, (who, reply.body.get("message"))
    reply = known.do("POST", where, made | {"spec": {"containers": [{"name": "any", "image": "any"}]}})
    assert reply.status == 403, "the namespace is not restricted, so nothing was shown"


# --- rights ----------------------------------------------------------------------------------------------------------


def test_the_rights_of_this_run_are_the_charts() -> None:
    """What `make e2e` applies and works with, every test of it, is what the chart renders now."""
    assert RBAC.read_text(encoding="utf-8") == manifest(SHEETS["rbac.yaml"])
    [role] = [obj for obj in documents(RBAC.read_text(encoding="utf-8")) if obj["kind"] == "ClusterRole"]
    [rendered] = [obj for obj in case("default") if obj["kind"] == "ClusterRole"]
    assert role["rules"] == rendered["rules"]


@pytest.fixture
def narrow(known: Admin, demo: str) -> Iterator[Path]:
    """The kubeconfig of the workers' account of a release that may work in the examples' namespace only."""
    values: Obj = {"fullnameOverride": "narrow", "rbac": {"scope": "namespaces", "namespaces": [demo]}}
    wanted = [obj for obj in objects(values) if obj["kind"] in ("ServiceAccount", "Role", "RoleBinding")]
    for obj in wanted:
        known.apply(obj)
    yield token_of(known, "narrow-worker")
    for obj in wanted:
        known.must("DELETE", f"{known.path(obj)}/{obj['metadata']['name']}")


def token_of(admin: Admin, account: str) -> Path:
    """Return a kubeconfig of an account in the namespace `meshbot`."""
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = admin.must("POST", f"/api/v1/namespaces/meshbot/serviceaccounts/{account}/token", request)
    settings = yaml.safe_load(admin.kubeconfig.read_text())
    settings["users"][0]["user"] = {"token": token["status"]["token"]}
    path = admin.kubeconfig.with_name(f"kubeconfig-{account}")
    path.write_text(yaml.safe_dump(settings))
    return path


def test_roles_of_namespaces_are_enough_there_and_nowhere_else(known: Admin, narrow: Path) -> None:
    """With Roles alone the workers read and patch the routes of that namespace, and may not look into another."""
    apply_example(known, "istio-traffic.yaml")
    routes = f"/apis/networking.istio.io/v1/namespaces/{DEMO.namespace}/virtualservices"
    until(lambda: Admin(narrow).do("GET", routes).status == 200, "the Role was never in force")
    cluster = connected(narrow)
    [route] = [one for one in cluster.routes(DEMO) if len(one.arms) == 2]
    assert route.kind == "VirtualService"
    patch = [{"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 80}]
    content = "application/json-patch+json"
    assert Admin(narrow).do("PATCH", f"{routes}/{route.name}?dryRun=All", patch, content).status == 200
    with pytest.raises(Refused, match="meshbot may not list"):
        cluster.routes(Target("demo", "shop", "api"))


@pytest.mark.parametrize("who", ["bot", "clock"])
def test_bot_and_clock_may_do_nothing(known: Admin, who: str) -> None:
    """Their accounts, asked for a token all the same, are turned away wherever the workers are let in."""
    for obj in case("default"):
        if obj["kind"] == "ServiceAccount":
            known.apply(obj)
    account = Admin(token_of(known, f"meshbot-{who}"))
    for path in ("/apis/networking.istio.io/v1/virtualservices", "/api/v1/namespaces/meshbot/secrets", "/api/v1/pods"):
        assert account.do("GET", path).status == 403


# --- an installation -------------------------------------------------------------------------------------------------


@pytest.fixture
def release(known: Admin) -> Iterator[tuple[str, ...]]:
    """A namespace for a real installation; what helm must be told to work in it. The release is gone afterwards."""
    known.namespace(INSTALLED)
    where = ("--namespace", INSTALLED, "--kubeconfig", str(known.kubeconfig))
    yield where
    helm("uninstall", "meshbot", "--ignore-not-found", *where)
    left = known.must("GET", f"/apis/apps/v1/namespaces/{INSTALLED}/deployments")["items"]
    assert [one for one in left if "deletionTimestamp" not in one["metadata"]] == []


def test_a_release_is_installed_upgraded_and_taken_away(known: Admin, release: tuple[str, ...]) -> None:
    """Helm installs the chart; an upgrade rolls what changed, and keeps the password of the chart's own Redis."""
    values: Obj = {"redis": {"internal": {"enabled": True}}, "config": {"file": "people: {}"}}

    def deploy(word: str) -> None:
        helm(word, "meshbot", str(CHART), *release, "--values", "-", stdin=json.dumps(values))

    def checksums() -> set[str]:
        made = known.must("GET", f"/apis/apps/v1/namespaces/{INSTALLED}/deployments")["items"]
        assert len(made) == 3
        return {one["spec"]["template"]["metadata"]["annotations"]["checksum/config"] for one in made}

    deploy("install")
    before = checksums(), password(known)
    deploy("upgrade")
    assert (checksums(), password(known)) == before
    values["config"]["file"] = "services: {}"
    deploy("upgrade")
    assert checksums().isdisjoint(before[0])
    assert password(known) == before[1]


def password(admin: Admin) -> str:
    """The password of the Redis of the installed release."""
    data = admin.must("GET", f"/api/v1/namespaces/{INSTALLED}/secrets/meshbot-redis")["data"]
    found = base64.b64decode(data["password"]).decode()
    assert len(found) == 32
    assert found in base64.b64decode(data["url"]).decode()
    return found
