"""Other writers of an object are named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workers.cluster.shapes import canary, virtual_service
from workers.cluster.owners import owner_warnings
from workers.cluster.virtualservice import read


@pytest.mark.parametrize(
    ("metadata", "who"),
    [
        ({"ownerReferences": [{"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "api"}]}, "Flagger"),
        ({"annotations": {"helm.toolkit.fluxcd.io/driftDetection": "x"}}, "Flux"),
        ({"annotations": {"rollouts.argoproj.io/managed-by-rollouts": "api"}}, "Argo Rollouts"),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "a"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, "Flux"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm"),
    ],
)
def test_each_writer_is_one_warning(metadata: dict[str, Any], who: str) -> None:
    """Controllers and Git tools are recognised by what they leave on the object."""
    [warning] = owner_warnings({"metadata": metadata})
    assert warning.startswith(who)


def test_nobody_else_is_no_warning() -> None:
    """Plain objects, and Flux objects it was told to leave, are quiet; a reader passes warnings on."""
    paused = {"kustomize.toolkit.fluxcd.io/name": "a", "kustomize.toolkit.fluxcd.io/reconcile": "disabled"}
    assert owner_warnings({"metadata": {"labels": paused}}) == ()
    obj = virtual_service(canary())
    assert read(obj)[0].warnings == ()
    obj["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    assert len(read(obj)[0].warnings) == 1
