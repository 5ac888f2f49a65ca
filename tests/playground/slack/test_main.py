"""The stand-in as a process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playground.serving import free_port
from playground.slack.driver import SlackDriver


def test_it_says_when_it_is_ready_and_ends_at_once(tmp_path: Path) -> None:
    """`ready URL` is printed when it listens; SIGTERM ends it at once though a page is open."""
    completions = tmp_path / "completions.json"
    completions.write_text(json.dumps([{"insert": "/mesh status", "hint": "where things are"}]))
    port = free_port()
    command = [sys.executable, "-m", "playground.slack", "--port", str(port), "--completions", str(completions)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"ready http://127.0.0.1:{port}\n"
        assert SlackDriver(f"http://127.0.0.1:{port}").state()["completions"][0]["insert"] == "/mesh status"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/page/events", timeout=60) as stream:
            assert stream.readline() == b": hello\n"
            started = time.monotonic()
            process.terminate()
            _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")
        assert time.monotonic() - started < 15
