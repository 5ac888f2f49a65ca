"""Children start, become ready, are frozen, end, and never outlive their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from playground.processes import Child, StartFailed

SLEEPER = "import time; print('ready http://here', flush=True); time.sleep(60)"


def python(code: str, log_path: Path, on_exit: Callable[[Child], None] | None = None) -> Child:
    """Return a child, not yet started, that runs this code."""
    return Child("sample", [sys.executable, "-c", code], {"GREETING": "hello"}, log_path, on_exit=on_exit)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a log file in a directory that does not exist yet."""
    return tmp_path / "logs" / "sample.log"


@pytest.fixture
def sleeper(log: Path) -> Iterator[Child]:
    """Yield a child that is ready and waits."""
    with python(SLEEPER, log) as child:
        child.wait_ready_line()
        yield child


def gone(pid: int, within_s: float = 60) -> bool:
    """Tell whether the process has ended, waiting for it a while."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_the_ready_line_gives_the_address(log: Path) -> None:
    """What follows `ready ` on the child's output is returned, and stop ends the child."""
    with python(SLEEPER, log) as child:
        assert child.wait_ready_line() == "http://here"
        assert child.running
    assert child.returncode == -signal.SIGTERM


def test_an_old_ready_line_does_not_count(log: Path) -> None:
    """A restarted child is ready only when it says so again, although its log still holds the first ready line."""
    child = python(SLEEPER, log)
    with child:
        child.wait_ready_line()
    child.argv = (sys.executable, "-c", "import time; time.sleep(60)")
    child.start()
    with pytest.raises(StartFailed, match="not ready after"):
        child.wait_ready_line(timeout_s=0.2)


def test_a_failed_start_shows_the_log(log: Path) -> None:
    """The error of a child that ends while starting carries its status and the end of its own output."""
    child = python("import sys; sys.exit('port is taken')", log).start()
    with pytest.raises(StartFailed, match=r"status 1 while starting\.[\s\S]*port is taken"):
        child.wait_ready_line()


def test_a_missing_program_is_named(log: Path) -> None:
    """A program that does not exist gives StartFailed with its name, not a bare OSError."""
    with pytest.raises(StartFailed, match="no-such-program"):
        Child("ghost", ["no-such-program"], log_path=log).start()


def test_the_environment_is_added_to(log: Path) -> None:
    """A child sees its own variables beside those of the parent."""
    code = "import os; print('ready', os.environ['GREETING'], 'PATH' in os.environ)"
    child = python(code, log).start()
    assert child.wait_ready_line() == "hello True"
    child.stop()


def test_an_unexpected_end_is_reported(log: Path) -> None:
    """The callback hears of a crash with the exit status, once."""
    ended: list[int | None] = []
    told = threading.Event()

    def on_exit(child: Child) -> None:
        ended.append(child.returncode)
        told.set()

    python("import sys; sys.exit(7)", log, on_exit=on_exit).start()
    assert told.wait(60)
    assert ended == [7]


def test_an_asked_end_is_not_reported(log: Path) -> None:
    """Stop and kill are no surprise, so the callback stays silent."""
    ended: list[Child] = []
    for end in (Child.stop, Child.kill):
        child = python(SLEEPER, log, on_exit=ended.append).start()
        child.wait_ready_line()
        end(child)
        assert not child.running
    time.sleep(0.1)
    assert ended == []


def test_a_deaf_child_is_killed(log: Path) -> None:
    """A child that ignores SIGTERM is gone after the grace time."""
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
    child = python(deaf, log).start()
    child.wait_ready_line()
    child.stop(grace_s=0.2)
    assert child.returncode == -signal.SIGKILL


def test_a_paused_child_can_be_stopped(sleeper: Child) -> None:
    """Stopping wakes a frozen child, so it ends by SIGTERM and not by waiting out the grace time."""
    sleeper.pause()
    time.sleep(0.1)  # the kernel stops it a moment later; a SIGTERM before that would still be answered
    sleeper.stop()
    assert sleeper.returncode == -signal.SIGTERM


def test_starting_twice_is_refused(sleeper: Child) -> None:
    """A running child cannot be started again and forgotten."""
    with pytest.raises(RuntimeError, match="already runs"):
        sleeper.start()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    """SIGKILL of the parent still ends its child, also one that a short-lived thread started."""
    parent = (
        "import sys, threading, time; from pathlib import Path; from playground.processes import Child\n"
        "sleeper = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        f"child = Child('c', sleeper, log_path=Path({str(tmp_path)!r}, 'c'))\n"
        "starter = threading.Thread(target=child.start); starter.start(); starter.join(); time.sleep(0.2)\n"
        "print(child.pid, child.running, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid, running = process.stdout.readline().split()
        assert running == "True"
        os.kill(process.pid, signal.SIGKILL)
        assert gone(int(pid))
