"""The Dockerfile as a text: linted, without root or shell, for both architectures."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.image.dockerfile import ROOT, Instruction, stages

LAST = stages()[-1]


def value(name: str) -> str:
    """The value of an instruction that the last stage has once."""
    found = [step.value for step in LAST if step.name == name]
    assert len(found) == 1, f"{name}: {found}"
    return found[0]


def test_the_linter_has_nothing_to_say() -> None:
    """hadolint, with every rule on."""
    linter = Path(sys.executable).parent / "hadolint"
    ended = subprocess.run(
        [linter, "--failure-threshold", "style", ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "")


def test_nothing_runs_as_root_and_nothing_needs_a_shell() -> None:
    """The last stage has a numeric user (a kubelet can check it), runs nothing, and starts without a shell."""
    uid, gid = value("USER").split(":")
    assert min(int(uid), int(gid)) > 0
    assert [step for step in LAST if step.name == "RUN"] == []
    assert Instruction("ENTRYPOINT", value("ENTRYPOINT")).words == ["/app/bin/meshbot"]
    assert Instruction("HEALTHCHECK", value("HEALTHCHECK")).words == ["/app/bin/meshbot", "probe"]


def test_labels_say_what_it_is() -> None:
    """The labels of the OCI that registries and scanners read."""
    labels = set(re.findall(r"org\.opencontainers\.image\.(\w+)=", value("LABEL")))
    assert labels >= {"title", "description", "licenses", "version", "revision"}


def test_the_version_is_the_package_s() -> None:
    """The label says the version that is in it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"VERSION={version}" in [step.value for step in LAST if step.name == "ARG"]


def test_every_room_is_copied_and_let_in() -> None:
    """A package that the wheel wants and the image lacks breaks the first start; what is not wanted stays outside."""
    rooms = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    )
    copied = {word for step in stages()[0] if step.name == "COPY" for word in step.value.split()[:-1]}
    assert copied - {"pyproject.toml", "uv.lock", "README.md"} == rooms
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    assert let_in == copied


def _locked() -> dict[str, list[str]]:
    """Return the names of the wheels of each package of the image; one may be locked in several versions."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    wanted = ["meshbot"]
    reached: dict[str, list[str]] = {}
    while wanted:
        name = wanted.pop()
        if name in reached:
            continue
        same = [package for package in packages if package["name"] == name]
        reached[name] = [wheel["url"].rsplit("/", 1)[-1] for package in same for wheel in package.get("wheels", ())]
        needed = [one for package in same for one in package.get("dependencies", ())]
        if name == "meshbot":
            needed += same[0]["optional-dependencies"]["otel"]
        wanted += [one["name"] for one in needed if "win32" not in one.get("marker", "")]
    del reached["meshbot"]
    return reached


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_nothing_is_compiled_for_either_architecture(machine: str) -> None:
    """Every package has a wheel for Debian's Python 3.13, or one for any machine; so the image needs no compiler."""
    built = rf"(cp313-cp313|cp3\d+-abi3|py3-none)-manylinux[\w.]*{machine}"
    fits = re.compile(rf"-(py2\.)?py3-none-any\.whl$|-{built}[\w.]*\.whl$")
    lacking = [name for name, wheels in _locked().items() if not any(fits.search(wheel) for wheel in wheels)]
    assert lacking == []
