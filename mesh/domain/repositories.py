"""Services that are kept in Git: which repositories there are, where a service lies, and the commits we make."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

GitMode = Literal["commit", "merge-request"]
"""Write to the branch that is watched, or to one of our own and ask for a merge."""
Forge = Literal["gitlab", "github"]


@dataclass(frozen=True)
class Repository:
    """One repository that administrators allow to be written to. No command can name another."""

    name: str
    url: str
    """`https://…`, or over SSH `ssh://user@host/path` or `user@host:path`."""
    branch: str = "main"
    """The branch that Argo CD or Flux watches."""
    username: str = "meshbot"
    """Sent with the token; most servers take any."""
    token_file: str = ""
    """Path of a file with the token, read again for each use; empty for a server that asks for none."""
    ca_file: str = ""
    """Path of the certificates to trust instead of the system's."""
    key_file: str = ""
    """Path of the private key for SSH, read again for each use."""
    known_hosts_file: str = ""
    """Path of the host keys that are trusted over SSH, as OpenSSH writes them; no others are."""
    email: str = "meshbot@localhost"
    """Address of the author of commits."""
    timeout_s: float = 20.0
    """How long one exchange with the server may take in all, in seconds."""
    max_bytes: int = 50_000_000
    """How much of the repository may be fetched."""
    sync_s: float = 600.0
    """How long the cluster may take to show what was committed, in seconds."""
    commit_url: str = ""
    """Web address of a commit, with `{commit}` for its id; empty for none."""
    forge: Forge | None = None
    """Whose API merge requests are made with."""
    api: str = ""
    """Base address of that API."""
    project: str = ""
    """What the API calls the repository: `group/name`."""

    @property
    def server(self) -> str:
        """Host and port of its server: what is known of that holds for its other repositories, too."""
        address = over_ssh(self.url)
        return f"{address.host}:{address.port}" if address else urlsplit(self.url).netloc.rpartition("@")[2].lower()


@dataclass(frozen=True)
class SshAddress:
    """Where a repository is over SSH."""

    user: str
    host: str
    port: int
    path: str
    """As the server is given it: of `user@host:path` it begins in the user's home."""

    @property
    def known_as(self) -> str:
        """The name of its host keys, as OpenSSH writes it into `known_hosts`."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"


def over_ssh(url: str) -> SshAddress | None:
    """Return what an SSH address of Git says; None for every other, also where a part is missing.

    Both forms of `git help clone`. A path that begins with a dash is none: the server could take it for an option.
    """
    if "://" in url:
        try:
            parts = urlsplit(url)
            user, host, port, path = parts.username or "", parts.hostname or "", parts.port or 22, parts.path
        except ValueError:
            return None
        odd = parts.scheme != "ssh" or bool(parts.password or parts.query or parts.fragment) or len(path) < 2
    else:
        user, _, rest = url.partition("@")
        host, _, path = rest.partition(":")
        port, odd = 22, not path or path.startswith("-")
    # Only what no shell and no option of the other side could take for something else.
    fits = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", user) and re.fullmatch(r"[A-Za-z0-9:][A-Za-z0-9_.:-]*", host)
    if odd or not fits or not re.fullmatch(r"[!-~]+", path):
        return None
    return SshAddress(user, host.lower(), port, path)


@dataclass(frozen=True)
class InGit:
    """Where Git keeps a service's route."""

    repository: str
    """Name of a configured repository."""
    path: str
    """File of the repository, from its root; `{namespace}` and `{service}` stand for those of the target."""
    mode: GitMode = "commit"
    going_back: GitMode = "commit"
    """The same for what gives nobody but the stable arm more: an incident does not wait for somebody to merge."""

    def proposes(self, *, raises: bool) -> bool:
        """Tell whether a change becomes a merge request; `raises`: it gives more to an arm that is not stable."""
        return self.mode == "merge-request" and (raises or self.going_back == "merge-request")


@dataclass(frozen=True)
class Commit:
    """A commit that an operation made."""

    id: str
    """All 40 hexadecimal digits."""
    repository: str
    url: str = ""
    """Its page on the web; empty where none is configured."""
    request: str = ""
    """Address of the merge request that proposes it; empty for one on the watched branch."""

    @property
    def short(self) -> str:
        """The id as people write it."""
        return self.id[:8]
