"""One set of numbers for the processes of one pod: each keeps its own in a file, and whoever is asked adds them up.

That is the way of prometheus_client for several processes. The files of the dead stay, for what they counted happened;
they are put together into one now and then, so that a process that dies again and again leaves no heap.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, values
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.multiprocess import MultiProcessCollector

MOST_DEAD = 16
"""Files of processes that are gone, of one kind, before they are put together."""
FOLDED = "0"
"""Stands for the process id of all that were put together; no process has this one."""


def share(role: str) -> Path:
    """Let this process, and those that it forks from now on, keep what they count in files; returns their directory.

    Must be called before anything is counted. The directory is this user's alone, and ends with this process. It lives
    where temporary files do; a read-only root file system needs a writable one there.
    """
    directory = Path(tempfile.gettempdir()) / f"meshbot-{role}-{os.getpid()}"
    # In a container a former start had the same process id.
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)  # noqa: TID251 (the library looks there and nowhere else)
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]  # typed in part
    atexit.register(_remove, directory, os.getpid())
    return directory


def _remove(directory: Path, owner: int) -> None:
    # Forked processes inherit what is to be done at the end.
    if os.getpid() == owner:
        shutil.rmtree(directory, ignore_errors=True)


class Shared:
    """Adds up what all processes of a directory have counted."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._turn = threading.Lock()

    @contextmanager
    def registry(self) -> Iterator[CollectorRegistry]:
        """Give the sums, for as long as the block lasts: nothing is put together meanwhile."""
        with self._turn:
            self._fold("counter")
            self._fold("histogram")
            found = CollectorRegistry()
            MultiProcessCollector(found, path=str(self._directory))  # type: ignore[no-untyped-call]  # typed in part
            yield found

    def _fold(self, kind: str) -> None:
        """Put the files of dead processes into one, where there are many."""
        files = {path.stem.rpartition("_")[2]: path for path in self._directory.glob(f"{kind}_*.db")}
        dead = [path for pid, path in files.items() if pid == FOLDED or not _lives(int(pid))]
        if len(dead) <= MOST_DEAD:
            return
        making = self._directory / f"{kind}_{FOLDED}.new"
        making.unlink(missing_ok=True)
        _write(making, [str(path) for path in dead])
        for path in dead:
            path.unlink()
        making.rename(self._directory / f"{kind}_{FOLDED}.db")


def _write(place: Path, files: list[str]) -> None:
    made = MmapedDict(str(place))  # type: ignore[no-untyped-call]  # typed in part
    for metric in MultiProcessCollector.merge(files, accumulate=False):  # type: ignore[no-untyped-call]  # as above
        # The library's keys have the name by which it was declared: that of a histogram is not that of its samples.
        declared = metric.name
        for sample in metric.samples:
            names, said = list(sample.labels), list(sample.labels.values())
            key = mmap_key(declared, sample.name, names, said, metric.documentation)
            made.write_value(key, sample.value, 0.0)  # type: ignore[no-untyped-call]  # as above
    made.close()  # type: ignore[no-untyped-call]  # as above


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
