"""One log line for each event."""

from __future__ import annotations

import json
import logging

import pytest

from telemetry.context import at_work_on, trace_id
from telemetry.logs import JsonLine, OneLine, hide


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


def shown(message: str, *arguments: object) -> dict[str, str]:
    """Return a line as JSON has it."""
    record = logging.LogRecord("n", logging.WARNING, "p", 1, message, arguments, None)
    line = JsonLine().format(record)
    assert "\n" not in line
    found: dict[str, str] = json.loads(line)
    return found


def test_a_json_line_knows_its_operation_and_trace() -> None:
    """The operation at work, or the one that the line names; the trace's id is that of its spans; else neither."""
    trace = f"{trace_id('op-abcd234567'):032x}"
    assert shown("card op-abcd234567 was not sent")["trace"] == trace
    with at_work_on("op-abcd234567"):
        line = shown("a lane\nwas not enqueued")
    assert (line["operation"], line["trace"]) == ("op-abcd234567", trace)
    assert line["message"] == "a lane\nwas not enqueued"
    assert "trace" not in shown("this clock leads now")


def test_a_secret_stands_in_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes it, in its words, its arguments or a traceback, as text or as JSON."""
    monkeypatch.setattr("telemetry.logs._secrets", [])
    hide(["xoxb-whole-secret", "secret", "short"])
    try:
        int("bad xoxb-whole-secret")
    except ValueError as error:
        traceback = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("n", logging.ERROR, "p", 1, "asked with %s", ("my secret",), traceback)
    for form in (JsonLine(), OneLine()):
        line = form.format(record)
        assert "secret" not in line
        assert "xoxb" not in line
        assert line.count("***") >= 2
    assert OneLine("%(message)s").format(logging.LogRecord("n", 20, "p", 1, "short words", (), None)) == "short words"
