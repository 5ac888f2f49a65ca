"""The definitions of Istio, Gateway API, SMI, Flagger, Argo Rollouts and Linkerd, out of their own Go modules."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.cluster.manifests import documents
from tests.e2e.binaries import HERE, BuildFailed, download

Obj = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """One module at one version; `sum` is its hash as go.sum would have it."""

    module: str
    version: str
    sum: str
    files: str
    """Globs inside the module, with spaces between them."""


SOURCES = (
    Source(
        "istio.io/api", "v1.31.1", "h1:5Yb5ihcz4YQsCkciusK7DnFpBMwRB6EFWeUKH1Atuyk=",
        "kubernetes/customresourcedefinitions.gen.yaml",
    ),
    Source(
        "sigs.k8s.io/gateway-api", "v1.4.1", "h1:NPxFutNkKNa8UfLd2CMlEuhIPMQgDQ6DXNKG9sHbJU8=",
        "config/crd/standard/gateway.networking.k8s.io_*.yaml",
    ),
    Source(
        "github.com/servicemeshinterface/smi-sdk-go", "v0.5.0", "h1:9cZdhvGbGDlmnp9qqmcQL+RL6KZ3IzHfDLoA5Axg8n0=",
        "crds/split.yaml",
    ),
    Source(
        "github.com/fluxcd/flagger", "v1.36.1", "h1:X2PumtNwZz9YSGaOtZLFm2zAKLgHhFkbNv8beg7ifyc=",
        "artifacts/flagger/crd.yaml",
    ),
    Source(
        "github.com/argoproj/argo-rollouts", "v1.8.3", "h1:blbtQva4IK9r6gFh+dWkCrLnFdPOWiv9ubQYu36qeaA=",
        "manifests/crds/rollout-crd.yaml",
    ),
)  # fmt: skip
"""Not in a go.mod: their requirements would move the versions the servers are built with."""
OPERATORS = (
    Source(
        "github.com/kedacore/keda/v2", "v2.21.0", "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
        "config/crd/bases/keda.sh_scaledobjects.yaml config/crd/bases/keda.sh_triggerauthentications.yaml",
    ),
    Source(
        "github.com/external-secrets/external-secrets", "v1.3.2", "h1:u2J8RjlHIeF0oZCqtl92adI/uZWUwOesJIDkfql6LqQ=",
        "config/crds/bases/external-secrets.io_externalsecrets.yaml",
    ),
    Source(
        "github.com/prometheus-operator/prometheus-operator", "v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        "example/prometheus-operator-crd/*_prometheusrules.yaml example/prometheus-operator-crd/*_servicemonitors.yaml",
    ),
)  # fmt: skip
"""What the chart has objects of, for those who ask for them; meshbot itself knows nothing of them."""
SMI_VERSIONS = ("v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1")


def definitions(directory: Path, sources: Sequence[Source] = SOURCES) -> list[Obj]:
    """Return every definition, ready to be created; kept in `directory` after the first time."""
    files = [path for source in sources for path in _kept(source, directory)]
    texts = [path.read_text(encoding="utf-8") for path in (*files, *sorted((HERE / "crds").glob("*.yaml")))]
    found = (document for text in texts for document in documents(text))
    return [_modern(document) for document in found if document["kind"] == "CustomResourceDefinition"]


def defaulted(value: Any, schema: Obj) -> Any:
    """Return a value as an API server stores it: with the defaults of its definition's schema, and without nulls."""
    if isinstance(value, list):
        return [defaulted(one, schema.get("items", {})) for one in value]
    if not isinstance(value, dict):
        return value
    inner = schema.get("properties", {})
    known = {key: one["default"] for key, one in inner.items() if "default" in one}
    said = known | {key: one for key, one in value.items() if one is not None}
    return {key: defaulted(one, inner.get(key, {})) for key, one in said.items()}


def _kept(source: Source, directory: Path) -> list[Path]:
    home = directory / "crds" / f"{source.module.replace('/', '_')}@{source.version}"
    if not home.exists():
        said = download(source.module, source.version)
        if said["Sum"] != source.sum:
            raise BuildFailed(f"{source.module} {source.version} has the hash {said['Sum']}, not {source.sum}")
        part = home.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for path in (path for glob in source.files.split() for path in Path(said["Dir"]).glob(glob)):
            shutil.copyfile(path, part / path.name)
        part.rename(home)
    return sorted(home.glob("*.yaml"))


def _modern(definition: Obj) -> Obj:
    """Return a definition of apiextensions v1beta1 (SMI's; no API server serves that any more) as v1.

    Only v1alpha4 is served by SMI's own file; clusters that still have TrafficSplits, Linkerd's extension first of
    all, serve the older versions, so all four are. The modules that define those (linkerd-smi, smi-controller-sdk) are
    not to be had here; by the specification they differ as `_smi_schema` says.
    """
    if definition["apiVersion"] == "apiextensions.k8s.io/v1":
        return definition
    old = definition["spec"]
    versions = [
        {
            "name": name,
            "served": True,
            "storage": name == old["version"],
            "schema": {"openAPIV3Schema": _smi_schema(name, old["validation"]["openAPIV3Schema"])},
        }
        for name in SMI_VERSIONS
    ]
    spec = {key: old[key] for key in ("group", "scope", "names")} | {"versions": versions}
    return definition | {"apiVersion": "apiextensions.k8s.io/v1", "spec": spec}


def _smi_schema(version: str, newest: Obj) -> Obj:
    """Return the schema of one version: `matches` came with v1alpha3, and v1alpha1 wrote weights as quantities."""
    schema: Obj = {"type": "object", **deepcopy(newest)}
    spec = schema["properties"]["spec"]["properties"]
    if version in ("v1alpha1", "v1alpha2"):
        del spec["matches"]
    if version == "v1alpha1":
        spec["backends"]["items"]["properties"]["weight"] = {"x-kubernetes-int-or-string": True}
    return schema
