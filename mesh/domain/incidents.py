"""An incident: the one open thing of a service, made of the alerts that a monitoring system says are firing. Pure.

What is heard may come twice (a pair of Alertmanagers), late, in another order, or without ever being taken back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mesh.domain.commands import Target
from mesh.domain.gates import GateResult, Verdict
from mesh.domain.operations import Card, Operation, RouteStatus
from mesh.domain.points import Point

REORDERED_S = 600.0
"""For how long after an alert's end was heard an older "firing" of it counts as late, in seconds. Who still says so
after that is no straggler: it does fire."""
EXPIRES_S = 5 * 3600.0
"""How long an alert that nobody repeats stays open, in seconds; a little more than Alertmanager's own
`repeat_interval` of four hours, or every long incident would end for a moment."""
MOST_ENDED = 200
"""How many alerts that are over an incident keeps."""
_OTHERS = re.compile(r"[^A-Za-z0-9 _.:/-]|(?<![A-Za-z0-9])\.|\.(?![A-Za-z0-9])")
REFUSE, WARN = "refuse", "warn"
"""What an open incident does to promotions of its service."""


@dataclass(frozen=True)
class Said:
    """What one notification says of one alert. Its words are a stranger's."""

    fingerprint: str
    firing: bool
    name: str
    severity: str
    summary: str
    since: float
    """When it began to fire: Unix time in seconds."""
    ended_at: float = 0.0
    """When it ended; 0 while it fires."""


@dataclass(frozen=True)
class Notification:
    """What came in one message, of one service."""

    said: tuple[Said, ...]
    group: str = ""
    """Name of the group of alerts that it is about."""
    truncated: bool = False
    """True where the group has more alerts than the message: those it does not name are as they were."""


@dataclass(frozen=True)
class Alert:
    """One alert of an incident."""

    fingerprint: str
    name: str
    severity: str
    summary: str
    since: float
    """When it began to fire: Unix time in seconds."""
    heard_at: float
    """When it was spoken of last."""
    ended_at: float = 0.0
    """When it ended; 0 while it fires."""
    group: str = ""

    @property
    def firing(self) -> bool:
        """True until its end was heard."""
        return not self.ended_at


@dataclass(frozen=True)
class Incident:
    """What is wrong with one service, from its first alert to the end of its last one."""

    id: str
    target: Target
    opened_at: float = 0.0
    """When the first alert was heard: Unix time in seconds; 0 for a record that only remembers ends."""
    channel: str = ""
    """Where its card is; empty for nowhere."""
    alerts: tuple[Alert, ...] = ()
    past: tuple[Alert, ...] = ()
    """Alerts that ended lately and are none of this incident: an older "firing" of theirs must not open it."""
    ended_at: float = 0.0
    """When its last alert ended, as it was heard; 0 while it is open."""
    why_ended: str = ""
    former: str = ""
    """Id of the incident of the same service before it; empty for the first."""
    card: Card | None = None
    drawn: str = ""
    """Digest of what its card shows; empty before the first drawing."""
    stable: str = ""
    """The arm that its card calls stable: what Roll back promises."""
    points: tuple[Point, ...] = ()
    """What its chart shows, oldest first."""
    chart: str = ""
    """Slack's id of the picture on its card; empty without one."""
    charted_at: float = 0.0
    """When a picture was last tried: Unix time in seconds."""
    revision: int = 0
    """Count of writes to the store; 0 for one that is not there yet."""

    @property
    def open(self) -> bool:
        """True while an alert of it fires."""
        return bool(self.opened_at) and not self.ended_at

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that fire, the oldest first."""
        return tuple(sorted((one for one in self.alerts if one.firing), key=lambda one: (one.since, one.fingerprint)))

    @property
    def settled(self) -> bool:
        """True when nothing more is to be drawn: it is over, and the newest drawing says so."""
        return not self.open and (not self.opened_at or not self.channel or self.drawn.startswith(ENDED))


ENDED = "ended:"
"""How the digest of a drawing begins that shows the end."""


@dataclass(frozen=True)
class Scene:
    """What surrounds an incident at this moment, for its card."""

    statuses: tuple[RouteStatus, ...] = ()
    """The routes of the service as they are now."""
    unread: str = ""
    """Why they could not be read; empty where they were."""
    rollout: Operation | None = None
    """The rollout under way."""
    recent: tuple[Operation, ...] = ()
    """The latest changes of the service, newest first."""
    refuses: bool = True
    """Whether it holds up promotions."""


def hear(former: Incident | None, blank: Incident, notification: Notification, *, now: float) -> Incident:
    """Return the service's incident after a notification: `former` gone on, ended, or followed by a new one.

    `former` is the newest incident of the service, open or not; `blank` a fresh record for a new one. What was heard
    before, or comes too late to be true, changes nothing but when it was heard.
    """
    base = former or blank
    own = {one.fingerprint for one in base.alerts} if base.open else set()
    merged = _merged(base, notification, now)
    if base.open:
        joined = tuple(one for one in merged if one.fingerprint in own or one.firing)
        return _ended(replace(base, alerts=_kept(joined), past=_lately(merged, joined, now)), now)
    firing = tuple(one for one in merged if one.firing)
    if firing:
        past = _lately(merged, firing, now)
        return replace(blank, opened_at=now, alerts=firing, past=past, former=former.id if former else "")
    mine = {one.fingerprint for one in base.alerts}
    alerts = tuple(one for one in merged if one.fingerprint in mine)
    return replace(base, alerts=alerts, past=_lately(merged, alerts, now), ended_at=base.ended_at or now)


def expire(incident: Incident, *, now: float, after_s: float) -> Incident:
    """Return the incident without the alerts that nobody repeated for `after_s` seconds; it may have ended by that."""
    silent = {one.fingerprint for one in incident.firing if now - one.heard_at >= after_s}
    if not silent:
        return incident
    alerts = tuple(replace(one, ended_at=now) if one.fingerprint in silent else one for one in incident.alerts)
    return _ended(replace(incident, alerts=alerts), now, f"nobody repeated it for {after_s / 3600:g} h")


def changed(before: Incident | None, after: Incident) -> str:
    """Return what became of it, `opened`, `changed` or `closed`; an empty string where nothing did."""
    if before is None or before.id != after.id:
        return "opened" if after.open else ""
    if before.open and not after.open:
        return "closed"
    return "changed" if after.open and _shape(before) != _shape(after) else ""


def in_words(incident: Incident) -> str:
    """Return `in-k3v9x2m4ta: HighErrorRate (critical) and 2 more`: plain text that formats nothing anywhere."""
    firing = incident.firing or incident.alerts
    if not firing:
        return incident.id
    name, severity = _harmless(firing[0].name) or "an alert", _harmless(firing[0].severity)
    first = f"{name} ({severity})" if severity else name
    more = f" and {len(firing) - 1} more" if len(firing) > 1 else ""
    return f"{incident.id}: {first}{more}"


def _harmless(word: str) -> str:
    """Return a stranger's word with nothing in it but what names of alerts are made of, as one word.

    Spaces and the stops of sentences are left out: several words would read as if we had said them.
    """
    return "_".join(_OTHERS.sub("?", word).split()).strip("_")[:80]


def judge_incident(incident: Incident | None, policy: str, *, service: str, at: float) -> tuple[GateResult, ...]:
    """Return the gate of an open incident, for whatever raises an arm that is not stable; no row where none is open.

    By `policy` it fails (`refuse`), or passes with its reason (`warn`).
    """
    if incident is None or not incident.open:
        return ()
    count = len(incident.firing)
    why = f"incident {in_words(incident)}"
    verdict = Verdict.PASS if policy == WARN else Verdict.FAIL
    return (GateResult(ALERTS, service, verdict, float(count), 0.0, ALERTS, 0, 0, why, at_most=True, at=at),)


def unknown_incident(why: str, *, service: str, at: float) -> tuple[GateResult, ...]:
    """Return the gate where nobody can say whether an incident is open: it holds."""
    said = f"whether an incident is open is not known: {why}"
    return (GateResult(ALERTS, service, Verdict.UNKNOWN, None, 0.0, ALERTS, 0, 0, said, at_most=True, at=at),)


ALERTS = "alerts"
"""Name, and unit, of that gate."""


# --- alerts --------------------------------------------------------------------------------------------------------


def _merged(base: Incident, notification: Notification, now: float) -> tuple[Alert, ...]:
    known = {one.fingerprint: one for one in (*base.past, *base.alerts)}
    for said in notification.said:
        known[said.fingerprint] = _joined(known.get(said.fingerprint), said, notification.group, now)
    if notification.truncated:
        # Not every alert of the group is named: silence says nothing of the others.
        for one in known.values():
            if one.firing and one.group == notification.group:
                known[one.fingerprint] = replace(one, heard_at=now)
    return tuple(known.values())


def _joined(known: Alert | None, said: Said, group: str, now: float) -> Alert:
    """Return what is true of one alert after `said`."""
    fresh = Alert(said.fingerprint, said.name, said.severity, said.summary, said.since, now, group=group)
    if said.firing:
        if known is None:
            return fresh
        if known.firing:
            # The later beginning counts: the end of an earlier round must not close this one.
            return replace(fresh, since=max(known.since, said.since))
        late = said.since < known.ended_at and now - known.heard_at < REORDERED_S
        return known if late else fresh
    # An end in the future is somebody's wrong clock, and would make stragglers of true alerts.
    ended_at = min(said.ended_at or now, now)
    if known is None:
        return replace(fresh, ended_at=ended_at)
    if known.firing and ended_at < known.since:
        return known
    return replace(known, ended_at=max(known.ended_at, ended_at), heard_at=now)


def _lately(merged: Sequence[Alert], but: Iterable[Alert], now: float) -> tuple[Alert, ...]:
    """Return the alerts that are over, not among `but`, and heard of lately: what is older can be no straggler's."""
    others = {one.fingerprint for one in but}
    found = [one for one in merged if one.fingerprint not in others and now - one.heard_at < REORDERED_S]
    return tuple(found[-MOST_ENDED:])


def _kept(alerts: Sequence[Alert]) -> tuple[Alert, ...]:
    """Return all that fire, and the newest of those that are over."""
    over = [one.fingerprint for one in sorted(alerts, key=lambda one: one.heard_at) if not one.firing]
    dropped = set(over[:-MOST_ENDED])
    return tuple(one for one in alerts if one.fingerprint not in dropped)


def _ended(incident: Incident, now: float, why: str = "every alert is resolved") -> Incident:
    return incident if incident.firing else replace(incident, ended_at=now, why_ended=why)


def _shape(incident: Incident) -> frozenset[tuple[str, bool, str]]:
    return frozenset((one.fingerprint, one.firing, one.severity) for one in incident.alerts)
