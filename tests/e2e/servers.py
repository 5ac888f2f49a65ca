"""A real etcd and kube-apiserver on loopback, with RBAC on and the meshes' definitions installed."""

from __future__ import annotations

import secrets
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import urllib3
import yaml

from playground.processes import Child
from playground.serving import free_port
from tests.e2e.admin import ACCOUNTS, Admin, until
from tests.e2e.binaries import CERTIFICATE, build
from tests.e2e.crds import SOURCES, Source, definitions

HOST = "127.0.0.1"
AUDIT_LOG = "audit.log"
"""Beside the administrator's kubeconfig: one JSON line for each request of the accounts in namespace `meshbot`."""
NODE_PORT = 6443
"""Where an API server with nodes listens: what policies of networks let through."""
_START_S = 60
_NAMES = ("10.0.0.1", "kubernetes.default.svc")
"""What pods call the server: the first address of the services', and its name."""
_ALONE = (
    f"--bind-address={HOST}",
    f"--advertise-address={HOST}",
    "--endpoint-reconciler-type=none",
    # It waits for a controller to make every namespace's default account; there is none.
    "--disable-admission-plugins=ServiceAccount",
)
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


_AUDIT_POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": [f"system:serviceaccounts:{ACCOUNTS}"]}, {"level": "None"}],
}


@contextmanager
def servers(directory: Path, *, node: str = "") -> Iterator[Path]:
    """Run etcd and kube-apiserver in `directory` and yield the administrator's kubeconfig.

    Both die with this process. No controllers and no kubelets run: nobody fills in endpoints or starts pods, and a
    deleted namespace stays for ever. With the address of a `node` it is where pods reach the server, and whoever
    starts the controllers has a whole cluster.
    """
    binaries = build()
    directory.mkdir(parents=True, exist_ok=True)
    hosts = ",".join((HOST, node, *_NAMES) if node else (HOST,))
    subprocess.run(
        [binaries / CERTIFICATE, "--host", hosts, "--ca"], cwd=directory, check=True, capture_output=True, timeout=300
    )
    with _etcd(binaries, directory) as etcd_url, _api_server(binaries, directory, etcd_url, node) as kubeconfig:
        yield kubeconfig


def install(admin: Admin, cache: Path, sources: Sequence[Source] = SOURCES) -> None:
    """Create definitions, those a cluster has already left as they are, and wait until all are served."""
    wanted = definitions(cache, sources)
    for definition in wanted:
        reply = admin.do("POST", _CRDS, definition)
        assert reply.status in (201, 409), f"{definition['metadata']['name']}: {reply.body.get('message')}"
    names = {definition["metadata"]["name"] for definition in wanted}
    until(lambda: names <= _established(admin), "the definitions were not established", timeout_s=60)
    for definition in wanted:
        spec = definition["spec"]
        for version in (one["name"] for one in spec["versions"] if one["served"]):
            path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
            until(lambda path=path: admin.do("GET", path).status == 200, f"{path} was never served")  # type: ignore[misc]  # mypy cannot infer a lambda's default


@contextmanager
def _etcd(binaries: Path, directory: Path) -> Iterator[str]:
    url, peers = (f"http://{HOST}:{free_port()}" for _ in range(2))
    command = [
        str(binaries / "etcd"),
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        f"--listen-peer-urls={peers}",
        f"--initial-advertise-peer-urls={peers}",
        f"--initial-cluster=default={peers}",
        # Nothing here must survive a power cut.
        "--unsafe-no-fsync",
    ]
    with Child("etcd", command, log_path=directory / "etcd.log") as child:
        child.wait_ready(lambda: _answers(f"{url}/health"), _START_S)
        yield url


@contextmanager
def _api_server(binaries: Path, directory: Path, etcd_url: str, node: str) -> Iterator[Path]:
    port, token = NODE_PORT if node else free_port(), secrets.token_hex(16)
    key, certificate, tokens = directory / "key.pem", directory / "cert.pem", directory / "tokens.csv"
    tokens.write_text(f'{token},admin,admin,"system:masters"\n')
    policy = directory / "audit-policy.yaml"
    policy.write_text(yaml.safe_dump(_AUDIT_POLICY))
    command = [
        str(binaries / "kube-apiserver"),
        f"--etcd-servers={etcd_url}",
        f"--secure-port={port}",
        f"--tls-cert-file={certificate}",
        f"--tls-private-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        f"--token-auth-file={tokens}",
        "--authorization-mode=RBAC",
        f"--audit-policy-file={policy}",
        f"--audit-log-path={directory / AUDIT_LOG}",
        "--service-cluster-ip-range=10.0.0.0/24",
        *(_with_node(node) if node else _ALONE),
    ]
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(_kubeconfig(f"https://{HOST}:{port}", certificate, token)))
    with Child("kube-apiserver", command, log_path=directory / "kube-apiserver.log") as child:
        admin = Admin(kubeconfig)
        child.wait_ready(lambda: _is_ready(admin), _START_S)
        yield kubeconfig


def _with_node(address: str) -> tuple[str, ...]:
    kubelets = ("--kubelet-preferred-address-types=InternalIP", "--allow-privileged=true")
    return ("--bind-address=0.0.0.0", f"--advertise-address={address}", *kubelets)


def _kubeconfig(url: str, certificate: Path, token: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "e2e",
        "clusters": [{"name": "e2e", "cluster": {"server": url, "certificate-authority": str(certificate)}}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "admin"}}],
        "users": [{"name": "admin", "user": {"token": token}}],
    }


def _is_ready(admin: Admin) -> bool:
    try:
        return admin.do("GET", "/readyz").status == 200
    except urllib3.exceptions.HTTPError:
        return False


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        time.sleep(0.02)
        return False


def _established(admin: Admin) -> set[str]:
    found = admin.must("GET", _CRDS)["items"]
    return {
        one["metadata"]["name"]
        for one in found
        if any(
            condition["type"] == "Established" and condition["status"] == "True"
            for condition in (one.get("status") or {}).get("conditions") or []
        )
    }
