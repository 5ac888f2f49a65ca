"""The stand-in cluster as a process."""

from __future__ import annotations

import subprocess
import sys
import time

from playground.serving import free_port
from tests.playground.cluster.conftest import EXAMPLES, Http


def test_process_says_why_it_cannot_start() -> None:
    """A misspelt kind ends the process with a message, not a traceback."""
    command = [sys.executable, "-m", "playground.cluster", "--serve", "unicorns=v1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("cannot start the stand-in cluster: no such kind: ['unicorns']")


def test_process_serves_files_and_leaves_at_once() -> None:
    """It says when it is ready, serves the files given, and SIGTERM ends it at once."""
    port = free_port()
    files = [str(EXAMPLES / "istio-traffic.yaml"), str(EXAMPLES / "linkerd-split.yaml")]
    command = [sys.executable, "-m", "playground.cluster", "--port", str(port), "--load", *files]
    old_smi = ["--serve", "trafficsplits.split.smi-spec.io=v1alpha2"]
    with subprocess.Popen([*command, *old_smi], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"ready http://127.0.0.1:{port}\n"
        listed = Http(f"http://127.0.0.1:{port}").do("GET", "/apis/split.smi-spec.io/v1alpha2/trafficsplits")
        assert [obj["metadata"]["name"] for obj in listed.body["items"]] == ["api-split"]
        begun = time.monotonic()
        process.terminate()
        assert process.wait(60) == 0
        assert time.monotonic() - begun < 15
