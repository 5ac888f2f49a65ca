"""The administrator's hand on a cluster: raw requests, applying objects, accounts with given rights."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes import config

from playground.cluster.manifests import documents

Obj = dict[str, Any]
Right = tuple[str, str, str]
"""(API group, plural, verb)."""
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
ACCOUNTS = "meshbot"
"""The namespace of the accounts, as manifests/rbac.yaml has it."""
RBAC = Path(__file__).parents[2] / "manifests/rbac.yaml"
_MARK = "meshbot.dev/e2e"
_ROLES = "/apis/rbac.authorization.k8s.io/v1"


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int
    body: Obj


class Admin:
    """Sends requests with an administrator's kubeconfig, over one warm connection."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._api = config.new_client_from_config(str(kubeconfig))  # type: ignore[no-untyped-call]  # the package types half of itself
        self._plurals: dict[str, dict[str, tuple[str, bool]]] = {}

    def do(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Reply:
        """Send one request and return whatever is answered."""
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        answer = self._api.rest_client.pool_manager.request(
            method, self._api.configuration.host + path, headers=headers,
            body=None if body is None else json.dumps(body), timeout=30, retries=False,
        )  # fmt: skip
        try:
            return Reply(answer.status, json.loads(answer.data))
        except ValueError:
            return Reply(answer.status, {"text": answer.data.decode(errors="replace")})

    def must(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Obj:
        """Send one request that must succeed."""
        reply = self.do(method, path, body, content_type)
        assert 200 <= reply.status < 300, f"{method} {path}: {reply.status} {reply.body.get('message', reply.body)}"
        return reply.body

    def apply(self, obj: Obj) -> Obj:
        """Apply an object as `kubectl apply --server-side` does; unknown fields are errors, a status is written too."""
        path = f"{self.path(obj)}/{obj['metadata']['name']}"
        made = self.must("PATCH", f"{path}?fieldManager=e2e&force=true&fieldValidation=Strict", obj, APPLY)
        if obj.get("status"):
            made = self.must("PATCH", f"{path}/status", {"status": obj["status"]}, MERGE)
        return made

    def get(self, obj: Obj) -> Obj:
        """Return an object as the server has it now."""
        return self.must("GET", f"{self.path(obj)}/{obj['metadata']['name']}")

    def path(self, obj: Obj) -> str:
        """Return the path of the collection an object belongs to."""
        group_version = obj["apiVersion"]
        root = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
        if root not in self._plurals:
            listed = self.must("GET", root)["resources"]
            known = {one["kind"]: (one["name"], one["namespaced"]) for one in listed if "/" not in one["name"]}
            self._plurals[root] = known
        plural, namespaced = self._plurals[root][obj["kind"]]
        return f"{root}/namespaces/{obj['metadata']['namespace']}/{plural}" if namespaced else f"{root}/{plural}"

    def namespace(self, name: str) -> None:
        """Make a namespace that is ours to empty; AssertionError when somebody else's has that name."""
        made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {_MARK: "true"}}}
        if self.do("POST", "/api/v1/namespaces", made).status == 409:
            labels = self.must("GET", f"/api/v1/namespaces/{name}")["metadata"].get("labels") or {}
            assert _MARK in labels, f"namespace {name} exists and is not e2e's own: remove it or give another cluster"

    def empty(self, namespace: str, collections: Iterable[str]) -> None:
        """Delete all objects of some collections (`apis/group/version`, plural) of one of our namespaces."""
        for collection in collections:
            root, _, plural = collection.rpartition("/")
            self.must("DELETE", f"/{root}/namespaces/{namespace}/{plural}?gracePeriodSeconds=0")

    def shipped(self) -> Path:
        """Apply manifests/rbac.yaml as it is and return the kubeconfig of its account."""
        self.namespace(ACCOUNTS)
        for document in documents(RBAC.read_text(encoding="utf-8")):
            self.apply(document)
        return self._account("meshbot-worker", shipped_rights())

    def account(self, name: str, rights: Iterable[Right]) -> Path:
        """Make an account with exactly these rights and return its kubeconfig."""
        given = sorted(set(rights))
        rules = [{"apiGroups": [group], "resources": [plural], "verbs": [verb]} for group, plural, verb in given]
        rbac, meta = "rbac.authorization.k8s.io/v1", {"name": name}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": ACCOUNTS}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        binding = {"kind": "ClusterRoleBinding", "metadata": meta, "roleRef": role, "subjects": [subject]}
        self.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**meta, "namespace": ACCOUNTS}})
        self.apply({"apiVersion": rbac, "kind": "ClusterRole", "metadata": meta, "rules": rules})
        self.apply({"apiVersion": rbac, **binding})
        return self._account(name, given)

    def _account(self, name: str, rights: Iterable[Right]) -> Path:
        who = f"system:serviceaccount:{ACCOUNTS}:{name}"
        for right in rights:
            # The authorizer learns of roles by watching, a moment after they are written.
            until(lambda right=right: self._allowed(who, right), f"{who} never got the right {right}")  # type: ignore[misc]  # mypy cannot infer a lambda's default
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = self.must("POST", f"/api/v1/namespaces/{ACCOUNTS}/serviceaccounts/{name}/token", request)
        settings = yaml.safe_load(self.kubeconfig.read_text())
        current = next(one for one in settings["contexts"] if one["name"] == settings["current-context"])
        current["context"]["user"] = name
        settings["contexts"] = [current]
        settings["users"] = [{"name": name, "user": {"token": token["status"]["token"]}}]
        path = self.kubeconfig.with_name(f"kubeconfig-{name}")
        path.write_text(yaml.safe_dump(settings))
        return path

    def _allowed(self, user: str, right: Right) -> bool:
        group, resource, verb = right
        groups = ["system:serviceaccounts", "system:authenticated"]
        asked = {"group": group, "resource": resource, "verb": verb, "namespace": "anywhere"}
        review = {"user": user, "groups": groups, "resourceAttributes": asked}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
        return bool(self.must("POST", path, {**kind, "spec": review})["status"]["allowed"])


def shipped_rights() -> list[Right]:
    """Return every single right that manifests/rbac.yaml grants."""
    role = next(one for one in documents(RBAC.read_text(encoding="utf-8")) if one["kind"] == "ClusterRole")
    return [
        (group, plural, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for plural in rule["resources"]
        for verb in rule["verbs"]
    ]


def until(true: Callable[[], bool], complaint: str, *, timeout_s: float = 60) -> None:
    """Wait until something is true; AssertionError with the complaint when it never is."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.02)
