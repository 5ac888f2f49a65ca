"""Starts, watches and ends one local process; the base of every real server and of the demo's own children."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

POLL_S = 0.005
START_S = 60.0
"""Most seconds for a start, which takes one or two: machines are busy. Who ends while starting is told of at once."""
READY = "ready "
FROZEN_S = 2.0
"""How long a paused process may go on before that is not waited for any more."""


class StartFailed(RuntimeError):
    """A process ended or stayed silent when it should have become ready; the message carries the end of its log."""


class Child:
    """One process whose output goes to `log_path` and which never outlives this one.

    `argv[0]` is looked up in PATH. `env` is added to this process's environment. `on_exit(child)` is called in a
    thread of its own when the process ends without `stop()` or `kill()` having been called first; read
    `child.returncode` there. The child has its own session, so Ctrl-C in a terminal reaches only the parent, which
    then stops its children in the order it likes.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        log_path: Path | None = None,
        *,
        on_exit: Callable[[Child], None] | None = None,
    ) -> None:
        self.name = name
        self.argv = tuple(argv)
        self.log_path = log_path
        self._env = dict(env or {})
        self._on_exit = on_exit
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._asked_to_end = False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id; raises RuntimeError before the first start."""
        return self._started().pid

    @property
    def running(self) -> bool:
        """True while the process exists, paused or not."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """The exit status (negative: the signal that ended it); None while it runs or before it started."""
        return None if self._process is None else self._process.poll()

    def start(self) -> Self:
        """Start the process and return at once; StartFailed when the program cannot be run at all."""
        if self.running:
            raise RuntimeError(f"{self.name} already runs as process {self.pid}; stop it first")
        self._asked_to_end = False
        with self._open_log() as log:
            self._log_start = log.tell() if self.log_path else 0
            environment = {**os.environ, "PYTHONUNBUFFERED": "1", **self._env}
            try:
                self._process = subprocess.Popen(
                    self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
                )
            except OSError as error:
                raise StartFailed(f"{self.name} could not be started: {error}; command: {self.argv[0]}") from error
        _Reaper.watch(self._process.pid)
        threading.Thread(target=self._await_end, args=(self._process,), name=f"exit-{self.name}", daemon=True).start()
        return self

    def wait_ready(self, is_ready: Callable[[], bool], timeout_s: float = START_S) -> Self:
        """Ask `is_ready` every 5 ms; StartFailed (and the process stopped) when it ended or time ran out."""
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            if not self.running:
                raise StartFailed(f"{self.name} ended with status {self.returncode} while starting.{self._log_note()}")
            if time.monotonic() > deadline:
                self.stop(grace_s=1)
                raise StartFailed(f"{self.name} was not ready after {timeout_s:g} s.{self._log_note()}")
            time.sleep(POLL_S)
        return self

    def wait_ready_line(self, timeout_s: float = START_S) -> str:
        """Wait for an output line that starts with `ready ` and return what follows, e.g. the URL. Needs `log_path`."""
        self.wait_ready(lambda: self._ready_line() is not None, timeout_s)
        return self._ready_line() or ""

    def stop(self, grace_s: float = 5) -> None:
        """End the process: SIGTERM, and after `grace_s` seconds SIGKILL. Harmless when it has ended already."""
        if not self.running:
            return
        self._asked_to_end = True
        # A paused process would sit on its SIGTERM for ever.
        self._signal(signal.SIGTERM, signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._started().wait(grace_s)
            return
        self.kill()

    def kill(self) -> None:
        """End the process at once with SIGKILL, as a power cut would."""
        self._asked_to_end = True
        self._signal(signal.SIGKILL)
        self._started().wait(START_S)

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): its sockets stay open and nothing answers.

        On a busy machine its threads go on for a moment: on Linux that is waited for.
        """
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + FROZEN_S
        while not _is_frozen(self.pid) and time.monotonic() < deadline:
            time.sleep(0.005)

    def resume(self) -> None:
        """Let a paused process go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def log_tail(self) -> str:
        """Return the last 15 lines that this start of the process wrote; empty without a log file."""
        return "\n".join(self._output().splitlines()[-15:])

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started; call start() first")
        return self._process

    def _signal(self, *numbers: signal.Signals) -> None:
        for number in numbers:
            self._started().send_signal(number)

    def _open_log(self) -> IO[bytes]:
        if self.log_path is None:
            return Path(os.devnull).open("ab")
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        log = self.log_path.open("ab")
        log.seek(0, os.SEEK_END)
        return log

    def _output(self) -> str:
        if self.log_path is None or not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _ready_line(self) -> str | None:
        complete = (line for line in self._output().splitlines(keepends=True) if line.endswith("\n"))
        return next((line.removeprefix(READY).strip() for line in complete if line.startswith(READY)), None)

    def _log_note(self) -> str:
        return f" The end of {self.log_path}:\n{self.log_tail()}" if self.log_path else ""

    def _await_end(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        _Reaper.forget(process.pid)
        if self._on_exit is not None and not self._asked_to_end:
            self._on_exit(self)


class _Reaper:
    """The one watching process of this process, started with the first child."""

    _process: subprocess.Popen[str] | None = None
    _lock = threading.Lock()

    @classmethod
    def watch(cls, pid: int) -> None:
        with cls._lock:
            if cls._process is None or cls._process.poll() is not None:
                cls._process = cls._launch()
            cls._write(f"+{pid}\n")

    @classmethod
    def forget(cls, pid: int) -> None:
        with cls._lock:
            cls._write(f"-{pid}\n")

    @classmethod
    def _write(cls, line: str) -> None:
        # Without its watcher a child is still stopped by its owner; only the safety net is lost.
        if cls._process is not None and cls._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                cls._process.stdin.write(line)
                cls._process.stdin.flush()

    @staticmethod
    def _launch() -> subprocess.Popen[str]:
        script = Path(__file__).with_name("reaper.py")
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(script)], stdin=subprocess.PIPE, text=True, start_new_session=True
        )

    @classmethod
    def close(cls) -> None:
        with cls._lock:
            if cls._process is not None:
                cls._process.communicate()
                cls._process = None


atexit.register(_Reaper.close)


def _is_frozen(pid: int) -> bool:
    """Tell whether every thread of a process is stopped; True where nobody can tell (no `/proc`)."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        states = [(task / "stat").read_text().rsplit(")", 1)[1].split()[0] for task in tasks]
    except OSError:
        return True
    return all(state in "TtZX" for state in states)
