"""A machine where helm cannot be built."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("needed", "code", "said"), [("", 0, "helm was not built, so the chart is not tested"), ("1", 1, "go build")]
)
def test_what_cannot_be_tested_is_said(tmp_path: Path, needed: str, code: int, said: str) -> None:
    """Elsewhere the tests of the chart are skipped with the reason; where `.ci/run` is at work, nothing goes on."""
    # Go finds no module: not in its cache, and nowhere to ask for one.
    nothing = {"GOMODCACHE": str(tmp_path / "modules"), "GOPROXY": "off", "GOFLAGS": "-mod=mod"}
    environment = {**os.environ, **nothing, "XDG_CACHE_HOME": str(tmp_path), "MESHBOT_GO": needed}
    command = [sys.executable, "-m", "pytest", "tests/helm/test_rights.py"]
    done = subprocess.run(command, cwd=HERE.parents[1], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    assert said in done.stdout + done.stderr
    assert "passed" not in done.stdout
