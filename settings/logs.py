"""Logging for every process: one line for each event, whatever text is in it."""

from __future__ import annotations

import logging
import sys
import time


class OneLine(logging.Formatter):
    """Keeps foreign text from looking like further log lines: line breaks are written as two characters."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record, traceback included, on one line."""
        return super().format(record).replace("\r", "\\r").replace("\n", "\\n")


def log_to_stderr() -> None:
    """Send everything from INFO up to standard error; libraries from WARNING, for they log requests below that."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = OneLine("%(asctime)sZ %(levelname)s %(process)d %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for library in ("slack_sdk", "slack_bolt", "urllib3", "kubernetes", "rq"):
        logging.getLogger(library).setLevel(logging.WARNING)
