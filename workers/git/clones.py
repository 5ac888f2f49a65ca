"""Directories for what was fetched, each with a sign of life: a lock on it, which the system drops with its process.

A worker that was killed leaves its directory behind. Whoever makes a new one removes those that nobody holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "meshbot-git-"


class Clone:
    """A directory of this process, below the temporary one."""

    def __init__(self) -> None:
        """Make and hold it, once those of dead processes are gone. Raises OSError."""
        sweep()
        while True:
            self.path = tempfile.mkdtemp(prefix=PREFIX)
            # Somebody else may sweep before it is held: then it is gone, or about to go.
            with suppress(FileNotFoundError, BlockingIOError):
                self._held = _hold(Path(self.path))
                return

    def remove(self) -> None:
        """Remove it; the second time does nothing."""
        held, self._held = self._held, -1
        if held >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(held)


def sweep() -> None:
    """Remove what nobody holds. What is not ours, or cannot be looked at, stays."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if left.lstat().st_uid != os.getuid():
                continue
            held = _hold(left)
            try:
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(held)


def _hold(directory: Path) -> int:
    """Lock a directory; raise BlockingIOError where somebody holds it, another OSError where it is gone or is none."""
    held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(held), directory.lstat()):
            raise FileNotFoundError(directory)
    except OSError:
        os.close(held)
        raise
    return held
