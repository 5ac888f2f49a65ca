"""A few bytes that stand for very many fill no memory, and no time but what one exchange has."""

from __future__ import annotations

import mmap
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from mesh.domain.errors import Refused, Unavailable
from mesh.domain.repositories import Repository
from tests.workers.git.bench import MANIFEST, PATH
from tests.workers.git.server import TOKEN, GitServer, git
from tests.workers.git.test_guards import remote
from workers.git.packs import keep, sizes
from workers.git.transport import Bounds

HUGE = 200_000_000
FETCHING = """\
import resource, sys
from mesh.domain.errors import Refused
from mesh.domain.repositories import Repository
from workers.git.repository import Remote
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    Remote(Repository("apps", sys.argv[1], token_file=sys.argv[2], timeout_s=100.0, max_bytes=20_000_000)).fetch()
except Refused as error:
    print(error.message)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def mapped(pack: bytes) -> mmap.mmap:
    """Those bytes, as a file would be mapped."""
    data = mmap.mmap(-1, len(pack))
    data.write(pack)
    return data


def test_a_file_of_zeros_fills_no_memory(server: GitServer, tmp_path: Path) -> None:
    """A file of 200 MB that takes 200 kB in a pack is refused before the memory is asked for it."""
    server.push({PATH: MANIFEST, "zeros": bytes(HUGE)})
    (tmp_path / "token").write_text(TOKEN)
    argv = [sys.executable, "-c", FETCHING, server.url, str(tmp_path / "token")]
    said, kilobytes = subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()
    assert said == f"The repository apps has a file of {HUGE} bytes, more than 20000000."
    assert int(kilobytes) < 50_000


def test_what_deltas_make_is_known_before_it_is_made(server: GitServer, tmp_path: Path) -> None:
    """A delta of a few bytes may make a file as large as its base: its result counts, not its length."""
    noise = bytes(range(256)) * 400
    server.push({"a": noise + b"1", "b": noise + b"2", PATH: MANIFEST})
    git(server.bare, "repack", "-a", "-d", "--quiet")
    [pack] = (server.bare / "objects" / "pack").glob("*.pack")
    found = sorted(sizes(mapped(pack.read_bytes())))
    assert found[-2:] == [len(noise) + 1] * 2
    listed = git(server.bare, "verify-pack", "-v", str(pack)).splitlines()
    stored = [int(line.split()[2]) for line in listed if " blob " in line]
    assert min(stored) < 100, "git made a delta"
    with pytest.raises(Refused, match="has a file of 102401 bytes, more than 100000"):
        remote(server, tmp_path, max_bytes=100_000).fetch()


def test_reading_what_came_counts_as_time(server: GitServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for an exchange is not over when the last byte has come: what is made of the bytes takes some, too."""
    server.push({PATH: MANIFEST})
    one = remote(server, tmp_path, timeout_s=30.0)
    real, late = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + late[0])
    store = one._repo().object_store
    add: Any = store.add_thin_pack

    def slow(*told: Any, **more: Any) -> Any:
        late[0] = 60.0
        return add(*told, **more)

    monkeypatch.setattr(store, "add_thin_pack", slow)
    with pytest.raises(Unavailable, match="no end within 30 s"):
        one.fetch()
    late[0] = 0.0
    monkeypatch.undo()
    assert one.fetch() == server.head()


def test_measuring_what_came_counts_as_time_too(tmp_path: Path) -> None:
    """A pack of very many large objects is not gone through for longer than one exchange may take."""
    apps, added = Repository("apps", "https://git.example.com/apps.git", timeout_s=-1.0), []
    with (tmp_path / "pack").open("w+b") as pack:
        pack.write(b"PACK" + bytes(7) + b"\x01" + b"\x30" + zlib.compress(b""))
        with pytest.raises(Unavailable, match="no end within"):
            keep(pack, lambda *_, **__: added.append(1), apps, Bounds(apps))
    assert added == []


@pytest.mark.parametrize(
    "pack",
    [
        b"GARB" + bytes(8),
        b"PACK" + bytes(7) + b"\x01",
        b"PACK" + bytes(7) + b"\x01" + b"\xff" * 100,
        b"PACK" + bytes(7) + b"\x01" + b"\x31" + zlib.compress(bytes(100)),
        b"PACK" + bytes(7) + b"\x01" + b"\x3f" + zlib.compress(bytes(100))[:5],
        b"PACK" + bytes(7) + b"\x01" + b"\x70" + bytes(20) + zlib.compress(b""),
    ],
)
def test_what_is_no_pack_ends(pack: bytes) -> None:
    """Cut short, of another length than it says, or nonsense: an error that is known, and no loop."""
    with pytest.raises((ValueError, IndexError, zlib.error)):
        list(sizes(mapped(pack)))
