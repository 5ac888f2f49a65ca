"""Watching a cluster's routes: each kind is listed once and then followed, so that a job need not list it.

What is remembered is a pointer to what a job reads by name, never what it plans with. It is milliseconds old; when the
API server dies silently, at most 10 s (its connection is probed); when something between hides that, at most 70 s.
After that, and whenever a watch fails, jobs list for themselves until it works again.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from mesh.domain.errors import MeshbotError, Refused, Unavailable
from workers.cluster.looking import Site
from workers.cluster.remembered import Event
from workers.cluster.resources import Resource
from workers.cluster.routing import Object
from workers.cluster.served import WANTED, Wanted

log = logging.getLogger(__name__)

STREAM_S = 50.0
"""How long one watch lasts, give or take a tenth; the next goes on where it ended."""
STEADY_S = 1.0
"""A watch that ended sooner did not work."""
PAUSE_S, LONGEST_PAUSE_S = 0.25, 30.0
"""Before the next try after a failure; twice as long after each, give or take a half."""
RARELY_S = 300.0
"""When to try again to watch what we have no right to."""
ABSENT_S = 20.0
"""When to ask again whether a kind is served: until then nobody knows of owners and routes of a kind just installed."""
TOLD_AFTER = 2
"""Failures in a row before anybody hears of it: servers are restarted, connections cut."""


class Changes(Protocol):
    """An open watch."""

    def __iter__(self) -> Iterator[Event]:
        """Yield events until it ends; raise Unavailable when it breaks."""

    def close(self) -> None:
        """End it, from another thread."""


class Source(Protocol):
    """Where one cluster's objects can be watched: `KubernetesClient`."""

    def everywhere(self, resource: Resource) -> tuple[list[Object], str] | None:
        """Return all objects and the version of the list; None when the kind is not served."""

    def changes(self, resource: Resource, version: str, *, seconds: float) -> Changes | None:
        """Open a watch that goes on from a version; None when the kind is not served."""


class Watching:
    """Keeps what is remembered of one cluster true, in a daemon thread for each kind."""

    def __init__(self, site: Site, source: Source, *, cluster: str) -> None:
        """Start at once. Not before a fork: threads do not survive one."""
        self._watchers = [_Watcher(site, source, wanted, cluster) for wanted in WANTED]
        for watcher in self._watchers:
            watcher.start()

    def close(self, *, wait_s: float = 5.0) -> None:
        """End the threads and wait for each of them at most `wait_s`; what was remembered is forgotten."""
        for watcher in self._watchers:
            watcher.end()
        for watcher in self._watchers:
            watcher.join(wait_s)


class _Watcher(threading.Thread):
    """Keeps one kind."""

    def __init__(self, site: Site, source: Source, wanted: Wanted, cluster: str) -> None:
        super().__init__(name=f"watch {wanted.plural} {cluster}", daemon=True)
        self._site = site
        self._source = source
        self._wanted = wanted
        self._what = f"{wanted.plural} of cluster {cluster}"
        self._kept = site.remembered[wanted.group, wanted.plural]
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._open: Changes | None = None
        self._failures = 0
        self._told = False

    def end(self) -> None:
        with self._lock:
            self._ended.set()
            if self._open is not None:
                self._open.close()

    def run(self) -> None:
        while not self._ended.is_set():
            pause_s = ABSENT_S
            try:
                self._follow()
            except Refused as error:
                pause_s = RARELY_S
                self._tell(f"{error} {error.hint}")
            except MeshbotError as error:
                pause_s = self._failed(str(error))
            except Exception:
                log.exception("watching %s failed", self._what)
                pause_s = LONGEST_PAUSE_S
            self._kept.forget()
            self._ended.wait(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 (so that not all come back at once)

    def _failed(self, why: str) -> float:
        """Count a failure; return how long to wait."""
        self._failures += 1
        if self._failures >= TOLD_AFTER:
            self._tell(why)
        return min(PAUSE_S * 2.0**self._failures, LONGEST_PAUSE_S)

    def _tell(self, why: str) -> None:
        """Say once, until it works again, why a kind is not watched."""
        if not self._told:
            log.warning("%s are not watched, so each job lists them: %s", self._what, why)
        self._told = True

    def _follow(self) -> None:
        """List, then watch for as long as that works; return when the kind is not served. Raises what goes wrong."""
        resource = self._site.resource(self._wanted)
        if resource is None:
            # It may have been installed since.
            resource = self._site.discover(unless_within_s=ABSENT_S / 2).resource(self._wanted)
        if resource is None:
            return
        found = self._source.everywhere(resource)
        if found is None:
            self._site.discover(unless_within_s=STEADY_S)
            raise Unavailable(f"{self._what} are not served as {resource.api_version}.")
        self._kept.replace(resource, *found)
        while not self._ended.is_set() and self._site.resource(self._wanted) == resource:
            self._watch(resource)

    def _watch(self, resource: Resource) -> None:
        """Take in one stream to its end."""
        begun = time.monotonic()
        seconds = STREAM_S * random.uniform(0.9, 1.1)  # noqa: S311 (as above)
        changes = self._source.changes(resource, self._kept.version, seconds=seconds)
        if changes is None:
            raise Unavailable(f"{self._what} are served no longer as {resource.api_version}.")
        with self._held(changes):
            self._kept.hear()
            for event in changes:
                self._kept.learn(event)
                self._works()
        if time.monotonic() - begun < STEADY_S and not self._ended.is_set():
            raise Unavailable("The watch ended as soon as it was opened.")
        self._kept.hear()
        self._works()

    def _works(self) -> None:
        if self._told:
            log.info("%s are watched again", self._what)
        self._failures, self._told = 0, False

    @contextmanager
    def _held(self, changes: Changes) -> Iterator[None]:
        """Let `end` close the stream while it is read."""
        with self._lock:
            self._open = changes
            if self._ended.is_set():
                changes.close()
        try:
            yield
        finally:
            with self._lock:
                self._open = None


def watch(sites: Mapping[str, Site], sources: Mapping[str, Source]) -> list[Watching]:
    """Start to watch each cluster that has a source."""
    return [Watching(sites[name], source, cluster=name) for name, source in sources.items()]
