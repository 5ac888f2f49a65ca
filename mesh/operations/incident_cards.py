"""Showing an incident: one card, drawn anew for as long as it is open, by whoever comes next.

Each drawing is a letter under the incident's key. A worker may die between any two lines: the next one draws what is
there under the same key, and goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from mesh.domain import incidents as domain
from mesh.domain.counts import Counts
from mesh.domain.errors import Conflict, MeshbotError, NeedsGit, Unavailable
from mesh.domain.incidents import Incident, Scene
from mesh.domain.measures import Subject
from mesh.domain.plans import Roles
from mesh.domain.points import Point
from mesh.domain.routes import Route
from mesh.operations.incidents import facts_of
from mesh.operations.knowing import known
from mesh.operations.reading import route_status
from mesh.operations.stage import Stage

SLOWEST_S = 30.0
"""Longer than drawing a card can take; then somebody else looks."""
REDRAWN_S = 30.0
"""How often the card of an open incident is drawn anew, in seconds; rarer where there are many. Slack hears of it where
it looks different."""
EACH_S = 2.0
"""Seconds between two cards of all: Slack takes about 50 edits a minute, and rollouts have cards, too."""
SLOT_S = 300.0
"""What one point of the chart covers, in seconds."""
SHORTEST_S = 30.0
"""The stretch that is not over yet has a point for each so many whole seconds of it: odd lengths are counted badly."""
SLOTS = 12
"""How many points it has: an hour."""
PICTURE_S = 900.0
"""How often an open incident gets a new picture, in seconds."""
RECENT = 5
"""How many of the latest changes a card names."""
_ASKED = "Git is being asked for them."
KEEP_TRIES = 10
"""How often what was shown is written beside what others write of the same incident."""


def show(incident_id: str, stage: Stage) -> Incident:
    """End what nobody repeats, and let the card say how things stand; safe to call any number of times, from anywhere.

    Raises NotFound, Unavailable where the store is away: then the clock lets somebody look again, and NeedsGit.
    """
    with stage.locks.hold(f"incident {incident_id}", wait_s=0) as lease:
        if lease is None:
            return stage.incidents.get(incident_id)
        # Slow metrics must not bring in a second worker.
        stage.incidents.later(incident_id, seconds=SLOWEST_S)
        incident = _expired(stage, stage.incidents.get(incident_id))
        if incident.settled or not incident.channel:
            # Without a channel there is nothing to show, but somebody has to see it end.
            stage.incidents.later(incident_id, seconds=REDRAWN_S)
            return incident
        shown = _shown(stage, incident)
        if shown.revision != incident.revision or shown.open:
            stage.incidents.later(incident_id, seconds=_pace(stage) if shown.open else 0)
        return shown


def _pace(stage: Stage) -> float:
    return max(REDRAWN_S, EACH_S * len(stage.incidents.open().known))


def _expired(stage: Stage, incident: Incident) -> Incident:
    """Write down the end of what nobody repeated."""
    for _ in range(KEEP_TRIES):
        now = stage.time.now()
        after = domain.expire(incident, now=now, after_s=stage.catalog.alerting.expires_s)
        if after is incident:
            return incident
        became = domain.changed(incident, after)
        try:
            return stage.incidents.commit(after, [facts_of(after, became, at=now)])
        except Conflict:
            incident = stage.incidents.get(incident.id)
    raise Unavailable(f"Too many write to {incident.id} at once.", hint="It is tried again.")


def _shown(stage: Stage, incident: Incident) -> Incident:
    scene = _surroundings(stage, incident)
    try:
        scene, route, found = _with_routes(stage, incident, scene)
    except NeedsGit:
        if not incident.drawn:
            # At once as well: that there is an incident must wait for no Git server.
            _keep(stage, stage.incident_cards.show(incident, replace(scene, unread=_ASKED)), "card", "drawn")
        raise
    if not incident.drawn:
        # At once: the first card must not wait for what is drawn on it.
        incident = _keep(stage, stage.incident_cards.show(incident, scene), "card", "drawn")
    if incident.open and route is not None:
        incident = replace(incident, stable=found.stable, points=_points(stage, incident, route, found))
    if _picture_is_due(stage, incident):
        # On record as tried whatever became of it: a Slack that takes no pictures is not asked every time.
        incident = stage.incident_cards.picture(replace(incident, charted_at=stage.time.now()), scene)
    drawn = stage.incident_cards.show(incident, scene)
    return _keep(stage, drawn, "card", "drawn", "stable", "points", "chart", "charted_at")


def _picture_is_due(stage: Stage, incident: Incident) -> bool:
    """Tell whether there is something to draw: at first, every so often, and at the end."""
    if not any(point.canary.requests or point.stable.requests for point in incident.points):
        return False
    return stage.time.now() - incident.charted_at >= PICTURE_S or not incident.open


def _keep(stage: Stage, incident: Incident, *names: str) -> Incident:
    """Write down these fields beside whatever was heard meanwhile; returns the incident as it is now."""
    seen: dict[str, Any] = {name: getattr(incident, name) for name in names}
    stored = stage.incidents.get(incident.id)
    for _ in range(KEEP_TRIES):
        after = replace(stored, **seen)
        if after == stored:
            return stored
        try:
            return stage.incidents.commit(after)
        except Conflict:
            stored = stage.incidents.get(incident.id)
    raise Unavailable(f"Too many write to {incident.id} at once.", hint="It is tried again.")


# --- what surrounds it ---------------------------------------------------------------------------------------------


def _surroundings(stage: Stage, incident: Incident) -> Scene:
    """Return what surrounds it, without its routes."""
    target = incident.target
    rollout = stage.operations.rollout(target)
    recent = tuple(stage.operations.recent(target=target, count=RECENT))
    refuses = stage.catalog.while_open(target) == domain.REFUSE
    return Scene((), "", rollout, recent, refuses)


def _with_routes(stage: Stage, incident: Incident, scene: Scene) -> tuple[Scene, Route | None, Roles]:
    """Return the scene with its routes, the one that the chart is about, and that route's roles; raise NeedsGit."""
    target, service = incident.target, stage.catalog.service(incident.target)
    try:
        routes = [route for route in stage.cluster.routes(target) if len(route.arms) > 1]
        about = [known(route, service, target, stage.operations) for route in routes]
        statuses = tuple(
            route_status(route, one, target=target, cluster=stage.cluster)
            for route, one in zip(routes, about, strict=True)
        )
    except MeshbotError as error:
        return replace(scene, unread=error.message), None, Roles()
    # Of several routes nobody can say which one is meant: then there is no chart.
    route = routes[0] if len(routes) == 1 else None
    found = about[0].roles if route else Roles()
    return replace(scene, statuses=statuses), route, found


def _points(stage: Stage, incident: Incident, route: Route, found: Roles) -> tuple[Point, ...]:
    """Return the points of the last hour: those there are, and those that are missing, as far as they can be told."""
    until = stage.time.now() - stage.catalog.cluster(incident.target.cluster).prometheus.lag_s
    last = until // SLOT_S * SLOT_S
    slots = [last - number * SLOT_S for number in range(SLOTS)]
    known = {point.at: point for point in incident.points if point.at in slots}
    # The newest first: where the metrics server is slow or away, what happens now is what people want to see.
    newest = until // SHORTEST_S * SHORTEST_S
    now = [(newest, newest - last)] if newest > last else []
    missing = [*now, *((at, SLOT_S) for at in slots if at not in known)]
    known |= {point.at: point for point in _measured(stage, incident, route, found, missing)}
    return tuple(known[at] for at in sorted(known))


def _measured(
    stage: Stage, incident: Incident, route: Route, found: Roles, stretches: list[tuple[float, float]]
) -> Iterator[Point]:
    """Yield a point for each stretch, given by its end and length in seconds, as long as the server answers."""
    subject = Subject.of(incident.target, route)
    for at, seconds in stretches:
        [measured] = stage.metrics.measure(incident.target.cluster, [subject], until=at, seconds=seconds)
        if measured.problem:
            return
        canary, stable = (measured.counts.get(name, Counts()) for name in (found.canary, found.stable))
        # What it was given an hour ago nobody knows any more; what it got was measured.
        total = canary.requests + stable.requests
        yield Point.of(at, 100.0 * canary.requests / total if total else 0.0, canary=canary, stable=stable)
