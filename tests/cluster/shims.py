"""`docker` and `kind` as the documents call them: Buildah builds, and containerd on the node is given the image."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.cluster.images import Engine, build, save
from tests.cluster.node import load
from tests.e2e.binaries import cache


def docker(words: list[str]) -> None:
    """Build an image of this repository."""
    match words:
        case ["build", "--tag", name, "."]:
            build(Engine(), "--tag", name, ".")
        case _:
            sys.exit(f"nobody knows how to do docker {' '.join(words)} here")


def kind(words: list[str], home: Path) -> None:
    """Bring an image to the node; the cluster itself is there before, and goes with the run."""
    match words:
        case ["create" | "delete", "cluster", "--name", _]:
            pass
        case ["load", "docker-image", name, "--name", _]:
            load(home, save(Engine(), name, home))
        case _:
            sys.exit(f"nobody knows how to do kind {' '.join(words)} here")


def put(tools: Path, home: Path) -> None:
    """Put both programs into a directory of a PATH, for the node whose containerd is at `home`."""
    # The reader's home is their own; the images are in ours.
    known = f"XDG_CACHE_HOME={cache().parents[1]}"
    for name in ("docker", "kind"):
        program = tools / name
        program.write_text(f'#!/bin/sh\nexec env {known} {sys.executable} -m tests.cluster.shims {home} {name} "$@"\n')
        program.chmod(0o755)


if __name__ == "__main__":
    where, called, *said = sys.argv[1:]
    if called == "docker":
        docker(said)
    else:
        kind(said, Path(where))
