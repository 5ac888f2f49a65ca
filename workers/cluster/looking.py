"""What one question reads of a cluster: each list once, as many as possible at the same time, from memory if it can."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from mesh.domain.errors import Refused, Unavailable
from mesh.domain.plans import Plan
from mesh.domain.routes import Weights
from workers.cluster.remembered import Remembered
from workers.cluster.resources import Resource
from workers.cluster.routing import Object
from workers.cluster.served import WANTED, Served, Wanted
from workers.cluster.together import together

Place = tuple[Wanted, str]
"""A kind, and the namespace in which it is listed."""


class Client(Protocol):
    """One cluster's objects: `KubernetesClient`, or dicts in memory. Asked by several threads at the same time."""

    def discover(self) -> Served:
        """Return what the cluster serves; raise Unavailable."""

    def objects(
        self, resource: Resource, namespace: str, *, labels: str = "", cached: bool = False
    ) -> list[Object] | None:
        """Return the objects that carry `labels`; None when the kind is not served. `cached`: a moment old is fine."""

    def everywhere(self, resource: Resource) -> tuple[list[Object], str] | None:
        """Return the objects of all namespaces and the list's version; None when the kind is not served."""

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
    """One cluster: its client, what it serves, which is asked once and kept, and what is remembered of its objects."""

    def __init__(self, client: Client) -> None:
        """Ask through `client`."""
        self.client = client
        self.remembered = {_kind(wanted): Remembered() for wanted in WANTED}
        """By group and plural. Empty, and so never believed, unless somebody watches (see watching.py)."""
        self.selectors: dict[tuple[str, str], dict[str, str]] = {}
        """(namespace, name) of a Service -> what it selected when it was last read: a guess, to be checked."""
        self._served: Served | None = None
        self._learnt_at = -math.inf
        self._lock = threading.Lock()
        self._answer: Future[Served] | None = None

    @property
    def served(self) -> Served | None:
        """What the cluster served when it was asked; None before."""
        return self._served

    def discover(self, *, unless_within_s: float = 0.0) -> Served:
        """Ask (again) what the cluster serves, unless that was learnt so lately; raise Unavailable.

        Who asks while somebody else does gets the same answer, or the same error.
        """
        with self._lock:
            if self._served is not None and time.monotonic() - self._learnt_at < unless_within_s:
                return self._served
            answer, is_mine = self._answer or Future(), self._answer is None
            self._answer = answer
        if is_mine:
            self._ask(answer)
        return answer.result()

    def _ask(self, answer: Future[Served]) -> None:
        try:
            self._served = self.client.discover()
            self._learnt_at = time.monotonic()
            answer.set_result(self._served)
        except BaseException as error:
            # Also when this job is interrupted: others wait for the answer.
            answer.set_exception(error if isinstance(error, Exception) else Unavailable("Discovery was interrupted."))
            if not isinstance(error, Exception):
                raise
        finally:
            self._answer = None

    def resource(self, wanted: Wanted) -> Resource | None:
        """Return what to ask for; None when the cluster does not serve the kind. Raises Unavailable."""
        return (self._served or self.discover()).resource(wanted)

    def wrote(self, resource: Resource, obj: Object) -> None:
        """Remember the answer to our own write."""
        self.remembered[resource.group, resource.plural].wrote(resource, obj)

    def listings(self, places: Sequence[Place], *, truly: bool) -> list[Listing]:
        """List every place at the same time; one that is served no longer under the known version is looked up again.

        `truly`: as everything is now; else as it was a moment ago, from memory or from the server's. Raises Unavailable
        when what is served is not known and cannot be found out.
        """
        served = self._served or self.discover()
        found = [None if truly else self.known(served, place) for place in places]
        for again in (False, True):
            missing = [index for index, listing in enumerate(found) if listing is None]
            if missing and again:
                served = self.discover()
            asks = [partial(self._list, served, places[index], truly) for index in missing]
            for index, listing in zip(missing, together(asks), strict=True):
                found[index] = listing
        return [listing or Listing() for listing in found]

    def known(self, served: Served, place: Place) -> Listing | None:
        """Return the list of a place where it is remembered; None where it must be asked for."""
        wanted, namespace = place
        resource = served.resource(wanted)
        if resource is None:
            return Listing()
        objects = self.remembered[_kind(wanted)].objects(resource, namespace)
        return None if objects is None else Listing(objects)

    def _list(self, served: Served, place: Place, truly: bool) -> Listing | None:
        wanted, namespace = place
        resource = served.resource(wanted)
        if resource is None:
            return Listing()
        try:
            objects = self.client.objects(resource, namespace, cached=not truly)
        except (Refused, Unavailable) as error:
            return Listing(error=error)
        return None if objects is None else Listing(tuple(objects))


class Look:
    """The lists and objects that one question needs; what was read is not read again.

    Lists tell where to look: they may be a moment old, or, once somebody watches, as old as the watch. What is planned
    with is read by name. Only a look that is taken `truly` can say that something is not there.
    """

    def __init__(self, site: Site, *, truly: bool = False) -> None:
        """Look at the cluster of `site`."""
        self.site = site
        self.truly = truly
        self._held: dict[tuple[str, str, str], Listing] = {}

    def ask(self, places: Iterable[Place]) -> None:
        """List those of the places that are not known yet, at the same time. Raises Unavailable as `Site.listings`."""
        new = {_key(place): place for place in places if _key(place) not in self._held}
        self._held.update(zip(new, self.site.listings(list(new.values()), truly=self.truly), strict=True))

    def listing(self, wanted: Wanted, namespace: str) -> Listing:
        """Return one list; asks for it when that has not been done."""
        self.ask([(wanted, namespace)])
        return self._held[_key((wanted, namespace))]

    def held(self, wanted: Wanted) -> list[Listing]:
        """Return what is known of a kind, of all namespaces that were asked for."""
        return [listing for (group, plural, _), listing in self._held.items() if (group, plural) == _kind(wanted)]

    def read(self, wanted: Wanted, namespace: str, name: str) -> Object | None:
        """Return one object as it is now: by a GET, or from its list where that is true."""
        listed = self._held.get(_key((wanted, namespace)))
        if self.truly and listed is not None:
            return next((obj for obj in listed.objects if obj["metadata"]["name"] == name), None)
        resource = self.site.resource(wanted)
        return None if resource is None else self.site.client.read(resource, namespace, name)

    def knows(self, places: Iterable[Place]) -> bool:
        """Tell whether all of the places can be listed without asking anybody."""
        served = self.site.served
        if served is None or self.truly:
            return False
        return all(_key(place) in self._held or self.site.known(served, place) is not None for place in places)


class Glance:
    """Many objects by name, from as few lists as they lie in. What cannot be listed is not known, and no error."""

    def __init__(self, look: Look) -> None:
        """Find what the look has listed already."""
        self._look = look
        self._by_name: dict[tuple[str, str, str], dict[str, Object]] = {}

    @classmethod
    def at(cls, site: Site | None, places: Iterable[Place]) -> Glance | None:
        """List every place once; None where there is no site, or nothing is known of what it serves."""
        if site is None:
            return None
        look = Look(site)
        try:
            look.ask(places)
        except Unavailable:
            return None
        return cls(look)

    def find(self, wanted: Wanted, namespace: str, name: str) -> Object | None:
        """Return one object of a place; None where it is not known."""
        key = _key((wanted, namespace))
        if key not in self._by_name:
            objects = self._look.listing(wanted, namespace).objects
            self._by_name[key] = {obj["metadata"]["name"]: obj for obj in objects}
        return self._by_name[key].get(name)


@dataclass(frozen=True)
class Sighting:
    """What was seen of a planned route, to be seen again while its object stays the same: reading it anew is work."""

    plan: Plan
    version: tuple[str, str] | None = None
    """Of the object, see `version_of`."""
    weights: Weights | None = None
    """None where the route is not known."""


def version_of(obj: Object) -> tuple[str, str] | None:
    """Return uid and resourceVersion, which change whenever an object does; None where it does not tell both."""
    uid, version = obj["metadata"].get("uid"), obj["metadata"].get("resourceVersion")
    return (uid, version) if uid and version else None


def _kind(wanted: Wanted) -> tuple[str, str]:
    return wanted.group, wanted.plural


def _key(place: Place) -> tuple[str, str, str]:
    return (*_kind(place[0]), place[1])
