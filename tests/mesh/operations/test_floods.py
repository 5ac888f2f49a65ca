"""What is too much is turned away before anything is written, and a rollback is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesh.domain.errors import Refused
from mesh.domain.floods import Floods, Measure
from mesh.domain.grammar import parse
from mesh.domain.operations import Operation, Origin
from mesh.operations.receiving import Desk, receive
from tests.builders import JIN
from tests.mesh.operations.bench import Bench


def asked(desk: Desk, text: str) -> Operation:
    """Receive a command at this desk."""
    return receive(desk, parse(text), JIN, Origin("slash", "C0PROD"), dedupe=text).operation


def test_a_flood_writes_nothing() -> None:
    """The request above the measure is refused with what to do, leaves no trace, and the rollback after it runs."""
    bench = Bench()
    desk = replace(bench.desk, floods=Floods(person=Measure(60.0, 2)))
    for share in (20, 30):
        asked(desk, f"promote api {share}")
    before = len(bench.audit())
    with pytest.raises(Refused, match="nothing was started"):
        asked(desk, "promote api 40")
    assert len(bench.audit()) == before
    assert asked(desk, "rollback api").id in bench.operations.open
