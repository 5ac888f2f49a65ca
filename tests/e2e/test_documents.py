"""Every `kubectl` line of the documents, said to the real API server; what writes does so as a dry run there."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.admin import Admin
from tests.tools.blocks import HOUSE, blocks, commands

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed on this machine")

NAMESPACES = ("mesh-demo", "meshbot")
NEEDS_PODS = {"rollout", "exec", "logs", "wait", "port-forward"}
"""No pod runs beside this API server; the files and commands in such lines are looked at with the others."""
WRITES = {"apply", "create", "delete", "label", "annotate"}


def shown() -> list[str]:
    """Return each kubectl line of the documents once; what reads a pipe is said by the line before the pipe."""
    found = [words for block in blocks("sh") for words in commands(block.text) if words[0] == "kubectl"]
    return sorted({shlex.join(words) for words in found if words[-2:] != ["-f", "-"]})


def verb(words: list[str]) -> str:
    """Return what kubectl is told to do: the first word that is neither an option nor the value of a global one."""
    plain = [word for before, word in zip(["", *words], words, strict=False) if before not in ("-n", "--namespace")]
    return next(word for word in plain[1:] if not word.startswith("-"))


def said(line: str) -> list[str]:
    """Return the line as it is said here: without effect."""
    words = [word for word in shlex.split(line) if not word.startswith("--dry-run")]
    if verb(words) in WRITES:
        return [*words, "--dry-run=server"]
    return [*words, "--ignore-not-found"] if verb(words) == "get" else words


@pytest.mark.parametrize("line", [one for one in shown() if verb(shlex.split(one)) not in NEEDS_PODS])
def test_what_kubectl_is_told_is_understood(line: str, admin: Admin, worker_kubeconfig: Path, tmp_path: Path) -> None:
    """It ends well, or finds that what it would make is there."""
    for namespace in NAMESPACES:
        admin.namespace(namespace)
    words = said(line)
    program, *rest = words
    argv = [program, f"--kubeconfig={admin.kubeconfig}", f"--cache-dir={tmp_path}", *rest]
    done = subprocess.run(argv, cwd=HOUSE, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 or "AlreadyExists" in done.stderr, done.stderr
    assert (done.stdout + done.stderr).strip() or verb(words) == "get"


def test_there_is_something_to_say() -> None:
    """The documents are found."""
    assert "kubectl apply -f manifests/rbac.yaml" in shown()
