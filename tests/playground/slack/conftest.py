"""One stage for each test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.playground.slack.stage import Stage, open_stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A stand-in Slack and a bolt app that takes deliveries over HTTP."""
    with open_stage() as opened:
        yield opened
