"""A bearer token in a file, which may be replaced while we run."""

from __future__ import annotations

import os
from pathlib import Path

from workers.metrics.trouble import Trouble


class Token:
    """Reads the file again when it changed: whoever mounts it replaces it before the token expires."""

    def __init__(self, path: str) -> None:
        """Take the file's path; it is first read when a token is needed."""
        self._path = Path(path)
        self._seen: tuple[int, int, int] | None = None
        self._token = ""

    def read(self) -> str:
        """Return the token as it is now; raise Trouble when the file cannot be read or holds none."""
        try:
            seen = _seen(self._path.stat())
            if seen != self._seen:
                self._token, self._seen = self._path.read_text(encoding="ascii").strip(), seen
        except (OSError, ValueError):
            # A chained cause could show what the file holds.
            raise Trouble(f"the token in {self._path} cannot be read") from None
        if not self._token or any(not "!" <= letter <= "~" for letter in self._token):
            raise Trouble(f"{self._path} holds no token")
        return self._token


def _seen(stat: os.stat_result) -> tuple[int, int, int]:
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)
