"""`mesh.ports.Cluster` where some services are kept in Git: read from the cluster, written to the repository.

A route of such a service comes with the weights that Git has, for those are what is edited, and with those of the
cluster beside them. Its `resource_version` is the newest commit of the branch, its stamps are those of our commits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target
from mesh.domain.errors import Conflict, MeshbotError, NeedsGit, Refused, Unavailable
from mesh.domain.plans import Plan
from mesh.domain.repositories import Commit, InGit, Repository
from mesh.domain.routes import PREFIX, STAMP_ACTOR, STAMP_OPERATION, Arm, Kept, Pushed, Route, RouteRef, Weights
from mesh.ports import Cluster, Ready, Surveyed
from workers.cluster.table import ROUTING_APIS
from workers.git.editing import Located, Named, locate
from workers.git.forges import Wish, request_merge
from workers.git.messages import OBJECT, OPERATION, message, object_of, remembered, stamps_of, trailers
from workers.git.patience import KNOCK_S, Patience, Silence
from workers.git.repository import Remote
from workers.git.trees import Found, Made

LATELY_S = 900.0
"""How far back others' commits are looked at, in seconds: longer than anything waits for Git."""
PUSHES = 3
"""How often a commit is made anew because somebody else pushed other files first."""


@dataclass(frozen=True)
class Place:
    """Where one service is kept, and the way there."""

    repository: Repository
    in_git: InGit
    remote: Remote
    patience: Patience

    def fetch(self) -> str:
        """Return the newest commit, or raise at once what the last one heard who waited for the server in vain."""
        with self.patience.fetching():
            return self.remote.fetch()

    @property
    def path(self) -> str:
        """The file."""
        return self.in_git.path

    @property
    def where(self) -> str:
        """The file for people."""
        return f"{self.path} on {self.repository.branch} of {self.repository.name}"

    def commit(self, identity: str, *, request: str = "") -> Commit:
        """Return one of our commits, with its page."""
        url = self.repository.commit_url.replace("{commit}", identity)
        return Commit(identity, self.repository.name, url, request)


class GitCluster:
    """Implements `mesh.ports.Cluster` over another one. Repositories are those of the catalog, and no others."""

    def __init__(
        self,
        cluster: Cluster,
        catalog: Catalog,
        *,
        connect: Callable[[Repository], Remote] = Remote,
        asks: bool = True,
    ) -> None:
        """Read from `cluster`; connects to nothing yet. One that never `asks` raises NeedsGit instead."""
        self._cluster, self._catalog, self._asks = cluster, catalog, asks
        self.remotes = {one.name: connect(one) for one in catalog.repositories}
        self._patience = _patience(self.remotes.values())

    def routes(self, target: Target) -> list[Route]:
        """Return every route of the service; of one that Git keeps with Git's weights, or with why they are not known.

        Raises what the cluster raises, and NeedsGit.
        """
        place = self._asked(target)
        found = self._cluster.routes(target)
        if place is None:
            return found
        head = _tried(place.fetch)
        return [_told(route, place, head) if len(route.arms) > 1 else route for route in found]

    def services(self, target: Target) -> list[str]:
        """Return what the cluster says."""
        return self._cluster.services(target)

    def survey(self, cluster: str, *, namespaces: Sequence[str] = (), also: Iterable[Target] = ()) -> list[Surveyed]:
        """Return what the cluster has: one look at many services asks no repository.

        What meshbot may have stamped on an object before it was kept in Git says nothing any more.
        """
        found = self._cluster.survey(cluster, namespaces=namespaces, also=also)
        return [
            replace(one, routes=tuple(_unstamped(route) for route in one.routes)) if self._place(one.target) else one
            for one in found
        ]

    def compared(self, surveyed: Sequence[Surveyed], repository: str) -> list[tuple[Target, Route]]:
        """Return the routes that one repository keeps, each with Git's weights or with why they are not known.

        One look at the repository, however many routes there are; for the doctor.
        """
        head: str | MeshbotError | None = None
        found = []
        for one in surveyed:
            place = self._place(one.target)
            if place is None or place.repository.name != repository:
                continue
            head = head or _tried(place.fetch)
            found += [(one.target, _told(route, place, head)) for route in one.routes if len(route.arms) > 1]
        return found

    def reread(self, plan: Plan, target: Target) -> Route | None:
        """Read the planned route again, from the cluster and from Git; None when it is gone from the cluster.

        Raises Unavailable, Refused, NeedsGit.
        """
        place = self._asked(target)
        route = self._cluster.reread(plan, target)
        return route if route is None or place is None else _kept(route, place, place.fetch(), plan)

    def glance(self, plans: Sequence[tuple[Plan, Target]]) -> list[Weights | None]:
        """Return what the cluster has: a hint, no proof."""
        return self._cluster.glance(plans)

    def ready(self, arm: Arm, target: Target) -> Ready:
        """Count the ready endpoints in the cluster."""
        return self._cluster.ready(arm, target)

    def patch(self, plan: Plan, target: Target) -> Route:
        """Write the plan: as a patch, or as a commit where Git keeps the service. Done once, however often it is sent.

        Raises Conflict when the file is not what it was when planned (nothing was written), Unavailable when the
        outcome is not known, Refused when Git does not take it, NeedsGit.
        """
        place = self._asked(target)
        if place is None:
            return self._cluster.patch(plan, target)
        # Whoever comes to this has just fetched; one who was left alone here would not know what to make of it.
        with place.patience.asking():
            return self._commit(plan, target, place)

    def _commit(self, plan: Plan, target: Target, place: Place) -> Route:
        for _ in range(PUSHES):
            head = place.remote.fetch()
            if done := _ours(place, head, plan):
                return _written(plan, place, done)
            if not place.remote.same(place.path, plan.resource_version, head):
                raise Conflict(f"{place.where} was changed by somebody else.", hint="Look at its history.")
            made = self._made(plan, target, place, head)
            try:
                return _written(plan, place, _sent(made, plan, target, place))
            except Conflict:
                # Other files, perhaps: then this is the same plan on top of another commit.
                continue
        raise Conflict(f"{place.repository.name} was pushed to {PUSHES} times meanwhile.", hint="Repeat it.")

    # --- within --------------------------------------------------------------------------------------------------

    def _place(self, target: Target) -> Place | None:
        found = self._catalog.in_git(target)
        name = found[0].name if found else ""
        return Place(*found, self.remotes[name], self._patience[name]) if found else None

    def _asked(self, target: Target) -> Place | None:
        """Return the place of what Git is asked about next; raise NeedsGit where that is for another process."""
        place = self._place(target)
        if place is not None and not self._asks:
            raise NeedsGit
        return place

    def _made(self, plan: Plan, target: Target, place: Place, head: str) -> Made:
        """Make the commit of a plan; one that moves no weight changes no file, and is still a commit."""
        content, by = None, stamps_of(plan).get(STAMP_ACTOR, "")
        if any(arm.before != arm.after for arm in plan.arms) and STAMP_OPERATION in stamps_of(plan):
            located = _located(place.remote.find(head, place.path), plan, place)
            pointers = {arm.name: arm.pointer for arm in _rule_in_git(plan, located, place)}
            changed = [arm for arm in plan.arms if arm.before != arm.after]
            content = located.written({pointers[arm.name]: _numbers(arm.before, arm.after) for arm in changed}).encode()
        said = message(plan, target.cluster, target.service, place.path)
        author = f"meshbot on behalf of {by}" if by else "meshbot"
        return place.remote.make(head, place.path, content, message=said, author=author)


def _patience(remotes: Iterable[Remote]) -> dict[str, Patience]:
    """Return what the process knows of each repository's server; repositories of one server know of it together."""
    servers: dict[str, Silence] = {}
    return {
        one.at.name: Patience(partial(one.greet, within_s=KNOCK_S), servers.setdefault(one.at.server, Silence()))
        for one in remotes
    }


def _tried(fetch: Callable[[], str]) -> str | MeshbotError:
    """Return the newest commit, or why it is not known."""
    try:
        return fetch()
    except (Refused, Unavailable) as error:
        return error


def _told(route: Route, place: Place, head: str | MeshbotError) -> Route:
    """Return a route of the cluster as Git has it, or with why that cannot be told."""
    try:
        if isinstance(head, MeshbotError):
            raise head
        return _kept(route, place, head, None)
    except (Refused, Unavailable) as error:
        kept = Kept(
            place.where,
            route.arms,
            in_git=place.in_git,
            trouble=error.message.removesuffix("."),
            hint=error.hint,
            passing=isinstance(error, Unavailable),
        )
        return _without_keepers(replace(route, kept=kept))


def _kept(route: Route, place: Place, head: str, plan: Plan | None) -> Route:
    """Return a route of the cluster as Git has it."""
    remote = place.remote
    found = remote.find(head, place.path)
    arms = _arms_in_git(route, _located(found, route, place), place)
    commit = _ours(place, head, plan) if plan else None
    kept = Kept(
        place.where,
        route.arms,
        place.repository.sync_s,
        in_git=place.in_git,
        commit=commit,
        untouched=plan is not None and remote.same(place.path, plan.resource_version, head),
        pushed=tuple(_pushed(route, place, head)),
    )
    stamps = _stamps(place, head, route)
    others = [(key, value) for key, value in route.annotations or () if not key.startswith(PREFIX)]
    annotations = (*others, *stamps.items())
    new = replace(route, arms=arms, annotations=annotations, resource_version=head, kept=kept, writer=None)
    return _without_keepers(new)


def _pushed(route: Route, place: Place, head: str) -> Iterator[Pushed]:
    """Yield the commits of the last minutes that are not ours and moved these weights, newest first."""
    for commit, parent, at, said in place.remote.recent(head, since=time.time() - LATELY_S):
        if OPERATION in trailers(said):
            continue
        before, after = (_file_at(one, place) for one in (parent, commit))
        if before != after and _weights_of(before, route, place) != _weights_of(after, route, place):
            yield Pushed(commit, at)


def _file_at(commit: str, place: Place) -> Found | None:
    """Return the file as a commit has it; None where it has none: it may have been moved here."""
    try:
        return place.remote.find(commit, place.path)
    except Refused:
        return None


def _weights_of(found: Found | None, route: Route, place: Place) -> Weights | None:
    """Return the route's weights in a file; None where none can be read there."""
    try:
        arms = _rule_in_git(route, _located(found, route, place), place) if found else ()
    except Refused:
        return None
    return {arm.name: arm.weight for arm in arms}


def _sent(made: Made, plan: Plan, target: Target, place: Place) -> Commit:
    """Push a commit, or propose it where that is configured and something else than the stable arm rises."""
    operation = stamps_of(plan).get(STAMP_OPERATION, "")
    if not place.in_git.proposes(raises=plan.raises):
        place.remote.push(made)
        return place.commit(made.id)
    if not operation:
        # A late push of a branch moves nothing, so there is nothing to shut out.
        return place.commit(made.parent)
    branch = f"meshbot/{operation}"
    identity = place.remote.heads(branch)
    if not identity:
        place.remote.push(made, branch=branch)
        identity = made.id
    title, _, text = message(plan, target.cluster, target.service, place.path).partition("\n\n")
    asked = Wish(branch, title, text)
    return place.commit(identity, request=request_merge(place.repository, asked, place.remote.line.connections()))


def _ours(place: Place, head: str, plan: Plan) -> Commit | None:
    """Return the commit of the plan's operation, if the branch has it; None for a plan of no operation."""
    operation = stamps_of(plan).get(STAMP_OPERATION)
    for identity, said in place.remote.log(head, since=plan.resource_version) if operation else ():
        if trailers(said).get(OPERATION) == operation:
            return place.commit(identity)
    return None


def _stamps(place: Place, head: str, route: Route) -> dict[str, str]:
    """Return what our newest commit of this object remembers; nothing where it is older than what is looked through."""
    wanted = object_of(route, place.path)
    for _, said in place.remote.log(head):
        found = trailers(said)
        if found.get(OBJECT) == wanted:
            return remembered(found)
    return {}


def _located(found: Found, ref: RouteRef, place: Place) -> Located:
    return locate(found.content, Named(ref.kind, ref.group, ref.namespace, ref.name), where=place.where)


def _rule_in_git(ref: RouteRef, located: Located, place: Place) -> tuple[Arm, ...]:
    """Return the arms of the same rule as Git has it; raise Refused where there is none, or a weight is missing."""
    obj = located.obj
    metadata = {"uid": ref.uid, "resourceVersion": ref.resource_version, "generation": ref.generation}
    obj["metadata"] = {**obj["metadata"], "namespace": ref.namespace, **metadata}
    api = next(api for api in ROUTING_APIS if (api.kind, api.group) == (ref.kind, ref.group))
    try:
        arms = next((route.arms for route in api.read(obj) if route.rule == ref.rule), ())
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Refused(f"{place.where} does not have the form of a {ref.kind}.", hint="Mend it in Git.") from error
    if not arms:
        raise Refused(
            f"{place.where} has no rule {ref.rule or 'with weights'}.", hint="Wait for the sync, or mend Git."
        )
    absent = [arm.name for arm in arms if not isinstance(arm.weight, int)]
    if absent:
        raise Refused(
            f"{place.where} has no whole number as the weight of {', '.join(absent)}.",
            hint="Write the weight of every arm out in Git first.",
        )
    return arms


def _arms_in_git(route: Route, located: Located, place: Place) -> tuple[Arm, ...]:
    """Return the route's arms with Git's weights; raise Refused where Git has other destinations."""
    found = {arm.name: arm for arm in _rule_in_git(route, located, place)}
    live = {arm.name: _destination(arm) for arm in route.arms}
    if {name: _destination(arm) for name, arm in found.items()} != live:
        raise Refused(
            f"{place.where} and the cluster have other destinations in {route.label}.",
            hint="Wait until Argo CD or Flux has synced, or see why it does not.",
        )
    return tuple(replace(arm, weight=found[arm.name].weight, effective=found[arm.name].effective) for arm in route.arms)


def _destination(arm: Arm) -> tuple[str, str, str]:
    return (arm.service, arm.namespace, arm.subset)


def _numbers(before: Any, after: Any) -> tuple[int, int]:
    if not (isinstance(before, int) and isinstance(after, int)):
        raise Refused("Only whole numbers are written to Git.", hint="Write the weight of every arm out in Git first.")
    return before, after


def _unstamped(route: Route) -> Route:
    kept = tuple((key, value) for key, value in route.annotations or () if not key.startswith(PREFIX))
    return _without_keepers(replace(route, annotations=kept))


def _without_keepers(route: Route) -> Route:
    """Leave out the warnings that Git will put weights back: it is Git that is written."""
    exceptions = {keeper.exception for keeper in route.keepers}
    return replace(route, warnings=tuple(text for text in route.warnings if text not in exceptions))


def _written(plan: Plan, place: Place, commit: Commit) -> Route:
    """Return what is known of the route after a commit; its weights are for `reread` to say."""
    ref: Mapping[str, Any] = {field.name: getattr(plan, field.name) for field in fields(RouteRef)}
    return Route(**ref, arms=(), annotations=None, kept=Kept(place.where, (), place.repository.sync_s, commit=commit))
