"""Files in two steps: an upload URL, then completion, once; and who may see them in a block.

Rules: docs.slack.dev /reference/methods/files.getUploadURLExternal, /reference/block-kit/composition-objects. Not in
them: a file is looked over for a while before a block may show it (java-slack-sdk#1349, python-slack-sdk#1521), and
only a message that is posted shares it with its channel, an edit does not (java-slack-sdk#1441, bolt-python#1295).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from playground.slack.clock import Clock
from playground.slack.rules import Rules
from playground.slack.schema import problem
from playground.slack.wire import Json, SlackError
from playground.slack.world import Channel

SPOKEN_CHARACTERS = 1000
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif")


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
    done_at: float | None = None
    """When it was completed, seconds of the clock; a second completion is refused."""
    shared: frozenset[str] = frozenset()
    """Ids of the channels it was posted in; in no other one does anybody see it."""

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

    def __init__(self, rules: Rules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._numbers = itertools.count(1)
        self._files: dict[str, Upload] = {}

    def begin(self, name: str, length: int, spoken: str = "") -> Upload:
        """Announce a file of `length` bytes, one or more; raises `invalid_arguments` or `alt_txt_too_large`."""
        if length < 1:
            raise SlackError("invalid_arguments", messages=("[ERROR] must be greater than 0 [json-pointer:/length]",))
        if len(spoken) > SPOKEN_CHARACTERS:
            raise SlackError("alt_txt_too_large")
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
        if upload.content is None or upload.done_at is not None:
            raise SlackError("file_not_found")
        self._files[file_id] = replace(upload, title=title, done_at=self._clock.now())
        return self._files[file_id]

    def get(self, file_id: str) -> Upload:
        """Return a file; raises SlackError `file_not_found`."""
        if file_id not in self._files:
            raise SlackError("file_not_found")
        return self._files[file_id]

    def check(self, blocks: Iterable[Json]) -> None:
        """Refuse valid blocks that show a file which is unknown, no picture, or not looked over yet.

        Raises SlackError `invalid_blocks` naming each place.
        """
        bad = [f"{at}/slack_file" for at, part in _pictures(blocks) if not self._can_be_shown(_named(part))]
        if bad:
            errors = [f"invalid slack file [json-pointer:{at}]" for at in bad]
            messages = tuple(problem("invalid slack file", at) for at in bad)
            raise SlackError("invalid_blocks", messages=messages, errors=errors)

    def share(self, blocks: Iterable[Json], channel: str) -> None:
        """Let the people of a channel see the files that a message posted there shows."""
        for _, part in _pictures(blocks):
            self.share_file(_named(part), channel)

    def share_file(self, file_id: str, channel: str) -> None:
        """Let the people of a channel see one file."""
        known = self.get(file_id)
        self._files[file_id] = replace(known, shared=known.shared | {channel})

    def seen(self, file_id: str, person: str, channels: Iterable[Channel]) -> Upload:
        """Return a file as a person sees it; raises `file_not_found` unless it was posted where they can read."""
        found = self.get(file_id)
        shared = (channel for channel in channels if channel.id in found.shared)
        if any(channel.kind == "public" or person in channel.members for channel in shared):
            return found
        raise SlackError("file_not_found")

    def _can_be_shown(self, file_id: str) -> bool:
        known = self._files.get(file_id)
        if known is None or known.done_at is None or not known.name.lower().endswith(PICTURE_ENDINGS):
            return False
        return self._clock.now() - known.done_at >= self._rules.file_scan_s


def _pictures(blocks: Iterable[Json]) -> Iterator[tuple[str, Json]]:
    """Yield whatever shows a file, with its JSON pointer."""
    for index, block in enumerate(blocks):
        at = f"/blocks/{index}"
        inside = [(f"{at}/elements/{n}", part) for n, part in enumerate(block.get("elements", ()))]
        for where, part in ((at, block), (f"{at}/accessory", block.get("accessory")), *inside):
            if isinstance(part, dict) and part.get("type") == "image" and "slack_file" in part:
                yield where, part


def _named(part: Json) -> str:
    """Return the id of the file that a picture shows, given as such or at the end of its private URL."""
    named = part["slack_file"]
    return str(named.get("id") or str(named.get("url", "")).rsplit("/", 1)[-1])
