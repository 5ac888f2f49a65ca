"""Other writers of an object are named, as far as its metadata tells."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from mesh.domain.routes import Owner
from tests.workers.cluster.shapes import Obj, backends, canary, http_route, traffic_split, virtual_service
from workers.cluster.owners import keepers_of, owner_of, owner_warnings
from workers.cluster.table import ROUTING_APIS
from workers.cluster.virtualservice import read

KUSTOMIZED = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
RELEASED = {"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "flux-system"}
# What Flagger writes on what it generates, lest Flux touch it; Flux has no part in such an object.
HANDS_OFF = {
    "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
    "helm.toolkit.fluxcd.io/driftDetection": "disabled",
}


def marked(obj: Obj | None = None, *, by: str = "", **metadata: Any) -> Obj:
    """Return an object with more metadata; `by` is a field manager that once wrote it."""
    made = virtual_service(canary()) if obj is None else obj
    entries = {"managedFields": [{"manager": by, "operation": "Update", "fieldsV1": {"f:spec": {}}}]} if by else {}
    return made | {"metadata": made["metadata"] | metadata | entries}


def owning(api_version: str, kind: str) -> Obj:
    """Return metadata that refers to an owner."""
    return {"ownerReferences": [{"apiVersion": api_version, "kind": kind, "name": "api"}]}


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        (owning("flagger.app/v1beta1", "Canary"), Owner("Flagger", "Canary shop/api")),
        (owning("argoproj.io/v1alpha1", "Rollout"), Owner("Argo Rollouts", "Rollout shop/api")),
        (
            {"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "web"}},
            Owner("Argo Rollouts", "Rollout shop/web"),
        ),
        ({"annotations": {"argo-rollouts.argoproj.io/managed-by-rollouts": "a,b"}}, Owner("Argo Rollouts")),
        ({"labels": {"rollouts.argoproj.io/gatewayapi-canary": "in-progress"}}, Owner("Argo Rollouts")),
        ({"annotations": {"flagger.kubernetes.app/original-configuration": "{}"}}, Owner("Flagger")),
    ],
)
def test_a_rollout_controller_is_recognised(metadata: Obj, owner: Owner) -> None:
    """By owner reference or by its marks; the owner's name is kept where it is said, and no warning repeats it."""
    assert owner_of(marked(**metadata)) == owner
    assert owner_warnings(marked(**metadata)) == ()
    assert read(marked(**metadata))[0].owner == owner


@pytest.mark.parametrize(
    "metadata",
    [
        owning("argoproj.io/v1alpha1", "Application"),
        owning("apps/v1", "Deployment"),
        {"annotations": HANDS_OFF},
        {"labels": {"flagger": "yes", "app": "flagger.app"}},
        {},
    ],
)
def test_others_are_no_owners(metadata: Obj) -> None:
    """Argo CD shares a group with Argo Rollouts, and Flux's opt-outs are no marks of Flagger or Flux."""
    assert owner_of(marked(**metadata)) is None
    assert keepers_of(marked(**metadata)) == ()
    assert owner_warnings(marked(**metadata)) == ()


@pytest.mark.parametrize(
    ("metadata", "keepers", "said"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "shop:x/y:z/w"}}, ("Argo CD",), "Application shop"),
        ({"labels": {"argocd.argoproj.io/instance": "shop"}}, ("Argo CD",), "Application shop"),
        (
            {"labels": {"app.kubernetes.io/instance": "s"}, "by": "argocd-controller"},
            ("Argo CD",),
            "its Application the",
        ),
        ({"labels": KUSTOMIZED}, ("Flux",), "Kustomization flux-system/apps"),
        ({"labels": RELEASED}, ("Flux",), "HelmRelease flux-system/shop"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, (), "helm upgrade"),
        ({"labels": RELEASED, "annotations": HANDS_OFF}, (), "helm upgrade"),
        (
            {"labels": {"app.kubernetes.io/managed-by": "Helm", "argocd.argoproj.io/instance": "s"}},
            ("Argo CD",),
            "Application s",
        ),
    ],
)
def test_who_keeps_it_in_git_is_one_warning(metadata: Any, keepers: tuple[str, ...], said: str) -> None:
    """Each tool by its own marks, named with the object of that tool that must change; Helm alone is none."""
    obj = marked(**metadata)
    found = keepers_of(obj)
    assert tuple(keeper.name for keeper in found) == keepers
    [warning] = owner_warnings(obj, found)
    assert said in warning


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"app.kubernetes.io/instance": "shop"}},
        {"labels": KUSTOMIZED, "annotations": HANDS_OFF},
        {"labels": KUSTOMIZED, "annotations": {"kustomize.toolkit.fluxcd.io/ssa": "IfNotPresent"}},
        {"labels": KUSTOMIZED | {"kustomize.toolkit.fluxcd.io/ssa": "Ignore"}},
    ],
)
def test_what_git_does_not_put_back_is_quiet(metadata: Any) -> None:
    """A label that Helm charts use too, and objects that Flux was told to leave alone."""
    assert keepers_of(marked(**metadata)) == ()
    assert owner_warnings(marked(**metadata)) == ()


@pytest.mark.parametrize(
    ("obj", "path"),
    [
        (virtual_service(canary()), ".spec.http[]?.route[]?.weight"),
        (virtual_service({"redirect": {"uri": "/"}}, canary()), ".spec.http[]?.route[]?.weight"),
        (virtual_service(tcp=[canary()], http=[]), ".spec.tcp[]?.route[]?.weight"),
        (http_route(backends(("a", 1))), ".spec.rules[]?.backendRefs[]?.weight"),
        (http_route(backends(("a", 1))) | {"kind": "GRPCRoute"}, ".spec.rules[]?.backendRefs[]?.weight"),
        (traffic_split({"service": "a", "weight": 1}), ".spec.backends[]?.weight"),
    ],
    ids=["http", "a rule without destinations", "tcp", "HTTPRoute", "GRPCRoute", "TrafficSplit"],
)
def test_the_exception_for_argo_cd_can_be_copied(obj: Obj, path: str) -> None:
    """What stands between the backticks is YAML that names this object and the weights of its API."""
    [api] = [api for api in ROUTING_APIS if api.kind == obj["kind"]]
    [route] = api.read(marked(obj, labels={"argocd.argoproj.io/instance": "shop"}))
    [keeper] = route.keepers
    option, rule = re.findall(r"`([^`]+)`", keeper.exception)
    assert option == "RespectIgnoreDifferences=true"
    [ignored] = yaml.safe_load(rule)["ignoreDifferences"]
    assert ignored.pop("jqPathExpressions") == [path]
    group = obj["apiVersion"].split("/")[0]
    assert ignored == {"group": group, "kind": obj["kind"], "name": obj["metadata"]["name"], "namespace": "shop"}


def test_flux_can_be_told_to_wait_by_one_command() -> None:
    """The command names kind, object and namespace."""
    [keeper] = keepers_of(marked(labels=KUSTOMIZED))
    command = "kubectl annotate virtualservice api-vs -n shop kustomize.toolkit.fluxcd.io/reconcile=disabled"
    assert f"`{command}`" in keeper.exception


def applied(manager: str, **metadata: Any) -> Obj:
    """Return an object that `manager` applied server-side."""
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:hosts": {}, "f:http": {}}}}
    return marked(**metadata) | {"metadata": virtual_service()["metadata"] | metadata | {"managedFields": [entry]}}


def test_who_applies_server_side_is_warned_of_the_conflict_to_come() -> None:
    """Istio's `spec.http` is owned whole, so our patch takes it; Git's tools force and are warned of otherwise."""
    [warning] = owner_warnings(applied("kubectl"))
    assert "field manager meshbot" in warning
    assert "--force-conflicts" in warning
    kept = applied("kustomize-controller", labels=KUSTOMIZED)
    [keeper] = owner_warnings(kept, keepers_of(kept))
    assert keeper.startswith("Flux")
    assert owner_warnings(applied("meshbot")) == ()
    labels = applied("labeller")
    labels["metadata"]["managedFields"][0]["fieldsV1"] = {"f:metadata": {"f:labels": {}}}
    assert owner_warnings(labels) == ()
