"""Merge requests, asked for by the documented REST APIs of GitLab and GitHub.

GitLab: https://docs.gitlab.com/api/merge_requests/ (create, list). GitHub:
https://docs.github.com/en/rest/pulls/pulls (create, list). One branch has one request: who comes second finds it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from mesh.domain.errors import Refused
from mesh.domain.repositories import Forge, Repository
from workers.git.transport import Bounded, token, unavailable

MOST_BYTES = 1_000_000
"""How much of an answer is read."""


@dataclass(frozen=True)
class Wish:
    """What is asked to be merged."""

    branch: str
    title: str
    text: str


@dataclass(frozen=True)
class _Api:
    """How one forge wants to be asked."""

    address: Callable[[Repository], str]
    """Of the repository."""
    requests: str
    """What its requests are called below that."""
    headers: Callable[[str], dict[str, str]]
    sought: Callable[[Repository, str], dict[str, str]]
    body: Callable[[Repository, Wish], dict[str, Any]]
    link: str
    """Key of the answer that has the request's page."""


_APIS: Mapping[Forge, _Api] = {
    "gitlab": _Api(
        address=lambda at: f"{at.api.rstrip('/')}/projects/{quote(at.project, safe='')}",
        requests="merge_requests",
        headers=lambda secret: {"PRIVATE-TOKEN": secret},
        sought=lambda at, branch: {"source_branch": branch, "target_branch": at.branch, "state": "all"},
        body=lambda at, wish: {
            "source_branch": wish.branch,
            "target_branch": at.branch,
            "title": wish.title,
            "description": wish.text,
            "remove_source_branch": True,
        },
        link="web_url",
    ),
    "github": _Api(
        address=lambda at: f"{at.api.rstrip('/')}/repos/{quote(at.project)}",
        requests="pulls",
        headers=lambda secret: {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {secret}",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        sought=lambda at, branch: {"head": f"{at.project.split('/')[0]}:{branch}", "base": at.branch, "state": "all"},
        body=lambda at, wish: {"title": wish.title, "head": wish.branch, "base": at.branch, "body": wish.text},
        link="html_url",
    ),
}


def request_merge(repository: Repository, wish: Wish, pool: Bounded) -> str:
    """Return the address of the request to merge a branch, made now or before; `pool` is fresh and ends with it.

    Raises Refused where the forge does not take it, Unavailable where it does not answer.
    """
    api = _api(repository)
    address, headers = f"{api.address(repository)}/{api.requests}", headers_of(repository)
    try:
        listed = pool.request("GET", f"{address}?{urlencode(api.sought(repository, wish.branch))}", headers=headers)
        found = _answer(listed.status, listed.read(MOST_BYTES), repository)
        if isinstance(found, list) and found:
            return _link(found[0], api.link, repository)
        body = json.dumps(api.body(repository, wish)).encode()
        headers["Content-Type"] = "application/json"
        made = pool.request("POST", address, headers=headers, body=body)
        return _link(_answer(made.status, made.read(MOST_BYTES), repository), api.link, repository)
    finally:
        pool.clear()


def address_of(repository: Repository) -> str:
    """Return the address of the repository in its forge's API; raise Refused where there is none."""
    return _api(repository).address(repository)


def headers_of(repository: Repository) -> dict[str, str]:
    """Return what each question to the API is sent with; raise Refused, and Unavailable without the token."""
    return {**_api(repository).headers(token(repository)), "User-Agent": "meshbot"}


def _api(repository: Repository) -> _Api:
    if repository.forge is None:
        raise Refused(f"`repositories.{repository.name}` names no forge.", hint="Set `forge`, `api` and `project`.")
    return _APIS[repository.forge]


def _answer(status: int, data: bytes, repository: Repository) -> Any:
    if status >= 500 or status == 429:
        raise unavailable(repository, f"HTTP {status} to a merge request")
    if status >= 400:
        raise Refused(
            f"The forge of {repository.name} does not take the merge request (HTTP {status}).",
            hint=f"See that the token may make one, and `repositories.{repository.name}.project`.",
        )
    try:
        return json.loads(data)
    except ValueError as error:
        raise unavailable(repository, "no JSON in the answer to a merge request") from error


def _link(found: Any, key: str, repository: Repository) -> str:
    link = found.get(key) if isinstance(found, dict) else None
    if not isinstance(link, str) or not link.startswith(("https://", "http://")) or len(link) > 500:
        raise unavailable(repository, "no address of the merge request in its answer")
    return link
