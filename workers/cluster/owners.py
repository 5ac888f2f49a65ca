"""Who else writes an object, as far as it says so itself: rollout controllers, Git, and appliers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mesh.domain.routes import Keeper, Owner
from workers.cluster.writers import others

ARGO_ROLLOUTS = "Argo Rollouts"
FLAGGER = "Flagger"

_ROLLOUT_GROUPS = ("rollouts.argoproj.io", "argo-rollouts.argoproj.io")
# Argo Rollouts marks what it changes (ManagedByRolloutsKey of its defaults); its Gateway API plugin marks routes.
_MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"
_KUSTOMIZE = "kustomize.toolkit.fluxcd.io"
_HELM_BY_FLUX = "helm.toolkit.fluxcd.io"
_ARGO_CD = "argocd.argoproj.io"
_INSTANCE = "app.kubernetes.io/instance"


def keepers_of(obj: dict[str, Any], pointers: Iterable[str] = ()) -> tuple[Keeper, ...]:
    """Return who keeps the object in Git and would put back the weights at `pointers`."""
    return tuple(_keepers(obj, pointers))


def owner_of(obj: dict[str, Any]) -> Owner | None:
    """Return the rollout controller that owns the object's weights, as its metadata says; None when that says nothing.

    Argo Rollouts leaves no mark on a VirtualService: see `Controllers` for what its Rollouts say.
    """
    for kind, group, controller in (("Canary", "flagger.app", FLAGGER), ("Rollout", "argoproj.io", ARGO_ROLLOUTS)):
        for reference in obj["metadata"].get("ownerReferences") or []:
            if (reference.get("kind"), str(reference.get("apiVersion", "")).split("/")[0]) == (kind, group):
                return Owner(controller, name=_named(obj, kind, str(reference.get("name", ""))))
    marks = _marks(obj)
    groups = {key.split("/")[0] for key in marks if "/" in key}
    # Flagger keeps what it found under `flagger.kubernetes.app`.
    if any(group.endswith(("flagger.app", "flagger.kubernetes.app")) for group in groups):
        return Owner(FLAGGER)
    if groups & set(_ROLLOUT_GROUPS):
        rollout = marks.get(_MANAGED_BY, "")
        return Owner(ARGO_ROLLOUTS, name=_named(obj, "Rollout", rollout if "," not in rollout else ""))
    return None


def owner_warnings(obj: dict[str, Any], keepers: Sequence[Keeper] = ()) -> tuple[str, ...]:
    """Return one warning for each other writer, besides an owner, that the object's metadata gives away."""
    if keepers:
        # Git's tools force what they apply, and Helm behind one of them is its business.
        return tuple(keeper.exception for keeper in keepers)
    return (*_by_helm(obj), *(_appliers(obj) if owner_of(obj) is None else ()))


def _named(obj: dict[str, Any], kind: str, name: str) -> str:
    return f"{kind} {obj['metadata'].get('namespace', '')}/{name}" if name else ""


def _marks(obj: dict[str, Any]) -> dict[str, str]:
    metadata = obj["metadata"]
    return {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}


def _is_argo_cd(obj: dict[str, Any]) -> bool:
    """Argo CD's own marks count; the instance label alone is used by Helm charts as well."""
    marks = _marks(obj)
    if any(key.startswith(f"{_ARGO_CD}/") for key in marks):
        return True
    return _INSTANCE in marks and any(str(entry.get("manager", "")).startswith("argocd") for entry in others(obj))


def _is_kustomized(obj: dict[str, Any]) -> bool:
    """Flux leaves alone what carries one of these, in Git or in the cluster (shouldSkipApply of its `ssa` package)."""
    marks = _marks(obj)
    if f"{_KUSTOMIZE}/name" not in marks:
        return False
    reconciled = marks.get(f"{_KUSTOMIZE}/reconcile", "").lower() != "disabled"
    return reconciled and marks.get(f"{_KUSTOMIZE}/ssa", "").lower() not in ("ignore", "ifnotpresent")


def _is_helm_by_flux(obj: dict[str, Any]) -> bool:
    marks = _marks(obj)
    return f"{_HELM_BY_FLUX}/name" in marks and marks.get(f"{_HELM_BY_FLUX}/driftDetection", "").lower() != "disabled"


def _keepers(obj: dict[str, Any], pointers: Iterable[str]) -> Iterator[Keeper]:
    marks = _marks(obj)
    if _is_argo_cd(obj):
        yield Keeper("Argo CD", _argo_cd(obj, marks, pointers))
    if _is_kustomized(obj):
        yield Keeper("Flux", _kustomize(obj, marks))
    if _is_helm_by_flux(obj):
        yield Keeper("Flux", _helm_by_flux(marks))


def _by_helm(obj: dict[str, Any]) -> Iterator[str]:
    marks = _marks(obj)
    if marks.get("app.kubernetes.io/managed-by") == "Helm" or f"{_HELM_BY_FLUX}/name" in marks:
        yield "Helm keeps this object: the next `helm upgrade` may put the weights of the chart back."


def _argo_cd(obj: dict[str, Any], marks: dict[str, str], pointers: Iterable[str]) -> str:
    name = marks.get(f"{_ARGO_CD}/tracking-id", "").split(":")[0] or marks.get(f"{_ARGO_CD}/instance", "")
    application = f"Application {name}" if name else "Application"
    paths = ", ".join(f"'{path}'" for path in dict.fromkeys(map(_jq, pointers)))
    about = {"group": obj.get("apiVersion", "").split("/")[0], "kind": obj.get("kind", "")}
    about |= {key: obj["metadata"].get(key, "") for key in ("name", "namespace")}
    which = "".join(f"{key}: {value}, " for key, value in about.items() if value)
    return (
        "Argo CD keeps this object and may put the old weights back. To keep weights that were moved, add to its "
        f"{application} the sync option `RespectIgnoreDifferences=true` and "
        f"`ignoreDifferences: [{{{which}jqPathExpressions: [{paths}]}}]`."
    )


def _jq(pointer: str) -> str:
    """Return the jq path of all weights of a list: `.spec.http[]?.route[]?.weight` for `/spec/http/0/route/1/weight`.

    Without the question marks one rule that has no such list (a redirect) is an error to jq, and then Argo CD drops
    the whole exception without a word.
    """
    return "".join("[]?" if part.isdecimal() else f".{part}" for part in pointer.split("/")[1:])


def _kustomize(obj: dict[str, Any], marks: dict[str, str]) -> str:
    kustomization = f"{marks.get(f'{_KUSTOMIZE}/namespace', '')}/{marks[f'{_KUSTOMIZE}/name']}".lstrip("/")
    metadata = obj["metadata"]
    which = f"{str(obj.get('kind', 'object')).lower()} {metadata.get('name', '')} -n {metadata.get('namespace', '')}"
    return (
        f"Flux (Kustomization {kustomization}) keeps this object and will put the old weights back. While weights are "
        f"moved here: `kubectl annotate {which} {_KUSTOMIZE}/reconcile=disabled`; for good, annotate it in Git with "
        f"`{_KUSTOMIZE}/ssa: IfNotPresent`."
    )


def _helm_by_flux(marks: dict[str, str]) -> str:
    release = f"{marks.get(f'{_HELM_BY_FLUX}/namespace', '')}/{marks[f'{_HELM_BY_FLUX}/name']}".lstrip("/")
    return (
        f"Flux (HelmRelease {release}) keeps this object and puts the chart's weights back at its next upgrade, and "
        "sooner where it corrects drift. Against the latter, annotate it with "
        f"`{_HELM_BY_FLUX}/driftDetection: disabled`."
    )


def _appliers(obj: dict[str, Any]) -> Iterator[str]:
    """Say who applies the object server-side.

    The lists that hold weights are owned whole (CRD lists are atomic unless they say otherwise), so our patch takes all
    of such a list from whoever applied it.
    """
    names = {str(one.get("manager", "")) for one in others(obj) if _applies_spec(one)}
    for name in sorted(names):
        yield (
            f"{name} applies this object server-side: once meshbot moved its weights, `kubectl apply --server-side` "
            "reports a conflict with field manager meshbot, and with `--force-conflicts` it puts the old weights back."
        )


def _applies_spec(entry: dict[str, Any]) -> bool:
    return entry.get("operation") == "Apply" and "f:spec" in (entry.get("fieldsV1") or {})
