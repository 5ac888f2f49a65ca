"""The configuration while a process runs: a changed file is read whole; with mistakes the last good one stays."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mesh.domain.catalog import Catalog
from mesh.domain.errors import Refused
from mesh.domain.policy import Policy
from settings.file import read_catalog

SETTLED_S = 0.5
"""A file younger than this may be half written; it is read once it is older."""
AGAIN_S = 1.0
"""How often a file that nobody could read yet is looked at, by a process that cannot work without it."""

log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int, int, int] | None


@dataclass(frozen=True)
class Standing:
    """What configuration is in force, and what is wrong with the file."""

    catalog: Catalog
    trouble: str = ""
    """What is wrong with the file as it is now, all mistakes; empty while the catalog is what the file says."""
    good: bool = True
    """False while no file was ever read: then nobody may change anything."""
    seal: str = ""
    """SHA-256 of the file as it is now, in hexadecimal; empty where there is none that can be read."""


@dataclass
class CatalogFile:
    """Hands out the catalog of the moment; one file, looked at each time, read when it changed.

    A file that was never readable gives a catalog that denies every change. No path at all is a choice, and no trouble:
    reading only. Safe to use from several threads.
    """

    path: str = ""
    prometheus_url: str = ""
    _standing: Standing = field(init=False)
    _stamp: _Stamp = field(init=False, default=None)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Read the file for the first time, however young it is."""
        if not self.path:
            log.warning("MESHBOT_CONFIG names no file, so meshbot only reads: nobody may change traffic.")
            self._standing = Standing(read_catalog(None, prometheus_url=self.prometheus_url))
            return
        self._standing = Standing(_denying(self.path), trouble="not read yet", good=False)
        self._read(self._stamped())

    def current(self) -> Catalog:
        """Return the catalog in force: whole, and the same object until the file changes. Never raises."""
        return self.standing().catalog

    def standing(self) -> Standing:
        """Return the same with what is wrong, if anything."""
        if not self.path:
            return self._standing
        with self._lock:
            stamp = self._stamped()
            if stamp != self._stamp and _is_settled(stamp):
                self._read(stamp)
            return self._standing

    def wait(self, *, pause: Callable[[float], object] = time.sleep) -> Catalog:
        """Return the first catalog that can be read; for processes that cannot work without one."""
        if not self.standing().good:
            log.error("Nothing is worked on before %s can be read; what is asked for waits in Redis.", self.path)
        while not self.standing().good:
            pause(AGAIN_S)
        return self.current()

    def _stamped(self) -> _Stamp:
        """Return what changes when the file does, also behind the links of a mounted ConfigMap; None without a file."""
        try:
            found = Path(self.path).stat()
        except OSError:
            return None
        return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)

    def _read(self, stamp: _Stamp) -> None:
        seal = self._sealed()
        try:
            catalog = read_catalog(self.path, prometheus_url=self.prometheus_url)
        except Refused as error:
            self._fail(error.message, seal)
        else:
            if self._standing.good and self._stamp is not None:
                log.info("%s was read again and is in force.", self.path)
            self._standing = Standing(catalog, seal=seal)
        if self._stamped() == stamp:
            # Changed while it was read, it is read again at the next look.
            self._stamp = stamp

    def _sealed(self) -> str:
        try:
            return hashlib.sha256(Path(self.path).read_bytes()).hexdigest()
        except OSError:
            return ""

    def _fail(self, message: str, seal: str) -> None:
        kept = "the last good one stays" if self._standing.good else "nobody may change traffic"
        for line in message.splitlines():
            log.error("configuration: %s (%s)", line, kept)
        self._standing = Standing(self._standing.catalog, message, self._standing.good, seal)


def _denying(path: str) -> Catalog:
    return Catalog(policy=Policy(trouble=f"the configuration {Path(path).name} is missing or has mistakes"))


def _is_settled(stamp: _Stamp) -> bool:
    """Tell whether nobody is likely to be writing it; a clock that is ahead of ours must not hold it up for ever."""
    return stamp is None or abs(time.time() - stamp[2] / 1e9) >= SETTLED_S
