"""What one question reads of a cluster: each list once, as many as possible at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from mesh.domain.errors import Refused, Unavailable
from workers.cluster.resources import Resource
from workers.cluster.routing import Object
from workers.cluster.served import Served, Wanted
from workers.cluster.together import together

Place = tuple[Wanted, str]
"""A kind, and the namespace in which it is listed."""


class Client(Protocol):
    """One cluster's objects: `KubernetesClient`, or dicts in memory. Asked by several threads at the same time."""

    def discover(self) -> Served:
        """Return what the cluster serves; raise Unavailable."""

    def objects(self, resource: Resource, namespace: str, *, labels: str = "") -> list[Object] | None:
        """Return the objects that carry `labels`; None when the kind is not served."""

    def read(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """Return one object; None when there is none."""

    def patch(self, resource: Resource, namespace: str, name: str, operations: list[dict[str, Any]]) -> Object | None:
        """Send a JSON patch; None when there is nothing to patch. Raises Conflict, Refused, Unavailable."""


@dataclass(frozen=True)
class Listing:
    """The objects of one kind in one namespace, or why they are not known."""

    objects: tuple[Object, ...] = ()
    error: Refused | Unavailable | None = None

    def sure(self) -> tuple[Object, ...]:
        """Return the objects; raise the error where there is one."""
        if self.error is not None:
            raise self.error
        return self.objects


class Site:
    """One cluster: its client, and what it serves, which is asked once and kept."""

    def __init__(self, client: Client) -> None:
        """Ask through `client`."""
        self.client = client
        self._served: Served | None = None

    @property
    def served(self) -> Served | None:
        """What the cluster served when it was asked; None before."""
        return self._served

    def discover(self) -> Served:
        """Ask (again) what the cluster serves; raise Unavailable."""
        self._served = self.client.discover()
        return self._served

    def resource(self, wanted: Wanted) -> Resource | None:
        """Return what to ask for; None when the cluster does not serve the kind. Raises Unavailable."""
        return (self._served or self.discover()).resource(wanted)

    def listings(self, places: Sequence[Place]) -> list[Listing]:
        """List every place at the same time; one that is served no longer under the known version is looked up again.

        Raises Unavailable when what is served is not known and cannot be found out.
        """
        served = self._served or self.discover()
        found = together([partial(self._list, served, place) for place in places])
        stale = [index for index, listing in enumerate(found) if listing is None]
        if stale:
            served = self.discover()
            again = together([partial(self._list, served, places[index]) for index in stale])
            found = [*found]
            for index, listing in zip(stale, again, strict=True):
                found[index] = listing
        return [listing or Listing() for listing in found]

    def _list(self, served: Served, place: Place) -> Listing | None:
        wanted, namespace = place
        resource = served.resource(wanted)
        if resource is None:
            return Listing()
        try:
            objects = self.client.objects(resource, namespace)
        except (Refused, Unavailable) as error:
            return Listing(error=error)
        return None if objects is None else Listing(tuple(objects))


class Look:
    """The lists that one question needs; what was listed is not listed again."""

    def __init__(self, site: Site) -> None:
        """Look at the cluster of `site`."""
        self.site = site
        self._held: dict[tuple[str, str, str], Listing] = {}

    def ask(self, places: Iterable[Place]) -> None:
        """List those of the places that are not known yet, at the same time. Raises Unavailable as `Site.listings`."""
        new = {_key(place): place for place in places if _key(place) not in self._held}
        self._held.update(zip(new, self.site.listings(list(new.values())), strict=True))

    def listing(self, wanted: Wanted, namespace: str) -> Listing:
        """Return one list; asks for it when that has not been done."""
        self.ask([(wanted, namespace)])
        return self._held[_key((wanted, namespace))]

    def has(self, wanted: Wanted, namespace: str) -> bool:
        """Tell whether a place was listed."""
        return _key((wanted, namespace)) in self._held

    def held(self, wanted: Wanted) -> list[Listing]:
        """Return what is known of a kind, of all namespaces that were asked for."""
        return [listing for (group, plural, _), listing in self._held.items() if (group, plural) == _kind(wanted)]


def _kind(wanted: Wanted) -> tuple[str, str]:
    return wanted.group, wanted.plural


def _key(place: Place) -> tuple[str, str, str]:
    return (*_kind(place[0]), place[1])
