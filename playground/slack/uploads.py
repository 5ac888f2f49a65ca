"""Files in two steps: an upload URL, then completion, once.

Rules: docs.slack.dev /reference/methods/files.getUploadURLExternal.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from playground.slack.wire import Json, SlackError


@dataclass(frozen=True)
class Upload:
    """One file on its way."""

    id: str
    """F…."""
    name: str
    """File name."""
    length: int
    """Bytes announced."""
    content: bytes | None = None
    """What was uploaded, None before."""
    title: str = ""
    """Title given at completion."""
    done: bool = False
    """Completed; a second completion is refused."""

    def as_json(self) -> Json:
        """Return the file object messages carry."""
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title or self.name,
            "size": self.length,
            "url_private": f"/files/{self.id}",
        }


class Uploads:
    """Keeps files by id."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._files: dict[str, Upload] = {}

    def begin(self, name: str, length: int) -> Upload:
        """Announce a file of `length` bytes, one or more; raises `invalid_arguments`."""
        if length < 1:
            raise SlackError("invalid_arguments", messages=("[ERROR] must be greater than 0 [json-pointer:/length]",))
        upload = Upload(f"F{next(self._numbers):08d}", name, length)
        self._files[upload.id] = upload
        return upload

    def receive(self, file_id: str, content: bytes) -> Upload:
        """Take the bytes; raises SlackError `file_not_found`, or `length_mismatch` with HTTP 400."""
        upload = self.get(file_id)
        if len(content) != upload.length:
            raise SlackError("length_mismatch", status=400)
        self._files[file_id] = replace(upload, content=content)
        return self._files[file_id]

    def complete(self, file_id: str, title: str) -> Upload:
        """Finish a file; raises `file_not_found` when it was never uploaded or is complete already."""
        upload = self.get(file_id)
        if upload.content is None or upload.done:
            raise SlackError("file_not_found")
        self._files[file_id] = replace(upload, title=title, done=True)
        return self._files[file_id]

    def get(self, file_id: str) -> Upload:
        """Return a file; raises SlackError `file_not_found`."""
        if file_id not in self._files:
            raise SlackError("file_not_found")
        return self._files[file_id]
