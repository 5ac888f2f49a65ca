"""SSH to one server: known host keys only, one key of our own, bounded in time and size. Only it talks to paramiko.

Imported where a repository is over SSH, and nowhere else: it costs 15 MB and a good part of a second.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from paramiko.hostkeys import InvalidHostKey
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import AuthenticationException, BadHostKeyException, SSHException

from mesh.domain.errors import MeshbotError, Refused, Unavailable
from mesh.domain.repositories import Repository, SshAddress
from workers.git.transport import Bounds, unavailable

_TROUBLE = (OSError, SSHException, EOFError, ValueError)
"""What a server that answers nonsense, or nothing, makes the library raise."""
_PIECE = 65_536
_MOST_WORDS = 4_000
"""How much of what a server says on its error stream is read."""
_TURNED_AWAY = re.compile(
    r"not found|could not be found|does not appear to be|does not exist|denied|not allowed|read.?only|not permitted|"
    r"permission|unauthori[sz]ed|not authori[sz]ed",
    re.IGNORECASE,
)
"""How git, GitHub, GitLab, Gitea and others say that there is no such repository, or not for this key."""


class Session:
    """One command that runs on the server. Raises Refused and Unavailable, with nothing of the key in them."""

    def __init__(self, repository: Repository, address: SshAddress, command: bytes) -> None:
        """Connect, prove who we are, and start the command."""
        self._repository = repository
        self._bounds = Bounds(repository)
        self._heard = False
        self._ssh = _connected(repository, address, self._bounds)
        try:
            self._channel = _started(self._ssh, command, self._bounds)
        except _TROUBLE as error:
            self.close()
            raise unavailable(repository, type(error).__name__) from error

    def read(self, amount: int) -> bytes:
        """Return so many bytes; fewer only where the server says no more."""
        found = b""
        while len(found) < amount:
            piece = self._piece(min(_PIECE, amount - len(found)))
            if not piece:
                if not self._heard:
                    raise self._turned_away()
                break
            self._heard = True
            self._bounds.spend(len(piece))
            found += piece
        return found

    def write(self, data: bytes) -> int:
        """Send all of it."""
        rest = data
        while rest:
            self._bounds.check()
            try:
                self._channel.settimeout(self._bounds.left_s)
                rest = rest[self._channel.send(rest[:_PIECE]) :]
            except TimeoutError:
                self._bounds.check()
            except _TROUBLE as error:
                raise unavailable(self._repository, type(error).__name__) from error
        return len(data)

    def can_read(self) -> bool:
        """Tell whether there is something to read at once."""
        return self._channel.recv_ready()

    def close(self) -> None:
        """End it, and the connection."""
        with suppress(*_TROUBLE):
            self._ssh.close()

    # --- within --------------------------------------------------------------------------------------------------

    def _piece(self, amount: int, *, words: bool = False) -> bytes:
        """Return what comes next, also of the error stream; nothing at its end."""
        while True:
            self._bounds.check()
            try:
                self._channel.settimeout(self._bounds.left_s)
                return self._channel.recv_stderr(amount) if words else self._channel.recv(amount)
            except TimeoutError:
                # Pieces may be waited for again, as long as the exchange has time.
                continue
            except _TROUBLE as error:
                raise unavailable(self._repository, type(error).__name__) from error

    def _turned_away(self) -> MeshbotError:
        """Return what the server means that ended the command before it said anything of Git."""
        said = b""
        while len(said) < _MOST_WORDS and (piece := self._piece(_MOST_WORDS, words=True)):
            said += piece
        lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
        words = next((line for line in lines if _TURNED_AWAY.search(line)), "")
        plain = "".join(char for char in (words or "".join(lines[:1]))[:200] if char.isprintable()).strip()
        name = self._repository.name
        if not words:
            return unavailable(self._repository, plain or "it ends the exchange without a word")
        return Refused(
            f"The Git server does not give us {name}: {plain.removesuffix('.')}.",
            hint=f"See the path in `repositories.{name}.url`, and that its key may read and write there.",
        )


def _started(ssh: paramiko.SSHClient, command: bytes, bounds: Bounds) -> paramiko.Channel:
    transport = ssh.get_transport()
    assert transport is not None  # noqa: S101 (it is connected)
    # Git says many small things, one after the other: none waits for the other side to have heard the last.
    if isinstance(transport.sock, socket.socket):
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    channel = transport.open_session(timeout=bounds.left_s)
    channel.settimeout(bounds.left_s)
    # Then a server that knows it tells of the one branch, not of all. Others go on without it.
    if command.startswith(b"git-upload-pack "):
        channel.set_environment_variable("GIT_PROTOCOL", "version=2")
    channel.exec_command(command)
    return channel


def _connected(repository: Repository, address: SshAddress, bounds: Bounds) -> paramiko.SSHClient:
    key = _key(repository)
    ssh = paramiko.SSHClient()
    try:
        _trust(ssh, repository)
        ssh.set_missing_host_key_policy(_Unknown(repository, address))
        wait: dict[str, Any] = dict.fromkeys(("timeout", "banner_timeout", "auth_timeout"), bounds.left_s)
        host, port = address.host, address.port
        ssh.connect(host, port, address.user, pkey=key, allow_agent=False, look_for_keys=False, **wait)
    except BadHostKeyException as error:
        ssh.close()
        raise _other_key(repository, address, error.key) from error
    except AuthenticationException as error:
        ssh.close()
        if "timeout" in str(error) or "EOF" in str(error):
            raise unavailable(repository, "no answer to our key") from error
        raise _not_let_in(repository, address, key) from error
    except _TROUBLE as error:
        ssh.close()
        raise unavailable(repository, type(error).__name__) from error
    except MeshbotError:
        ssh.close()
        raise
    return ssh


class _Unknown(paramiko.MissingHostKeyPolicy):
    """Refuses every host whose key is not on file."""

    def __init__(self, repository: Repository, address: SshAddress) -> None:
        self._repository, self._address = repository, address

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        """Say what the host shows, and how to find out whether that is right."""
        name, known_as = self._repository.name, self._address.known_as
        raise Refused(
            f"The SSH host {known_as} of {name} is not known; it shows {_shown(key)}.",
            hint=f"Compare that with what its administrators publish, then write the line of {known_as} into "
            f"`repositories.{name}.known_hosts_file`; `ssh-keyscan` prints it.",
        )


def _other_key(repository: Repository, address: SshAddress, key: paramiko.PKey) -> Refused:
    return Refused(
        f"The SSH host {address.known_as} of {repository.name} shows another key than is known: {_shown(key)}.",
        hint="Somebody may stand in between, so nothing was sent. If its administrators have changed the key, write "
        f"the new one into `repositories.{repository.name}.known_hosts_file`.",
    )


def _not_let_in(repository: Repository, address: SshAddress, key: paramiko.PKey) -> Refused:
    name = repository.name
    return Refused(
        f"The Git server does not let us in to {name} as {address.user} with the key {_shown(key)}.",
        hint=f"Make the public half of `repositories.{name}.key_file` a deploy key of the repository that may write.",
    )


def _shown(key: paramiko.PKey) -> str:
    """Return a key's kind and fingerprint, as `ssh-keygen -l` writes it."""
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"{key.get_name()} SHA256:{digest}"


def _key(repository: Repository) -> paramiko.PKey:
    """Return our own key; raise Refused where its form cannot be used, Unavailable where it cannot be read."""
    name = repository.name
    try:
        return paramiko.PKey.from_path(repository.key_file)
    except OSError as error:
        raise _unreadable(repository, "key_file", error) from error
    except (TypeError, ValueError, SSHException, UnsupportedAlgorithm, UnknownKeyType) as error:
        # Its words may hold a part of the key.
        raise Refused(
            f"The SSH key of the repository {name} cannot be used ({type(error).__name__}).",
            hint=f"`repositories.{name}.key_file` must be a private key without a passphrase: `ssh-keygen -t ed25519`.",
        ) from None


def _trust(ssh: paramiko.SSHClient, repository: Repository) -> None:
    """Take the host keys on file. What stands there of authorities and revoked keys is not understood, so refused."""
    try:
        lines = Path(repository.known_hosts_file).read_text(encoding="utf-8").splitlines()
        if any(line.lstrip().startswith("@") for line in lines):
            raise _unclear(repository, "have marked lines (@cert-authority, @revoked)")
        ssh.load_host_keys(repository.known_hosts_file)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(repository, "known_hosts_file", error) from error
    except InvalidHostKey as error:
        raise _unclear(repository, "have a line that is no host key") from error


def _unclear(repository: Repository, why: str) -> Refused:
    return Refused(
        f"The known hosts of the repository {repository.name} {why}.",
        hint=f"Keep in `repositories.{repository.name}.known_hosts_file` only the host's own keys.",
    )


def _unreadable(repository: Repository, key: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"A file for SSH of the repository {repository.name} cannot be read ({type(error).__name__}).",
        hint=f"See `repositories.{repository.name}.{key}`.",
    )
