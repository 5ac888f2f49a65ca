"""What goes wrong with a repository, in words: the library's many errors become one that says who must do what."""

from __future__ import annotations

import socket
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dulwich.errors import (
    ApplyDeltaError,
    ChecksumMismatch,
    FileFormatException,
    GitProtocolError,
    MissingCommitError,
    NotGitRepository,
    ObjectMissing,
    WrongObjectException,
)
from dulwich.pack import UnresolvedDeltas
from urllib3.exceptions import HTTPError

from mesh.domain.errors import MeshbotError, Unavailable
from mesh.domain.repositories import Repository
from workers.git.transport import unavailable

_TROUBLE = (
    GitProtocolError,
    ApplyDeltaError,
    ChecksumMismatch,
    FileFormatException,
    MissingCommitError,
    ObjectMissing,
    UnresolvedDeltas,
    WrongObjectException,
    HTTPError,
    OSError,
    zlib.error,
    ValueError,
    KeyError,
    IndexError,
    AssertionError,
    EOFError,
    NotImplementedError,
)
"""What the library raises where a server answers nonsense, or nothing, or a directory is not as it was left."""
_OF_THE_LINE = (HTTPError, ConnectionError, TimeoutError, ssl.SSLError, socket.gaierror)
"""Of these, what says nothing about the directory."""


class Spoilt(Unavailable):
    """What was fetched cannot be used, and was thrown away."""


@contextmanager
def translated(at: Repository, spoilt: Callable[[], None]) -> Iterator[None]:
    """Raise Unavailable for what the library raises inside.

    What was half fetched, or is half gone, must not be believed: then `spoilt` is called, and Spoilt raised.
    """
    try:
        yield
    except MeshbotError:
        raise
    except NotGitRepository as error:
        raise unavailable(at, "there is no repository") from error
    except _OF_THE_LINE as error:
        raise unavailable(at, type(error).__name__) from error
    except _TROUBLE as error:
        spoilt()
        raise _of_what_was_kept(at, error) from error


def _of_what_was_kept(at: Repository, error: Exception) -> Spoilt:
    if isinstance(error, OSError):
        return Spoilt(
            f"The worker cannot keep its own copy of {at.name} ({type(error).__name__}).",
            hint="See that its temporary directory is there, may be written to, and has room.",
        )
    said = unavailable(at, type(error).__name__)
    return Spoilt(said.message, hint=said.hint)
