"""The port that others watch."""

from __future__ import annotations

import logging
import multiprocessing
import socket
import struct
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from telemetry.looks import Numbers, State
from telemetry.serving import application, listen, serve
from telemetry.sharing import Shared


def well() -> tuple[bool, dict[str, object]]:
    """Say that all is well."""
    return True, {}


def test_several_processes_answer_on_one_port() -> None:
    """Whoever is free answers; one that dies leaves the port to the others."""
    listener = listen(0, "127.0.0.1")
    assert listener is not None
    fork = multiprocessing.get_context("fork")
    app = application(Numbers([]), well, well)
    processes = [fork.Process(target=serve, args=(listener, app), daemon=True) for _ in range(2)]
    for process in processes:
        process.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        for path in ["/healthz", "/readyz", "/metrics"] * 5:
            assert urllib.request.urlopen(url + path, timeout=10).status == 200
        processes[0].kill()
        processes[0].join()
        for _ in range(5):
            assert urllib.request.urlopen(f"{url}/healthz", timeout=10).status == 200
    finally:
        for process in processes:
            process.kill()
            process.join()
        listener.close()


def test_a_taken_port_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Who cannot be watched still works, and says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert listen(taken.getsockname()[1], "127.0.0.1") is None
    assert "MESHBOT_METRICS_PORT" in caplog.text


def test_a_bug_in_one_number_loses_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be read of Redis is left out, with a word that it is; the rest is told."""

    def broken() -> None:
        raise KeyError("phase")

    with caplog.at_level(logging.ERROR), Numbers([State("clock", broken)]).registry() as registry:  # type: ignore[arg-type]  # on purpose
        assert registry.get_sample_value("meshbot_redis_up", {"role": "clock"}) == 0.0
    assert "being counted" in caplog.text


def test_a_process_that_begins_in_that_moment_breaks_no_scrape(tmp_path: Path) -> None:
    """Its file has no length yet: the numbers are put together again, and one that stays broken is an error."""
    beginning, told = tmp_path / "counter_1.db", []
    answers = application(Numbers((), Shared(tmp_path)), lambda: (True, {}), lambda: (True, {}))

    def scrape() -> None:
        def begin(status: str, *_: object) -> Any:
            told.append(status)

        list(answers({"PATH_INFO": "/metrics", "REQUEST_METHOD": "GET"}, begin))

    beginning.touch()
    gone = threading.Timer(0.05, beginning.unlink)
    gone.start()
    scrape()
    gone.join()
    assert told == ["200 OK"]
    beginning.touch()
    with pytest.raises(struct.error):
        scrape()
