"""The Dockerfile as its instructions, and its first stage as commands in a plain directory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[2]
ENGINE_ONLY = ("apt-get",)
"""What prepares a bare Debian; here these packages are there already."""


@dataclass(frozen=True)
class Instruction:
    """One instruction, its continuation lines joined."""

    name: str
    value: str

    @property
    def words(self) -> list[str]:
        """The words of an exec form, e.g. `["meshbot", "probe"]`; ValueError where it is a shell form."""
        parsed = json.loads(self.value[self.value.index("[") :])
        return [str(word) for word in parsed]


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage."""
    parser = DockerfileParser(str(ROOT / "Dockerfile"), cache_content=True)
    found: list[list[Instruction]] = []
    for entry in parser.structure:
        if entry["instruction"] == "FROM":
            found.append([])
        if entry["instruction"] != "COMMENT" and found:
            found[-1].append(Instruction(entry["instruction"], entry["value"]))
    return found


def build(place: Path) -> Path:
    """Run the first stage below `place` instead of `/` and return what the second one copies.

    What was there goes, but for the downloads.
    """
    for old in place.glob("build/*"):
        if old.name != "cache":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    shutil.rmtree(place / "app", ignore_errors=True)
    place.mkdir(parents=True, exist_ok=True)
    workdir, environment = place, {"PATH": "/usr/bin:/bin", "HOME": str(place)}
    # Where this machine gets its packages from, where that is not the usual place.
    environment |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "SSL_"))}
    for step in stages()[0]:
        value = _moved(step.value, place)
        if step.name == "WORKDIR":
            workdir = Path(value)
            workdir.mkdir(parents=True, exist_ok=True)
        elif step.name == "ENV":
            environment |= dict(pair.split("=", 1) for pair in value.split())
        elif step.name == "COPY":
            _copy(value.split(), workdir)
        elif step.name == "RUN" and not value.startswith(ENGINE_ONLY):
            _run(value, workdir, environment)
    return place / "app"


def _moved(value: str, place: Path) -> str:
    """Put `/app` and `/build`, the only places that the stage writes to, below another directory."""
    words = (
        value.replace("=/app", f"={place}/app").replace(" /app", f" {place}/app").replace("/build", f"{place}/build")
    )
    return words.replace("/app/bin", f"{place}/app/bin") if words.startswith("/app") else words


def _copy(words: list[str], workdir: Path) -> None:
    *sources, target = words
    for source in sources:
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
            shutil.copytree(ROOT / source, workdir / target, ignore=ignored)
        else:
            shutil.copy(ROOT / source, workdir / target)


def _run(command: str, workdir: Path, environment: dict[str, str]) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-ec", command], cwd=workdir, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"RUN {command}\n{ended.stdout}\n{ended.stderr}"


def contents(tree: Path) -> dict[str, str]:
    """Return a digest of each file, its mode and where links lead, by path."""
    return {str(path.relative_to(tree)): _digest(path) for path in sorted(tree.rglob("*")) if not _is_folder(path)}


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _digest(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
