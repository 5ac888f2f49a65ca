"""Repositories in the configuration file, and what of a service lies in one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from mesh.domain.repositories import InGit, Repository, over_ssh
from settings.forms import Address, Label, Seconds, Section, Text
from settings.lines import Path

DEFAULT = Repository("", "")
_LOCAL = ("localhost", "127.0.0.1", "::1")


def _url(value: str) -> str:
    # The value is not repeated: such an address may hold a password.
    if over_ssh(value):
        return value
    parts = urlsplit(value)
    if not re.fullmatch(r"https?://[^\s?#]+", value) or not parts.hostname:
        raise ValueError(
            "not an address meshbot speaks to; it must be https://…, or over SSH ssh://user@host/path or user@host:path"
        )
    if parts.username or parts.password:
        raise ValueError("holds a user or password; write the token into a file and name that as `token_file`")
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        raise ValueError("would send the token for everybody to read; use https://")
    return value


def _path(value: str) -> str:
    parts = value.split("/")
    if not value.isprintable() or "\\" in value or any(part in ("", ".", "..", ".git") for part in parts):
        raise ValueError(f"{value!r} is not a file of a repository; write it from the root, without . and ..")
    return value


def _branch(value: str) -> str:
    # A safe part of what `git check-ref-format` allows.
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._/-]*", value) or ".." in value or value.endswith((".lock", "/", ".")):
        raise ValueError(f"{value!r} is not the name of a branch")
    return value


def _email(value: str) -> str:
    if not re.fullmatch(r"[^\s<>@]+@[^\s<>@]+", value):
        raise ValueError(f"{value!r} is not an e-mail address")
    return value


Branch = Annotated[Text, AfterValidator(_branch)]
Mode = Literal["commit", "merge-request"]


class RepositorySection(Section):
    """A repository that meshbot may write to. There are no others: no command can name one."""

    url: Annotated[
        Text,
        AfterValidator(_url),
        Field(
            description="Its final HTTPS address (redirects are not followed), or over SSH `ssh://user@host/path` or "
            "`user@host:path`."
        ),
    ]
    branch: Annotated[Branch, Field(description="The branch that Argo CD or Flux watches.")] = DEFAULT.branch
    username: Annotated[Text, Field(description="Sent with the token; most servers take any.")] = DEFAULT.username
    token_file: Annotated[Text | None, Field(description="Path of a file with the token; read again for each use.")] = (
        None
    )
    ca_file: Annotated[
        Text | None, Field(description="Path of the certificates to trust (PEM) instead of the system's.")
    ] = None
    key_file: Annotated[
        Text | None,
        Field(description="Path of the private key for SSH, without a passphrase; read again for each use."),
    ] = None
    known_hosts_file: Annotated[
        Text | None,
        Field(description="Path of the host keys to trust over SSH, as OpenSSH's `known_hosts`; others are refused."),
    ] = None
    email: Annotated[Text, AfterValidator(_email), Field(description="Address of the author of commits.")] = (
        DEFAULT.email
    )
    timeout: Annotated[
        Seconds, Field(ge=1, le=30, description="How long one exchange may take in all: seconds, or with s, m or h.")
    ] = int(DEFAULT.timeout_s)
    max_mb: Annotated[
        int, Field(ge=1, le=2_000, description="How much of it may be fetched, in megabytes: its newest 100 commits.")
    ] = DEFAULT.max_bytes // 1_000_000
    sync: Annotated[
        Seconds,
        Field(ge=10, le=3_600, description="How long the cluster may take to show a commit before people are told."),
    ] = int(DEFAULT.sync_s)
    commit_url: Annotated[
        Address, Field(description="Web address of a commit for its link on the card, with `{commit}` for its id.")
    ] = ""
    forge: Annotated[
        Literal["gitlab", "github"] | None, Field(description="Whose API merge requests are made with.")
    ] = None
    api: Annotated[
        Address,
        Field(description="Base address of that API: `https://git.example.com/api/v4`, `https://api.github.com`."),
    ] = ""
    project: Annotated[str, Field(description="What that API calls the repository: `group/name`.")] = ""


class InGitSection(Section):
    """Where Git keeps the route of a service: its weights are then written by commits."""

    repository: Annotated[Label, Field(description="A name in `repositories`.")]
    path: Annotated[
        Text,
        AfterValidator(_path),
        Field(
            description="The file with the whole object, from the root; `{namespace}` and `{service}` stand for "
            "those of the command."
        ),
    ]
    mode: Annotated[
        Mode, Field(description="`commit` to the watched branch, or open a `merge-request` for what raises a canary.")
    ] = "commit"
    going_back: Annotated[
        Mode,
        Field(
            description="The same for what gives nobody but the stable arm more, such as a rollback; `merge-request` "
            "only where `mode` is, and then traffic goes back when somebody merges."
        ),
    ] = "commit"


def repository_of(name: str, section: RepositorySection) -> Repository:
    """Turn a checked section into the value that the rules work with."""
    files = {"token_file", "ca_file", "key_file", "known_hosts_file"}
    said: dict[str, Any] = section.model_dump(exclude={"timeout", "max_mb", "sync", *files})
    said |= {name: getattr(section, name) or "" for name in files}
    return Repository(
        name,
        timeout_s=float(section.timeout),
        max_bytes=section.max_mb * 1_000_000,
        sync_s=float(section.sync),
        **said,
    )


def in_git_of(section: InGitSection | None) -> InGit | None:
    """Turn a checked section into the value that the rules work with."""
    return InGit(**section.model_dump()) if section else None


def contradictions(
    repositories: Mapping[str, RepositorySection], places: Mapping[Path, InGitSection | None]
) -> Iterator[tuple[Path, str]]:
    """Find repositories that nobody can ask for a merge, and places in repositories that there are not."""
    yield from _of_forges(repositories)
    yield from _of_ways(repositories)
    for path, place in places.items():
        if place is not None and place.repository not in repositories:
            known = ", ".join(repositories) or "none"
            yield (*path, "repository"), f"no repository is called {place.repository!r}; there is {known}"
        elif place is not None:
            for key, text in _of_place(place, repositories[place.repository]):
                yield (*path, key), text


def _of_forges(repositories: Mapping[str, RepositorySection]) -> Iterator[tuple[Path, str]]:
    for name, one in repositories.items():
        if bool(one.forge) != bool(one.api and one.project):
            yield ("repositories", name, "forge"), "is one of three: give `forge`, `api` and `project`, or none of them"
        if one.forge == "github" and not re.fullmatch(r"[^/\s]+/[^/\s]+", one.project):
            yield ("repositories", name, "project"), "must be `owner/name`"
        if one.api.startswith("http://") and urlsplit(one.api).hostname not in _LOCAL:
            yield ("repositories", name, "api"), "would send the token for everybody to read; use https://"


def _of_ways(repositories: Mapping[str, RepositorySection]) -> Iterator[tuple[Path, str]]:
    for name, one in repositories.items():
        if not over_ssh(one.url):
            for key in ("key_file", "known_hosts_file"):
                if getattr(one, key):
                    yield ("repositories", name, key), "is for SSH, and `url` is not; leave it out"
        elif not (one.key_file and one.known_hosts_file):
            yield ("repositories", name, "url"), "is over SSH, which needs `key_file` and `known_hosts_file`"
        elif one.forge and not one.token_file:
            yield ("repositories", name, "forge"), "needs `token_file`: its API knows no SSH key"


def _of_place(place: InGitSection, at: RepositorySection) -> Iterator[tuple[str, str]]:
    if "merge-request" in (place.mode, place.going_back) and not at.forge:
        yield "mode", f"needs `forge`, `api` and `project` of `repositories.{place.repository}`"
    if place.going_back == "merge-request" and place.mode == "commit":
        yield "going_back", "would make going back slower than going on; set `mode: merge-request` too"
