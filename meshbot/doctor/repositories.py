"""What the doctor asks Git servers: whether each repository is there, for us, and has what its services need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mesh.domain.catalog import Catalog, Cluster
from mesh.domain.commands import Target
from mesh.domain.errors import MeshbotError, Refused
from mesh.domain.repositories import InGit, Repository, over_ssh
from mesh.domain.routes import Route
from meshbot.findings import Finding
from workers.git.adapter import GitCluster
from workers.git.rights import Rights, rights

MOST_NAMED = 6
NEEDED = {
    "gitlab": ("Give its user the role Developer in the project.", "Make one with the scope `api`."),
    "github": ("Give it write access to the repository.", "Make one with the scope `repo`."),
}
"""What to do about a token that may only read, and about one whose scopes do not reach."""


def repository(what: str, catalog: Catalog, at: Repository, git: GitCluster) -> Iterator[Finding]:
    """Yield whether one repository can be read and written, and the files of its services."""
    remote, way = git.remotes[at.name], "SSH" if over_ssh(at.url) else "HTTPS"
    try:
        head = remote.fetch()
    except MeshbotError as error:
        yield Finding("fail", what, error.message, _mended(at, way, error))
        return
    try:
        yield Finding("ok", what, f"lets us in over {way}; {at.branch} is at {head[:8]}")
        yield from _writable(what, catalog, at, git)
        for cluster in catalog.clusters:
            yield from _files(what, catalog, at, cluster, git)
    finally:
        remote.close()


def _mended(at: Repository, way: str, error: MeshbotError) -> str:
    """Return what to do about a repository that cannot be read; that it is away is no matter of patience here."""
    if isinstance(error, Refused) or "repositories." in error.hint:
        return error.hint
    doors = "its port in the NetworkPolicy" if way == "SSH" else "the NetworkPolicy, HTTPS_PROXY and NO_PROXY"
    return f"See `repositories.{at.name}.url`, and that this machine reaches it: {doors}."


def _writable(what: str, catalog: Catalog, at: Repository, git: GitCluster) -> Iterator[Finding]:
    """Yield whether it takes pushes and merge requests, as far as that can be told without making one."""
    try:
        git.remotes[at.name].knock()
    except MeshbotError as error:
        yield Finding("fail", what, f"it can be read, and not pushed to: {error.message}", error.hint)
    else:
        todo = f"Only a push tells whether {at.branch} is protected from them, or a hook declines: see its rules."
        yield Finding("ok", what, "takes pushes of ours", todo)
    if at.forge is None:
        return
    try:
        found = rights(at, git.remotes[at.name].line.connections())
    except MeshbotError as error:
        yield Finding("fail", what, f"the API for merge requests: {error.message}", error.hint)
    else:
        yield from of_forge(what, at, found, commits=_commits(catalog, at))


def of_forge(what: str, at: Repository, found: Rights, *, commits: bool) -> Iterator[Finding]:
    """Yield what a forge tells of the token; `commits`: something is committed to the watched branch itself."""
    role, scope = NEEDED[at.forge or "gitlab"]
    if found.archived:
        yield Finding("fail", what, f"{at.project} is archived, so nobody can write", "Take it out of the archive.")
    if found.writes is False:
        yield Finding("fail", what, f"the token's user may only read {at.project}", role)
    if found.proposes is False:
        yield Finding("fail", what, "the token's scopes do not allow merge requests", scope)
    if found.watched is False and commits:
        text = f"{at.branch} takes no push from the token's user, and rollbacks are committed there"
        todo = "Let it push to the protected branch, or set `going_back: merge-request`: docs/gitops.md."
        yield Finding("fail", what, text, todo)
    told = {"may write": found.writes, "may make merge requests": found.proposes}
    if commits:
        told[f"may push to {at.branch}"] = found.watched
    sure, unsure = ([name for name, value in told.items() if value is wanted] for wanted in (True, None))
    if sure:
        yield Finding("ok", what, f"by its API the token {', '.join(sure)}")
    if unsure:
        todo = f"See what is written where it was made: {role} {scope}"
        yield Finding("ok", what, f"its API does not tell whether the token {', '.join(unsure)}", todo)


def _commits(catalog: Catalog, at: Repository) -> bool:
    said = [*(one.in_git for one in catalog.services), *(one.in_git for one in catalog.clusters)]
    places = [place for place in said if place is not None]
    return any(place.repository == at.name and "commit" in (place.mode, place.going_back) for place in places)


def _files(what: str, catalog: Catalog, at: Repository, cluster: Cluster, git: GitCluster) -> Iterator[Finding]:
    """Yield what is wrong with the files of one cluster's services."""
    own = [one for one in catalog.services if (one.cluster or catalog.clusters[0].name) == cluster.name]
    targets = [Target(cluster.name, one.namespace or cluster.namespace, one.name) for one in own]
    everywhere = cluster.in_git is not None and cluster.in_git.repository == at.name
    if not everywhere and not any(_kept(catalog, at, target) for target in targets):
        return
    try:
        surveyed = git.survey(cluster.name, namespaces=sorted({one.namespace for one in targets}), also=targets)
    except MeshbotError as error:
        yield from _there(what, catalog, at, targets, git)
        text = f"cannot tell whether the files fit the routes of {cluster.name}: {error.message}"
        yield Finding("warn", what, text, error.hint)
        return
    compared = git.compared(surveyed, at.name)
    yield from _fitting(what, compared)
    routeless = set(targets) - {target for target, _ in compared}
    yield from _there(what, catalog, at, sorted(routeless, key=str), git)


def _fitting(what: str, compared: Sequence[tuple[Target, Route]]) -> Iterator[Finding]:
    """Yield the routes whose weights were not found in Git, and those that the cluster has otherwise."""
    troubled = [(target, route.kept) for target, route in compared if route.kept and route.kept.trouble]
    for target, kept in troubled:
        yield Finding("fail", what, f"{target.service}: {kept.trouble}", kept.hint)
    behind = [
        target.service for target, route in compared if not route.synced and route.kept and not route.kept.trouble
    ]
    if behind:
        text = f"Git and the cluster have different weights for {_short(behind)}"
        yield Finding("warn", what, text, "Has Argo CD or Flux not synced yet, or did somebody write past Git?")
    if well := len({target for target, _ in compared} - {target for target, _ in troubled}):
        yield Finding("ok", what, f"the weights of {well} service{'s' if well > 1 else ''} were found in their files")


def _there(
    what: str, catalog: Catalog, at: Repository, targets: Sequence[Target], git: GitCluster
) -> Iterator[Finding]:
    """Yield the files that are missing, and those of which no more can be told than that they are there."""
    remote, found = git.remotes[at.name], []
    head = remote.fetch()
    for target in targets:
        if (place := _kept(catalog, at, target)) is None:
            continue
        try:
            remote.find(head, place.path)
            found.append(target.service)
        except MeshbotError as error:
            yield Finding("fail", what, f"{target.service}: {error.message}", error.hint)
    if found:
        text = (
            f"the files of {_short(found)} are there; without a route with weights in the cluster no more can be told"
        )
        yield Finding("warn", what, text, "Write the route, or let Argo CD or Flux apply what is in Git.")


def _kept(catalog: Catalog, at: Repository, target: Target) -> InGit | None:
    found = catalog.in_git(target)
    return found[1] if found and found[0].name == at.name else None


def _short(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
