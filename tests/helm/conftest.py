"""Helm is built before the first test; where there is no Go, the tests that need it say so."""

from __future__ import annotations

import os

import pytest

from tests.e2e.binaries import BuildFailed, build
from tests.helm.chart import HOME

NEEDED = os.environ.get("MESHBOT_GO") == "1"
"""`.ci/run` says so: what CI skips is tested nowhere."""
_trouble: list[str] = []


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build before the first test: minutes are no part of any test's time."""
    wanted = any("helm" in item.fixturenames for item in session.items if isinstance(item, pytest.Function))
    if not wanted or session.config.option.collectonly:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        try:
            build(names=("helm",), home=HOME)
        except BuildFailed as error:
            if NEEDED:
                pytest.exit(str(error), returncode=1)
            _trouble.append(str(error))


@pytest.fixture(scope="session")
def helm() -> None:
    """Helm is there, or the test is skipped with the reason."""
    if _trouble:
        pytest.skip(f"helm was not built, so the chart is not tested: {_trouble[0].splitlines()[0]}")
