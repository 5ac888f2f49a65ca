"""Ends the processes that a dead parent left behind. Run as a script of its own; see `playground.processes`.

Reads lines `+PID` and `-PID` from its standard input. The end of that input means that the parent is gone, however it
went (exit, SIGKILL, closed terminal): every PID that is still listed gets SIGKILL. This works the same on Linux and on
macOS; Linux's PR_SET_PDEATHSIG is not used, because it fires when the *thread* that started the child ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
    """Keep the list of PIDs until the parent's end of the pipe closes, then kill what is listed."""
    alive: set[int] = set()
    for line in sys.stdin:
        pid = int(line[1:])
        if line.startswith("+"):
            alive.add(pid)
        else:
            alive.discard(pid)
    for pid in alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    # Ctrl-C in the terminal is the parent's to answer; this process ends when the pipe does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main()
