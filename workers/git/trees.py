"""Files and commits among what was fetched, and new ones on top of them; nobody is asked for anything here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dulwich.objects import S_ISGITLINK, Blob, Commit, ObjectID, ShaFile, Tree
from dulwich.repo import Repo

from mesh.domain.errors import Refused
from mesh.domain.repositories import Repository

_FILE, _DIRECTORY = 0o100000, 0o040000


@dataclass(frozen=True)
class Found:
    """A file as one commit has it."""

    id: str
    """Of its content: equal content, equal id."""
    content: bytes


@dataclass(frozen=True)
class Made:
    """A commit that is about to be pushed, with everything the server does not have."""

    id: str
    parent: str
    objects: tuple[ShaFile, ...]


class Trees:
    """What one configured repository was fetched as. Raises Refused, and what the library raises where it is broken."""

    def __init__(self, repo: Repo, at: Repository) -> None:
        """Look only at what `repo` holds."""
        self._repo, self._at = repo, at

    def find(self, commit: str, path: str) -> Found:
        """Return a file as a commit has it; raise Refused where there is none, or something else than a file."""
        mode, identity = self.entry(commit, path)
        blob = self._repo[identity]
        if mode & 0o170000 != _FILE or not isinstance(blob, Blob):
            raise self._no_file(path, "is no ordinary file")
        return Found(identity.decode(), blob.data)

    def knows(self, commit: str) -> bool:
        """Tell whether this is the id of a commit that was fetched."""
        return is_id(commit) and ObjectID(commit.encode()) in self._repo.object_store

    def entry(self, commit: str, path: str) -> tuple[int, ObjectID]:
        """Return mode and id of what a commit has at `path`, through real directories only."""
        found = self._repo[ObjectID(commit.encode())]
        assert isinstance(found, Commit)  # noqa: S101 (a commit of the branch)
        mode, identity = _DIRECTORY, found.tree
        for part in path.encode().split(b"/"):
            tree = self._repo[identity] if mode == _DIRECTORY else None
            if not isinstance(tree, Tree) or part not in tree:
                raise self._no_file(path, "is not there")
            mode, identity = tree[part]
            if S_ISGITLINK(mode) or mode & 0o170000 not in (_DIRECTORY, _FILE):
                raise self._no_file(path, "is, or lies behind, a symbolic link or a submodule")
        return mode, identity

    def recent(self, commit: str, *, since: float) -> Iterator[tuple[str, str, float, str]]:
        """Yield id, first parent, time and message of a commit, and of those before it, as long as after `since`."""
        while True:
            found = self._repo[ObjectID(commit.encode())]
            assert isinstance(found, Commit)  # noqa: S101 (a commit of the branch)
            parent = found.parents[0].decode() if found.parents else ""
            if found.commit_time <= since or not self.knows(parent):
                return
            yield commit, parent, float(found.commit_time), found.message.decode("utf-8", "replace")
            commit = parent

    def make(self, parent: str, path: str, content: bytes | None, *, message: str, author: str) -> Made:
        """Make a commit on top of `parent` with other content in one file; None for the same in all files."""
        base = self._repo[ObjectID(parent.encode())]
        assert isinstance(base, Commit)  # noqa: S101 (what `fetch` returned)
        new = self._trees(base.tree, path.encode().split(b"/"), content) if content is not None else []
        commit = Commit()
        commit.tree = new[-1].id if new else base.tree
        commit.parents = [ObjectID(parent.encode())]
        commit.author = commit.committer = f"{_plain(author)} <{_plain(self._at.email)}>".encode()
        # Never older than its parent: what is newest is told by time.
        commit.author_time = commit.commit_time = max(int(time.time()), base.commit_time)
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding = b"UTF-8"
        commit.message = message.encode()
        return Made(commit.id.decode(), parent, (*new, commit))

    def _trees(self, tree: ObjectID, parts: Sequence[bytes], content: bytes) -> list[ShaFile]:
        """Return the new objects that a change of one file makes, the root last."""
        found = self._repo[tree]
        assert isinstance(found, Tree)  # noqa: S101 (`entry` went this way)
        changed = found.copy()
        assert isinstance(changed, Tree)  # noqa: S101 (a copy of a tree)
        mode, identity = found[parts[0]]
        below: list[ShaFile] = (
            self._trees(identity, parts[1:], content) if len(parts) > 1 else [Blob.from_string(content)]
        )
        changed[parts[0]] = (mode, below[-1].id)
        return [*below, changed]

    def _no_file(self, path: str, why: str) -> Refused:
        return Refused(f"{path} of {self._at.name} {why}.", hint="Correct `in_git.path`; see docs/gitops.md.")


def is_id(text: str) -> bool:
    """Tell whether this is how commits are named."""
    return len(text) == 40 and set(text) <= set("0123456789abcdef")


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isprintable() and char not in "<>")
