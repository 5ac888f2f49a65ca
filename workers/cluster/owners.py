"""Who else writes an object: rollout controllers and Git. Said as warnings, with the exception to add."""

from __future__ import annotations

from typing import Any

_ARGO_CD = (
    "Argo CD keeps this object and may put the old weights back: add `ignoreDifferences` for "
    "`.spec.http[].route[].weight` (or this API's weights) with `RespectIgnoreDifferences=true` to its Application."
)
_FLUX = (
    "Flux keeps this object and will put the old weights back: annotate it with "
    "`kustomize.toolkit.fluxcd.io/reconcile: disabled` while meshbot moves its weights."
)
_HELM = "Helm keeps this object: the next `helm upgrade` may put the weights of the chart back."


_REMEDIES = {"Flagger": "change its Canary instead", "Argo Rollouts": "change its Rollout instead"}


def owner_of(obj: dict[str, Any]) -> str:
    """Return the rollout controller that owns the object's weights, empty when none does."""
    metadata, marks = obj["metadata"], _marks(obj)
    groups = {str(owner.get("apiVersion", "")).split("/")[0] for owner in metadata.get("ownerReferences") or []}
    if "flagger.app" in groups or any(key.split("/")[0].endswith("flagger.app") for key in marks):
        return "Flagger"
    if "argoproj.io" in groups or "rollouts.argoproj.io/managed-by-rollouts" in marks:
        return "Argo Rollouts"
    return ""


def owner_warnings(obj: dict[str, Any]) -> tuple[str, ...]:
    """Return one warning for each other writer that the object's metadata gives away."""
    owner = owner_of(obj)
    owned = [f"{owner} owns this object and rewrites its weights: {_REMEDIES[owner]}."] if owner else []
    return (*owned, *_keepers(_marks(obj)))


def _marks(obj: dict[str, Any]) -> dict[str, str]:
    metadata = obj["metadata"]
    return {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}


def _keepers(marks: dict[str, str]) -> list[str]:
    found = []
    if any(key.startswith("argocd.argoproj.io/") for key in marks):
        found.append(_ARGO_CD)
    if any(key.split("/")[0] in ("kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io") for key in marks):
        if marks.get("kustomize.toolkit.fluxcd.io/reconcile") != "disabled":
            found.append(_FLUX)
    elif marks.get("app.kubernetes.io/managed-by") == "Helm":
        found.append(_HELM)
    return found
