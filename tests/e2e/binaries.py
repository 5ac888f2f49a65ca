"""Builds etcd, kube-apiserver, kubectl and helm from their Go modules, once, into a cache that every later run uses."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "helm": "helm.sh/helm/v4/cmd/helm",
    "kubelet": "k8s.io/kubernetes/cmd/kubelet",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
    "coredns": "github.com/coredns/coredns",
    "kube-router": "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
    "translate": ".",
}
"""Binary -> its main package; versions are in the go.mod of its home. `certificate` is built from Go's own tree,
`translate` is a program of its home."""
STATIC = {"coredns"}
"""Those that run in an image of nothing but themselves."""
CERTIFICATE = "certificate"
SERVERS = ("etcd", "kube-apiserver", CERTIFICATE)
_TELL_EVERY_S = 60
_VERSION = "k8s.io/component-base/version.gitVersion"
"""What Kubernetes' own build sets; without it the servers say they are v0.0.0."""


class BuildFailed(RuntimeError):
    """The servers could not be built; the message ends with what Go said."""


def cache(home: Path = HERE) -> Path:
    """Return the directory of these versions: `$XDG_CACHE_HOME/meshbot-e2e/<hash of what they are built from>`.

    Each `home` (a directory with a go.mod) has its own: a newer helm must not have kube-apiserver built again.
    """
    # tools.go only names what go.mod has.
    programs = sorted(path.name for path in home.glob("*.go") if path.name != "tools.go")
    sources = b"".join((home / name).read_bytes() for name in ("go.mod", "go.sum", *programs))
    digest = hashlib.sha256(sources + _VERSION.encode())
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "meshbot-e2e" / digest.hexdigest()[:16]


def build(say: Callable[[str], None] | None = None, *, names: Sequence[str] = SERVERS, home: Path = HERE) -> Path:
    """Build those that are missing and return the directory of the binaries; BuildFailed without Go or its proxy.

    The first time takes 5 minutes on two free cores (kube-apiserver is large), 10 on a busy machine, and about 10 s
    with a warm Go build cache. Safe to end at any moment: a binary appears under its name only when it is whole.
    """
    say = say or _to_stderr
    directory = cache(home)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        # Several processes run the tests: one builds, the others wait for it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            if not (directory / name).exists():
                _build_one(directory / name, PACKAGES.get(name) or _generator(), home, say)
    return directory


def go(*arguments: str, cwd: Path = HERE) -> str:
    """Run the go command and return its standard output; BuildFailed when it is missing or fails."""
    try:
        done = subprocess.run([_go(), *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BuildFailed(f"go could not be run: {error}; install Go as tests/e2e/go.mod names it") from error
    if done.returncode:
        raise BuildFailed(f"go {' '.join(arguments)} failed: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def download(module: str, version: str) -> dict[str, Any]:
    """Return what `go mod download` says of a module (`Dir`, `Sum`); BuildFailed when the proxy does not have it."""
    # Outside any module: the versions of the servers and of the definitions must not pull at each other.
    said: dict[str, Any] = json.loads(go("mod", "download", "-json", f"{module}@{version}", cwd=Path("/")))
    return said


def _build_one(target: Path, package: str, home: Path, say: Callable[[str], None]) -> None:
    say(f"e2e: building {target.name} ({package}) into {target.parent}")
    part = target.with_suffix(f".{os.getpid()}")
    started = told = time.monotonic()
    command = ["nice", _go(), "build", f"-ldflags=-s -w {_versioned(package, home)}", "-o", str(part), package]
    log_path = target.with_suffix(".log")
    environment = {**os.environ, "CGO_ENABLED": "0"} if target.name in STATIC else None
    with (
        log_path.open("w+") as log,
        subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log) as process,
    ):
        while process.poll() is None:
            time.sleep(0.2)
            if time.monotonic() - told > _TELL_EVERY_S:
                told = time.monotonic()
                say(f"e2e: still building {target.name}, {told - started:.0f} s; kube-apiserver takes 5 to 10 minutes")
    if process.returncode:
        raise BuildFailed(f"{' '.join(command)} ended with {process.returncode}: {log_path.read_text()[-2000:]}")
    part.rename(target)
    log_path.unlink()
    say(f"e2e: {target.name} took {time.monotonic() - started:.0f} s")


def _versioned(package: str, home: Path) -> str:
    """Return the flags by which a program of Kubernetes knows its version, that of the go.mod; else nothing."""
    if not package.startswith("k8s.io/kubernetes/"):
        return ""
    version = go("list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes", cwd=home).strip()
    return f"-X {_VERSION}={version}"


def _generator() -> str:
    """Path of the program that Go ships to make a self-signed certificate and its key."""
    return str(Path(go("env", "GOROOT").strip()) / "src/crypto/tls/generate_cert.go")


def _go() -> str:
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found is None:
        raise BuildFailed("go is not in PATH; install Go as tests/e2e/go.mod and tests/helm/go.mod name it")
    return found


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  # a build of ten minutes must be seen to go on


if __name__ == "__main__":
    _to_stderr(f"e2e: the servers are in {build()}")
