"""What the token of merge requests may do, as far as the forge's API tells. Only reads.

GitLab: docs.gitlab.com/api/projects (`permissions`, `archived`), /api/branches (`can_push`) and
/api/personal_access_tokens (`self`: `scopes`). GitHub: docs.github.com/en/rest/repos/repos (`permissions`, `archived`),
/rest/branches/branches (`protected`), and the header `X-OAuth-Scopes`, which fine-grained tokens do not have.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from mesh.domain.errors import MeshbotError
from mesh.domain.repositories import Repository
from workers.git.forges import MOST_BYTES, address_of, headers_of
from workers.git.transport import Bounded, unavailable

DEVELOPER = 30
"""GitLab's lowest role that may push branches and make merge requests."""


@dataclass(frozen=True)
class Rights:
    """Each True, False, or None where the API does not tell."""

    archived: bool | None
    """The repository takes nothing from anybody."""
    writes: bool | None
    """Who the token belongs to may push branches."""
    proposes: bool | None
    """The token's scopes let it make merge requests."""
    watched: bool | None
    """It may push to the watched branch."""


def rights(repository: Repository, pool: Bounded) -> Rights:
    """Ask the forge; `pool` is fresh and ends with it. Raises Refused, Unavailable."""
    try:
        return (_gitlab if repository.forge == "gitlab" else _github)(_Api(repository, pool))
    finally:
        pool.clear()


class _Api:
    """Questions to one forge about one repository."""

    def __init__(self, repository: Repository, pool: Bounded) -> None:
        self.at, self._pool = repository, pool

    def get(self, address: str) -> tuple[dict[str, Any], dict[str, str]]:
        """Return an answer and its headers, whose names are in small letters."""
        answer = self._pool.request("GET", address, headers=headers_of(self.at))
        data = answer.read(MOST_BYTES)
        if answer.status != 200:
            raise unavailable(self.at, f"HTTP {answer.status} of its API")
        try:
            found = json.loads(data)
        except ValueError as error:
            raise unavailable(self.at, "no JSON of its API") from error
        if not isinstance(found, dict):
            raise unavailable(self.at, "no JSON of its API")
        return found, {name.lower(): value for name, value in answer.headers.items()}


def _gitlab(api: _Api) -> Rights:
    project, _ = api.get(address_of(api.at))
    branch, _ = api.get(f"{address_of(api.at)}/repository/branches/{quote(api.at.branch, safe='')}")
    access = [one.get("access_level") for one in (project.get("permissions") or {}).values() if isinstance(one, dict)]
    levels = [level for level in access if isinstance(level, int)]
    proposes = None
    try:
        scopes = api.get(f"{api.at.api.rstrip('/')}/personal_access_tokens/self")[0].get("scopes")
        # Fine-grained tokens have rights that are not listed as scopes.
        proposes = "api" in scopes if isinstance(scopes, list) and "granular" not in scopes else None
    except MeshbotError:
        # A token of another kind.
        pass
    return Rights(
        _told(project, "archived"), max(levels) >= DEVELOPER if levels else None, proposes, _told(branch, "can_push")
    )


def _github(api: _Api) -> Rights:
    found, headers = api.get(address_of(api.at))
    branch, _ = api.get(f"{address_of(api.at)}/branches/{quote(api.at.branch, safe='')}")
    permissions = found.get("permissions") or {}
    scopes = headers.get("x-oauth-scopes")
    listed = {scope.strip() for scope in scopes.split(",")} if scopes is not None else set()
    enough = {"repo"} if found.get("private") else {"repo", "public_repo"}
    writes = _told(permissions, "push")
    # Who may push past the rules of a protected branch is told to administrators alone.
    watched = writes if _told(branch, "protected") is False else None
    return Rights(_told(found, "archived"), writes, bool(listed & enough) if listed else None, watched)


def _told(found: dict[str, Any], key: str) -> bool | None:
    value = found.get(key)
    return value if isinstance(value, bool) else None
