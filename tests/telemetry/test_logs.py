"""One log line for each event."""

from __future__ import annotations

import logging

from telemetry.logs import OneLine


def test_foreign_text_cannot_write_further_log_lines() -> None:
    """A line break in a person's words, or in a traceback, stays inside its line."""
    try:
        int("first\nINFO forged")
    except ValueError as error:
        traceback = (ValueError, error, error.__traceback__)
        record = logging.LogRecord("n", logging.ERROR, "p", 1, "said %s", ("x\r\nERROR forged",), traceback)
    line = OneLine("%(levelname)s %(message)s").format(record)
    assert "\n" not in line
    assert "\r" not in line
    assert "ERROR said x" in line
    assert "Traceback" in line
