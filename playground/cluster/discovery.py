"""Tells clients what is served: the discovery documents, and as much OpenAPI as kubectl needs to apply a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from playground.cluster.kinds import Kind, group_versions
from playground.cluster.paths import nothing_at

Document = dict[str, Any]

VERSION: Document = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0+playground",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_STATUS_VERBS = ["get", "patch", "update"]


def document(kinds: Sequence[Kind], parts: Sequence[str]) -> Document | None:
    """Return the discovery document at a path given as its parts, or None when the path is a resource's.

    Raises ApiError 404 or NoSuchPage for a group, version or OpenAPI document that is not served.
    """
    match list(parts):
        case ["version"]:
            return VERSION
        case ["api"]:
            return {"kind": "APIVersions", "versions": group_versions(kinds)[""], "serverAddressByClientCIDRs": []}
        case ["apis", *group] if len(group) < 2:
            return _groups(kinds, group)
        case ["api", _] | ["apis", _, _]:
            return _resources(kinds, "" if parts[0] == "api" else parts[1], parts[-1])
        case ["openapi", *rest]:
            return _openapi(kinds, rest)
    return None


def _groups(kinds: Sequence[Kind], wanted: Sequence[str]) -> Document:
    known = group_versions(kinds)
    if wanted:
        return {"kind": "APIGroup", "apiVersion": "v1"} | _group(wanted[0], known.get(wanted[0], []))
    listed = [_group(name, versions) for name, versions in known.items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}


def _group(name: str, versions: Sequence[str]) -> Document:
    if not versions:
        raise nothing_at([], ["apis", name])
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _served(kinds: Sequence[Kind], group: str, version: str) -> list[Kind]:
    served = [kind for kind in kinds if kind.group == group and version in kind.versions]
    if not served:
        raise nothing_at(kinds, ["apis", group, version] if group else ["api", version])
    return served


def _resources(kinds: Sequence[Kind], group: str, version: str) -> Document:
    served = _served(kinds, group, version)
    listed = [entry for kind in served for entry in _entries(kind)]
    shown = served[0].api_version(version)
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": shown, "resources": listed}


def _entries(kind: Kind) -> list[Document]:
    entry: Document = {
        "name": kind.plural,
        "singularName": kind.kind.lower(),
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": _VERBS,
    }
    if kind.short:
        entry["shortNames"] = list(kind.short)
    if kind.in_all:
        entry["categories"] = ["all"]
    status: Document = entry | {"name": f"{kind.plural}/status", "singularName": "", "verbs": _STATUS_VERBS}
    for only_main in ("shortNames", "categories"):
        status.pop(only_main, None)
    return [entry, status] if kind.status else [entry]


def _openapi(kinds: Sequence[Kind], rest: Sequence[str]) -> Document:
    """Return only what kubectl looks for before it sends a file: that PATCH takes `fieldValidation`.

    Without it `kubectl apply` refuses to run unless `--validate=false` is given. There are no schemas, so `kubectl
    explain` has nothing to say, and /openapi/v2 is 404.
    """
    match list(rest):
        case ["v3"]:
            paths = [
                _gv_path(group, version) for group, versions in group_versions(kinds).items() for version in versions
            ]
            return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in paths}}
        case ["v3", "api", version]:
            return _patchable(_served(kinds, "", version), version)
        case ["v3", "apis", group, version]:
            return _patchable(_served(kinds, group, version), version)
    raise nothing_at([], ["openapi", *rest])


def _gv_path(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _patchable(kinds: Sequence[Kind], version: str) -> Document:
    paths = {f"/{_gv_path(kind.group, version)}/{kind.plural}/{{name}}": _patch_of(kind, version) for kind in kinds}
    return {"openapi": "3.0.0", "info": {"title": "playground", "version": "v1.32.0"}, "paths": paths}


def _patch_of(kind: Kind, version: str) -> Document:
    parameter = {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}
    shown = {"group": kind.group, "version": version, "kind": kind.kind}
    return {"patch": {"parameters": [parameter], "responses": {}, "x-kubernetes-group-version-kind": shown}}
