"""Reading a configuration that a test wrote."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from mesh.domain.catalog import Catalog
from settings.file import Misconfigured, read_catalog


def read(tmp_path: Path, text: str, *, prometheus_url: str = "") -> Catalog:
    """Read `text` as a configuration."""
    path = tmp_path / "meshbot.yaml"
    path.write_text(dedent(text))
    return read_catalog(str(path), prometheus_url=prometheus_url)


def mistakes(tmp_path: Path, text: str) -> list[str]:
    """Return every mistake of `text` as `line: key: what`."""
    with pytest.raises(Misconfigured) as refused:
        read(tmp_path, text)
    lines = refused.value.message.splitlines()
    assert all(line.startswith(f"{tmp_path}/meshbot.yaml:") for line in lines)
    return [line.removeprefix(f"{tmp_path}/meshbot.yaml:") for line in lines]
