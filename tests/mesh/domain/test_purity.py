"""The domain needs nothing but Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_domain_imports_without_any_package() -> None:
    """Every module of mesh.domain imports with the standard library alone."""
    modules = [f"mesh.domain.{path.stem}" for path in (ROOT / "mesh/domain").glob("*.py") if path.stem != "__init__"]
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); " + "; ".join(f"import {name}" for name in modules)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
