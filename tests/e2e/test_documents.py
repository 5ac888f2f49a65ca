"""Every `kubectl` line of the documents, said to the real API server; what writes does so as a dry run there.

In their order, and for good, those that lead to a running bot are said in test_walks.py.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.admin import Admin
from tests.e2e.binaries import build
from tests.tools.blocks import HOUSE, blocks, commands, spans

NAMESPACES = ("mesh-demo", "meshbot")
NEEDS_PODS = {"rollout", "exec", "logs", "wait", "port-forward"}
"""No pod runs beside this API server: only kubectl itself reads such lines, which must know each word and option."""
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


def kubectl() -> str:
    """Return the program: this machine's, or one that is built."""
    return shutil.which("kubectl") or str(build(names=("kubectl",)) / "kubectl")


def read(line: str) -> str:
    """Have kubectl read a line without doing it; returns what it does not understand."""
    words = shlex.split(line)
    end = words.index("--") if "--" in words else len(words)
    argv = [kubectl(), *words[1:end], "--help", *words[end:]]
    done = subprocess.run(argv, cwd=HOUSE, capture_output=True, text=True, timeout=300, check=False)
    if " SUBCOMMAND" in done.stdout:
        return f"unknown word, or one too few: {done.stdout}"  # what a group of commands says of itself
    return done.stderr if done.returncode else ""


@pytest.fixture
def reader(tmp_path: Path) -> Path:
    """Where a reader stands: in the repository, with the files that the line before made (tests/tools has it run)."""
    for name in ("docs", "manifests", "helm"):
        (tmp_path / name).symlink_to(HOUSE / name)
    for name in ("key", "known_hosts"):
        (tmp_path / name).write_text("made by ssh-keygen and ssh-keyscan\n")
    return tmp_path


@pytest.mark.parametrize("line", [one for one in shown() if verb(shlex.split(one)) not in NEEDS_PODS])
def test_what_kubectl_is_told_is_understood(line: str, admin: Admin, worker_kubeconfig: Path, reader: Path) -> None:
    """It ends well; only what it would make may be there, where another test made it."""
    for namespace in NAMESPACES:
        admin.namespace(namespace)
    words = said(line)
    argv = [kubectl(), f"--kubeconfig={admin.kubeconfig}", f"--cache-dir={reader}", *words[1:]]
    done = subprocess.run(argv, cwd=reader, capture_output=True, text=True, timeout=300, check=False)
    made = verb(words) == "create" and "AlreadyExists" in done.stderr
    assert done.returncode == 0 or made, done.stderr
    assert (done.stdout + done.stderr).strip() or verb(words) == "get"


def test_what_needs_pods_is_read() -> None:
    """Lines about pods, and what stands in sentences, is nothing that kubectl does not know."""
    about_pods = [one for one in shown() if verb(shlex.split(one)) in NEEDS_PODS]
    in_sentences = [span.removesuffix(" -f") for _, span in spans("kubectl")]
    assert {line: why for line in (*about_pods, *in_sentences) if (why := read(line))} == {}
    assert about_pods
    assert in_sentences


@pytest.mark.parametrize(
    "line", ["kubectl frobnicate -f x", "kubectl apply --filname x", "kubectl -n x rollout stat x"]
)
def test_what_kubectl_does_not_know_is_found(line: str) -> None:
    """A word or an option that it does not have."""
    assert "unknown" in read(line)


def test_there_is_something_to_say() -> None:
    """The documents are found."""
    assert "kubectl apply -f manifests/rbac.yaml" in shown()
