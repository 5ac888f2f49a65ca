"""What a server sends: a pack. How large its objects say they are is read first: few bytes may stand for gigabytes.

The form is that of gitformat-pack(5): a header, then for each object its kind and size, for a delta its base, and a
stream of zlib. A delta's stream begins with the sizes of its base and of its result.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Callable, Iterator
from typing import IO

from mesh.domain.errors import Refused
from mesh.domain.repositories import Repository
from workers.git.transport import Bounds

_OFFSET_DELTA, _DELTA = 6, 7
_HEAD = 20
"""As much of a delta as two numbers can take."""
_PIECE = 65_536


def keep(pack: IO[bytes], add: Callable[..., object], at: Repository, bounds: Bounds) -> None:
    """Put what was fetched into the store whose `add_thin_pack` is `add`; raise Unavailable where that takes too long.

    Raises Refused where one object is larger than all that may be fetched, for the library holds each in memory.
    """
    if not pack.tell():
        return
    pack.flush()
    with mmap.mmap(pack.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for size in sizes(data):
            bounds.check()
            if size > at.max_bytes:
                raise Refused(
                    f"The repository {at.name} has a file of {size} bytes, more than {at.max_bytes}.",
                    hint=f"Keep it in a repository without such files, or raise `repositories.{at.name}.max_mb`.",
                )
    pack.seek(0)
    # The library tells of its progress between two objects.
    add(pack.read, None, progress=lambda _text: bounds.check())


def sizes(data: mmap.mmap) -> Iterator[int]:
    """Yield the size in bytes of each object, and of what each delta makes, before its stream is gone through.

    Never more than a piece of a stream is held. Raises ValueError, IndexError and zlib.error for what is no pack.
    """
    if data[:4] != b"PACK":
        raise ValueError("no pack")
    at = 12
    for _ in range(int.from_bytes(data[8:12], "big")):
        kind = data[at] >> 4 & 7
        size, at = _number(data, at, bits=4)
        yield size
        if kind == _OFFSET_DELTA:
            _, at = _number(data, at)
        at += 20 if kind == _DELTA else 0
        head, at = _passed(data, at, size)
        if kind in (_OFFSET_DELTA, _DELTA):
            _, second = _number(head, 0)
            yield _number(head, second)[0]


def _number(data: mmap.mmap | bytes, at: int, *, bits: int = 7) -> tuple[int, int]:
    """Return a number whose first byte has so many bits of it, each further one seven, and where it ends."""
    value, shift = data[at] & ((1 << bits) - 1), bits
    while data[at] & 128:
        at += 1
        value |= (data[at] & 127) << shift
        shift += 7
        if shift > 70:
            raise ValueError("a number without end")
    return value, at + 1


def _passed(data: mmap.mmap, at: int, size: int) -> tuple[bytes, int]:
    """Go through a stream of `size` bytes; return how it begins, and where it ends."""
    stream, head, left = zlib.decompressobj(), b"", size
    while not stream.eof:
        piece = data[at : at + _PIECE]
        made = stream.decompress(piece, _PIECE)
        # At the end of a stream the library may hold what is behind it in both.
        at += len(piece) - len(stream.unused_data if stream.eof else stream.unconsumed_tail)
        left -= len(made)
        head = (head + made)[:_HEAD]
        if left < 0 or not (piece or made):
            raise zlib.error("a stream of another length than it says")
    return head, at
