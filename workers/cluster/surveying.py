"""Every service's routes at once: each kind is listed once, and each service is looked up in those lists.

It finds what `finding.find` finds for one service, by the same code, from lists alone: for people to see, never to plan
with. A service's routes are looked for among the objects whose text names it, or the work would grow with the square.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from mesh.domain.commands import Target
from mesh.domain.errors import Refused, Unavailable
from mesh.ports import Surveyed
from workers.cluster.finding import find
from workers.cluster.looking import Listing, Look, Place, Site
from workers.cluster.routing import Object, RoutingApi, namespace_of, spec
from workers.cluster.served import WANTED, Wanted
from workers.cluster.subsets import DESTINATION_RULE
from workers.cluster.table import ROUTING_APIS
from workers.cluster.together import together

Kind = tuple[str, str]
"""Group and plural."""

WILDCARD = "*"
"""The word of a host that stands for many."""


def survey(
    site: Site, cluster: str, *, namespaces: Sequence[str], beside: Sequence[str], also: Iterable[Target]
) -> list[Surveyed]:
    """Return every service that routes name, with its routes, by namespace and name.

    `namespaces`: only these; none means all. `beside`: where routes are looked for besides a service's own namespace.
    `also`: services to look up that routes of their own namespace may not name. Raises Unavailable, and Refused where a
    right is missing.
    """
    listed = sorted({*namespaces, *beside}) if namespaces else []
    atlas = Atlas(site, _listed(site, listed) if namespaces else _everywhere(site))
    targets = {*atlas.targets(cluster), *(one for one in also if one.cluster == cluster)}
    wanted = [one for one in targets if not namespaces or one.namespace in namespaces]
    ordered = sorted(wanted, key=lambda one: (one.namespace, one.service))
    return [found for target in ordered if (found := _surveyed(atlas, target, beside)).routes or found.problem]


def _surveyed(atlas: Atlas, target: Target, beside: Sequence[str]) -> Surveyed:
    places = list(dict.fromkeys((target.namespace, *beside)))
    try:
        return Surveyed(target, tuple(find(View(atlas, target), target, places)))
    except (Refused, Unavailable) as error:
        return Surveyed(target, problem=error.message)


def _everywhere(site: Site) -> dict[Kind, Listing]:
    """List each kind in all namespaces, at the same time, or take it from memory."""
    found = together([partial(_all_of, site, wanted) for wanted in WANTED])
    return {_kind(wanted): listing for wanted, listing in zip(WANTED, found, strict=True)}


def _all_of(site: Site, wanted: Wanted) -> Listing:
    resource = site.resource(wanted)
    if resource is None:
        return Listing()
    known = site.remembered[_kind(wanted)].everywhere(resource)
    if known is not None:
        return Listing(known)
    try:
        found = site.client.everywhere(resource)
    except (Refused, Unavailable) as error:
        return Listing(error=error)
    return Listing(tuple(found[0]) if found else ())


def _listed(site: Site, namespaces: Sequence[str]) -> dict[Kind, Listing]:
    """List each kind in each of the namespaces."""
    places: list[Place] = [(wanted, namespace) for wanted in WANTED for namespace in namespaces]
    kept: dict[Kind, list[Listing]] = {}
    for (wanted, _), listing in zip(places, site.listings(places, truly=False), strict=True):
        kept.setdefault(_kind(wanted), []).append(listing)
    return {kind: _joined(listings) for kind, listings in kept.items()}


def _joined(listings: Sequence[Listing]) -> Listing:
    error = next((listing.error for listing in listings if listing.error), None)
    return Listing(tuple(obj for listing in listings for obj in listing.objects), error)


class Atlas:
    """The lists of a cluster, by namespace, by name, and by the words that objects hold.

    Raises what the list of a routing kind raised: no routes, and routes that cannot be listed, must not look alike.
    """

    def __init__(self, site: Site, listings: Mapping[Kind, Listing]) -> None:
        """Keep the lists and sort them; nothing is asked for any more."""
        for api in ROUTING_APIS:
            listings[_kind(api)].sure()
        self.site = site
        self._errors = {kind: listing.error for kind, listing in listings.items()}
        self._placed: dict[tuple[Kind, str], list[Object]] = {}
        self._worded: dict[tuple[Kind, str, str], list[Object]] = {}
        self._named: dict[tuple[Kind, str, str], Object] = {}
        for kind, listing in listings.items():
            for obj in listing.objects:
                self._keep(kind, obj)

    def _keep(self, kind: Kind, obj: Object) -> None:
        namespace = namespace_of(obj)
        self._placed.setdefault((kind, namespace), []).append(obj)
        self._named[kind, namespace, obj["metadata"]["name"]] = obj
        if kind in _INDEXED:
            for word in _words(obj):
                self._worded.setdefault((kind, namespace, word), []).append(obj)

    def targets(self, cluster: str) -> set[Target]:
        """Return every service that a routing object of its own namespace names."""
        return {
            Target(cluster, namespace, name)
            for api in ROUTING_APIS
            for (kind, namespace), objects in self._placed.items()
            if kind == _kind(api)
            for obj in objects
            for name in api.names(obj)
        }

    def all(self, wanted: Wanted, namespace: str) -> Listing:
        """Return the whole list of a place."""
        return Listing(tuple(self._placed.get((_kind(wanted), namespace), ())), self._errors[_kind(wanted)])

    def holding(self, wanted: Wanted, namespace: str, words: Iterable[str]) -> Listing:
        """Return those objects of a place that hold one of the words."""
        kind = _kind(wanted)
        found = {id(obj): obj for word in words for obj in self._worded.get((kind, namespace, word), ())}
        return Listing(tuple(found.values()), self._errors[kind])

    def named(self, wanted: Wanted, namespace: str, name: str) -> Object | None:
        """Return one object."""
        return self._named.get((_kind(wanted), namespace, name))


class View(Look):
    """What one service's routes are found in: an atlas without what does not concern it."""

    def __init__(self, atlas: Atlas, target: Target) -> None:
        """Look for `target`."""
        super().__init__(atlas.site, truly=True)
        self._atlas = atlas
        self._target = target
        self._seen: dict[tuple[Kind, str], Listing] = {}
        self._words = {target.service, WILDCARD}
        """Those of the routes that were found: subsets are of Services that they name."""

    def ask(self, places: Iterable[Place]) -> None:
        """Note what is looked at; nothing has to be asked for. Rules last: the routes say which ones matter."""
        for wanted, namespace in sorted(places, key=lambda place: place[0] is DESTINATION_RULE):
            self.listing(wanted, namespace)

    def listing(self, wanted: Wanted, namespace: str) -> Listing:
        """Return what concerns the service of one list."""
        if isinstance(wanted, RoutingApi):
            found = self._atlas.holding(wanted, namespace, [self._target.service])
            self._words.update(word for obj in found.objects for word in _words(obj))
            return found
        if wanted is DESTINATION_RULE:
            return self._atlas.holding(wanted, namespace, self._words)
        self._seen[_kind(wanted), namespace] = found = self._atlas.all(wanted, namespace)
        return found

    def held(self, wanted: Wanted) -> list[Listing]:
        """Return what was looked at of a kind."""
        return [listing for (kind, _), listing in self._seen.items() if kind == _kind(wanted)]

    def read(self, wanted: Wanted, namespace: str, name: str) -> Object | None:
        """Return one object of the atlas."""
        found = self._atlas.named(wanted, namespace, name)
        if found is not None:
            self._words.update(_words(found))
        return found

    def knows(self, places: Iterable[Place]) -> bool:  # noqa: ARG002 (the signature of a look)
        """Everything is known."""
        return True


def _kind(wanted: Wanted) -> Kind:
    return wanted.group, wanted.plural


_INDEXED = frozenset([*(_kind(api) for api in ROUTING_APIS), _kind(DESTINATION_RULE)])


def _words(obj: Object) -> set[str]:
    """Return the first label of every text in the spec, and what it is a version of: `web-v2` is also of `web`.

    Of a DestinationRule only its host counts: all of them speak of `v1`.
    """
    found: set[str] = set()
    for text in _texts(spec(obj).get("host") if obj["kind"] == DESTINATION_RULE.kind else spec(obj)):
        word = text.partition(".")[0]
        parts = word.split("-")
        found.update("-".join(parts[:count]) for count in range(1, len(parts) + 1))
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
