"""A real SSH server: OpenSSH's sshd on loopback, which lets one key in and runs the real git's commands alone."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from playground.processes import Child
from playground.serving import free_port

HOST = "127.0.0.1"
USER = pwd.getpwuid(os.getuid()).pw_name


class SshdMissing(RuntimeError):
    """No sshd on this machine; the message says how to get one."""


def sshd_executable() -> str:
    """Return sshd by its absolute path, which it insists on; SshdMissing where there is none."""
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin")
    if found and shutil.which("git-shell"):
        return found
    raise SshdMissing("sshd is not installed: apt-get install openssh-server (Debian, Ubuntu); macOS has one")


def new_key(path: Path, *, kind: str = "ed25519", passphrase: str = "") -> Path:
    """Make a key pair and return the path of the private one."""
    words = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "test", "-f", str(path)]
    subprocess.run(words, check=True, capture_output=True)
    return path


def fingerprint(public: Path) -> str:
    """A key's fingerprint, as `ssh-keygen` writes it: `SHA256:…`."""
    said = subprocess.run(["ssh-keygen", "-l", "-f", str(public)], check=True, capture_output=True, text=True).stdout
    return said.split()[1]


class SshServer:
    """sshd with a host key and one deploy key of its own; `command` is run instead of what is asked for."""

    def __init__(self, directory: Path, *, newest: bool = True, command: str = "", port: int = 0) -> None:
        """Make the keys and what the server is told; `newest`: it takes the client's word for Git's protocol 2."""
        directory.mkdir(exist_ok=True)
        self.directory, self.port = directory, port or free_port()
        self.host_key = new_key(directory / "host")
        self.key = new_key(directory / "deploy")
        self.known_hosts = directory / "known_hosts"
        self.known_hosts.write_text(self.line(self.host_key))
        shutil.copy(f"{self.key}.pub", directory / "authorized_keys")
        told = {
            "Port": self.port,
            "ListenAddress": HOST,
            "HostKey": self.host_key,
            "AuthorizedKeysFile": directory / "authorized_keys",
            "StrictModes": "no",
            "PasswordAuthentication": "no",
            "KbdInteractiveAuthentication": "no",
            "UsePAM": "no",
            "PidFile": "none",
            "LogLevel": "VERBOSE",
            # Then bash does not take itself for a login, and reads nothing of this machine's user.
            "SetEnv": "SHLVL=2",
            "ForceCommand": command or f'{shutil.which("git-shell")} -c "$SSH_ORIGINAL_COMMAND"',
            **({"AcceptEnv": "GIT_PROTOCOL"} if newest else {}),
        }
        (directory / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in told.items()))
        self.log = directory / "sshd.log"
        argv = [sshd_executable(), "-D", "-e", "-f", str(directory / "sshd_config")]
        self._child = Child("sshd", argv, log_path=self.log)

    def __enter__(self) -> SshServer:
        if os.getuid() == 0:
            # Where it locks up what it does not trust; Debian's service makes it at boot.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self._child.start().wait_ready(self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()

    def line(self, key: Path) -> str:
        """What a file of known hosts says of this server with that host key."""
        kind, data = Path(f"{key}.pub").read_text().split()[:2]
        return f"[{HOST}]:{self.port} {kind} {data}\n"

    def settings(self, bare: Path) -> dict[str, Any]:
        """What the configuration says of a repository there."""
        return {
            "url": f"ssh://{USER}@{HOST}:{self.port}{bare}",
            "key_file": str(self.key),
            "known_hosts_file": str(self.known_hosts),
        }

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), 1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False
