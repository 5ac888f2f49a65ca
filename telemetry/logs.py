"""Log lines: text for people, JSON for machines; both know the operation, and neither says a secret."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterable

from telemetry.context import current, named_in, trace_id

HIDDEN = "***"
SHORTEST = 6
"""Characters of a secret that is hidden wherever it stands; shorter ones would hide words."""

_secrets: list[str] = []


def hide(secrets: Iterable[str]) -> None:
    """Let none of these stand in a log line from now on, whoever writes it."""
    found = {one for one in secrets if len(one) >= SHORTEST} | set(_secrets)
    # The longest first: one may be a part of another.
    _secrets[:] = sorted(found, key=len, reverse=True)


def hidden(text: str) -> str:
    """Return `text` without secrets."""
    for secret in _secrets:
        text = text.replace(secret, HIDDEN)
    return text


class OneLine(logging.Formatter):
    """Keeps foreign text from looking like further log lines: line breaks are written as two characters."""

    def __init__(self, form: str = "%(asctime)sZ %(levelname)s %(process)d %(name)s: %(message)s") -> None:
        """Write lines of this form, times in UTC."""
        super().__init__(form, "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """Return the record, traceback included, on one line."""
        return hidden(super().format(record)).replace("\r", "\\r").replace("\n", "\\n")


class JsonLine(logging.Formatter):
    """One JSON object for each record: `time`, `level`, `process`, `logger`, `message`, and more where there is more.

    `operation` and `trace` (32 hexadecimal digits, as in the trace itself) where the line belongs to an operation: the
    one at work, or the one it names. `error` holds a traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        message = hidden(record.getMessage())
        said = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "process": record.process,
            "logger": record.name,
            "message": message,
        }
        operation = current() or named_in(message)
        if operation:
            said |= {"operation": operation, "trace": f"{trace_id(operation):032x}"}
        if record.exc_info:
            said["error"] = hidden(self.formatException(record.exc_info))
        return json.dumps(said, ensure_ascii=False)


def log_to_stderr(form: str = "text") -> None:
    """Send everything from INFO up to standard error, as `text` or `json`; libraries from WARNING.

    Those log requests below that.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine() if form == "json" else OneLine())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for library in ("slack_sdk", "slack_bolt", "urllib3", "kubernetes", "rq"):
        logging.getLogger(library).setLevel(logging.WARNING)
