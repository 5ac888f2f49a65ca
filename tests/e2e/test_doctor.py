"""`meshbot doctor` with the shipped account on a real API server, and with one rule taken away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.admin import Admin, shipped_rights

CONFIGURATION = "clusters: {demo: {namespace: mesh-demo}}\nservices: {api: {}}\n"


def examined(kubeconfig: Path, tmp_path: Path) -> list[str]:
    """What is said of the cluster."""
    path = tmp_path / "meshbot.yaml"
    path.write_text(CONFIGURATION)
    environment = {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(kubeconfig),
        "MESHBOT_CONFIG": str(path),
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    argv = [sys.executable, "-m", "meshbot", "doctor", "--as", "worker", "--within", "120"]
    shown = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=300)
    lines = shown.stdout.splitlines()
    pairs = zip(["", *lines], lines, strict=False)
    return [line for before, line in pairs if "k8s demo" in line or ("k8s demo" in before and "->" in line)]


def test_the_shipped_account_is_well(worker_kubeconfig: Path, tmp_path: Path, demo: str) -> None:
    """With exactly manifests/rbac.yaml nothing is missing and nothing is too much."""
    said = "\n".join(examined(worker_kubeconfig, tmp_path))
    assert "this account has every right that workers need in mesh-demo" in said
    assert "fail" not in said
    assert "warn" not in said


@pytest.mark.parametrize("plural", ["virtualservices", "pods"])
def test_a_rule_that_is_missing_is_named(admin: Admin, tmp_path: Path, demo: str, plural: str) -> None:
    """Each of its rights, with the rule to add; and where another right is given instead, that is more than needed."""
    left = [right for right in shipped_rights() if right[1] != plural]
    account = admin.account(f"doctor-without-{plural}", [*left, ("", "secrets", "get")])
    said = "\n".join(examined(account, tmp_path))
    verbs = [verb for _, name, verb in shipped_rights() if name == plural and verb != "watch"]
    for verb in verbs:
        assert f"meshbot may not {verb} {plural} in mesh-demo" in said
    assert said.count("fail  k8s demo") == len(verbs)
    assert f'resources: ["{plural}"], verbs: ["{verbs[0]}"]' in said
    assert "this account may also get secrets: more than needed" in said
