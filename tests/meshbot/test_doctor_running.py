"""The doctor's checks run side by side: none waits for another, and what goes wrong in one stays there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from mesh.domain.errors import Unavailable
from meshbot.doctor.running import Check, examined
from meshbot.findings import Finding


def fine() -> Iterator[Finding]:
    """A part that is well."""
    yield Finding("ok", "fine", "it is")


def broken() -> Iterator[Finding]:
    """A check with a bug, after it found something."""
    yield Finding("ok", "broken", "so far")
    raise KeyError("xoxb-secret")


def away() -> Iterator[Finding]:
    """A part that does not answer."""
    raise Unavailable("It is away.", hint="Wake it.")


def test_a_check_that_hangs_or_breaks_hides_nothing() -> None:
    """All begin at once; one that is silent is named when time is over, a bug is told by its kind alone."""
    waiting = threading.Event()

    def hang() -> Iterator[Finding]:
        yield Finding("ok", "hanging", "it began")
        waiting.wait(60)

    began = time.monotonic()
    checks = [Check("hanging", hang), Check("broken", broken), Check("away", away), Check("fine", fine)]
    found = [(one.level, one.what, one.text) for one in examined(checks, within_s=3)]
    waiting.set()
    assert time.monotonic() - began < 30
    assert found[:2] == [("ok", "hanging", "it began"), ("fail", "hanging", "no answer within 3 s")]
    assert found[2] == ("ok", "broken", "so far")
    assert found[3] == ("fail", "broken", "this check broke (KeyError), so nothing is known of it")
    assert found[4:] == [("fail", "away", "It is away."), ("ok", "fine", "it is")]
    assert "xoxb" not in str(found)
