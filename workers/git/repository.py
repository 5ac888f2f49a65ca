"""One remote repository: what its branch says, and commits on top of it. What the server is asked is asked here.

There is no working tree and no git binary, so nothing of the repository is ever run: no hook, no filter, no submodule.
Objects are kept in a directory of this process and thrown away with it.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile

from dulwich.client import SendPackResult
from dulwich.objects import ObjectID
from dulwich.pack import UnpackedObject, pack_objects_to_data
from dulwich.refs import Ref
from dulwich.repo import Repo

from mesh.domain.errors import Conflict, Refused
from mesh.domain.repositories import Repository
from workers.git import budget
from workers.git.clones import Clone
from workers.git.lines import Line
from workers.git.mishaps import Spoilt, translated
from workers.git.packs import keep
from workers.git.transport import DIRECT, Bounds, Proxies, unavailable
from workers.git.trees import Found, Made, Trees

DEPTH = 100
"""How many commits of the branch are known at first, and looked through for ours."""
ZERO = ObjectID(b"0" * 40)


class Remote:
    """The branch of one configured repository. Every method raises Unavailable or Refused, with no secret in it."""

    def __init__(self, repository: Repository, proxies: Proxies = DIRECT) -> None:
        """Connect to nothing yet."""
        self.at = repository
        self._branch = Ref(f"refs/heads/{repository.branch}".encode())
        self.line = Line(repository, proxies)
        self._kept: tuple[Clone, Repo] | None = None
        """A directory with what was fetched."""

    def fetch(self) -> str:
        """Learn what the branch has now, and return its newest commit."""
        if self._kept and _size(self._kept[0].path) > 2 * self.at.max_bytes:
            self.close()
        kept = self._kept is not None
        try:
            return self._fetched()
        except Spoilt:
            # What was kept, and perhaps not the server: a directory that was cleared, say.
            if not kept:
                raise
            return self._fetched()

    def find(self, commit: str, path: str) -> Found:
        """Return a file as a commit has it; raise Refused where there is none, or something else than a file."""
        with self._translated():
            return self._trees().find(commit, path)

    def same(self, path: str, former: str, commit: str) -> bool:
        """Tell whether the file is at `commit` what it was at `former`; False where that is no longer known."""
        with self._translated():
            trees = self._trees()
            return trees.knows(former) and trees.entry(former, path) == trees.entry(commit, path)

    def log(self, commit: str, *, since: str = "") -> Iterator[tuple[str, str]]:
        """Yield id and message of `commit` and of what came before it, newest first: down to `since`, where known."""
        with self._translated():
            known = self._trees().knows(since)
            exclude, most = ([ObjectID(since.encode())], 20 * DEPTH) if known else ([], DEPTH)
            for entry in self._repo().get_walker([ObjectID(commit.encode())], exclude=exclude, max_entries=most):
                yield entry.commit.id.decode(), entry.commit.message.decode("utf-8", "replace")

    def recent(self, commit: str, *, since: float) -> Iterator[tuple[str, str, float, str]]:
        """Yield id, parent, time and message of what the branch got after `since` (Unix time), newest first.

        Along the branch itself: of a merge only the merge, which is when it came onto the branch.
        """
        with self._translated():
            yield from islice(self._trees().recent(commit, since=since), DEPTH)

    def make(self, parent: str, path: str, content: bytes | None, *, message: str, author: str) -> Made:
        """Make a commit on top of `parent` with other content in one file; None for the same in all files."""
        with self._translated():
            return self._trees().make(parent, path, content, message=message, author=author)

    def push(self, made: Made, *, branch: str = "") -> None:
        """Put a commit onto the watched branch, or onto a new one, called `branch`.

        Raises Conflict where the branch is no longer at the commit's parent (nothing was written), Refused where the
        server does not take it, Unavailable where nobody knows.
        """
        ref = Ref(f"refs/heads/{branch}".encode()) if branch else self._branch
        expected = ZERO if branch else ObjectID(made.parent.encode())
        objects = list(made.objects)

        def update(refs: dict[Ref, ObjectID]) -> dict[Ref, ObjectID]:
            if refs.get(ref, ZERO) != expected:
                raise self._overtaken()
            return {ref: ObjectID(made.id.encode())}

        def pack(
            have: AbstractSet[ObjectID],  # noqa: ARG001 (the library's signature)
            want: AbstractSet[ObjectID],  # noqa: ARG001
            *,
            ofs_delta: bool = True,  # noqa: ARG001
            progress: Callable[[bytes], None] | None = None,  # noqa: ARG001
        ) -> tuple[int, Iterator[UnpackedObject]]:
            # Exactly what was made: everything else is below `parent`, which the server has.
            return pack_objects_to_data(objects)

        with self._translated(), self.line.exchange() as git:
            result = git.send_pack(self.line.path.encode(), update, pack)
        self._check_taken(result, ref, expected)
        # It is on the branch: what goes wrong here is the next fetch's concern, and no trouble with the push.
        try:
            for one in objects:
                self._repo().object_store.add_object(one)
        except OSError:
            self.close()

    def knock(self) -> None:
        """Ask the server to take a push, and send none; raise Refused where it takes none at all from us.

        What it would say of one branch, or a hook of one commit, only a push tells.
        """
        with self._translated(), self.line.exchange() as git:
            git.send_pack(self.line.path.encode(), lambda _refs: {}, lambda *_, **__: (0, iter(())))

    def heads(self, branch: str) -> str:
        """Return the newest commit of another branch; an empty string where there is none."""
        ref = Ref(f"refs/heads/{branch}".encode())
        with self._translated(), self.line.exchange() as git:
            found = git.get_refs(self.line.path.encode(), ref_prefix=[ref]).refs.get(ref)
            return found.decode() if found else ""

    def greet(self, *, within_s: float) -> None:
        """See that the server answers, within `within_s` seconds, and learn nothing; raise Unavailable, Refused."""
        with budget.at_most(within_s):
            self.heads(self.at.branch)

    def close(self) -> None:
        """Forget everything that was fetched."""
        if self._kept:
            _forget(*self._kept)
        self._kept = None

    # --- within --------------------------------------------------------------------------------------------------

    def _fetched(self) -> str:
        bounds, heads = Bounds(self.at), list[ObjectID]()
        with self._translated(), self.line.exchange() as git:
            repo = self._repo()

            def wanted(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:  # noqa: ARG001
                heads.extend([refs[self._branch]] if self._branch in refs else [])
                return [head for head in heads if head not in repo.object_store]

            with TemporaryFile(dir=repo.path) as pack:
                told = git.fetch_pack(
                    self.line.path.encode(),
                    wanted,
                    repo.get_graph_walker(),
                    pack.write,
                    depth=None if self._branch in repo.refs else DEPTH,
                    ref_prefix=[self._branch],
                )
                keep(pack, repo.object_store.add_thin_pack, self.at, bounds)
            repo.update_shallow(told.new_shallow, told.new_unshallow)
            if not heads:
                raise Refused(
                    f"The repository {self.at.name} has no branch {self.at.branch}.",
                    hint=f"Correct `repositories.{self.at.name}.branch`.",
                )
            repo.refs[self._branch] = heads[0]
            return heads[0].decode()

    def _repo(self) -> Repo:
        if self._kept is None:
            clone = Clone()
            self._kept = clone, Repo.init_bare(clone.path)
            # Removed with the process; by a later one where it is killed.
            weakref.finalize(self, _forget, *self._kept)
        return self._kept[1]

    def _trees(self) -> Trees:
        return Trees(self._repo(), self.at)

    def _translated(self) -> AbstractContextManager[None]:
        return translated(self.at, self.close)

    def _check_taken(self, result: SendPackResult, ref: Ref, expected: ObjectID) -> None:
        """Raise what the server's report says; without a report nobody knows."""
        status = result.ref_status or {}
        if ref not in status:
            raise unavailable(self.at, "it does not say whether it took a push")
        said = status[ref]
        if said is None:
            return
        if ref == self._branch and ObjectID(self.fetch().encode()) != expected:
            raise self._overtaken()
        words = "".join(char for char in str(said)[:200] if char.isprintable())
        raise Refused(
            f"The Git server did not take the commit: {words}.",
            hint=f"See that `{self.at.username}` may push to {ref.decode()} of {self.at.name}, or use merge requests.",
        )

    def _overtaken(self) -> Conflict:
        return Conflict(f"Somebody else pushed to {self.at.name} first; nothing was written.", hint="Repeat it.")


def _forget(clone: Clone, repo: Repo) -> None:
    repo.close()
    clone.remove()


def _size(directory: str) -> int:
    return sum(path.stat().st_size for path in Path(directory).rglob("*") if path.is_file())
