"""Hearing alerts: which service they are about, what becomes of its incident, written down before anybody is told."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mesh.domain import incidents as domain
from mesh.domain.catalog import Catalog
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import Conflict, Unavailable, Unreadable
from mesh.domain.gates import GateResult, Verdict
from mesh.domain.incidents import Incident, Notification, Said
from mesh.domain.plans import Plan
from mesh.operations.desk import Desk
from mesh.operations.naming import new_incident_id
from mesh.ports import Incidents, Open, Time

TRIES = 20
"""How often an incident is read again because others wrote to it at the same time; each round one of them succeeds."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labelled:
    """One alert as it came in, with the labels that say what it is about."""

    labels: Mapping[str, str]
    said: Said


@dataclass(frozen=True)
class Mail:
    """One message of Alertmanager, read and checked."""

    alerts: tuple[Labelled, ...]
    group: str = ""
    truncated: bool = False


@dataclass(frozen=True)
class Heard:
    """What became of one message."""

    incidents: tuple[str, ...] = ()
    """Ids of the incidents that it is about."""
    ignored: int = 0
    """How many of its alerts are about no service of the configuration."""


def hear(desk: Desk, mail: Mail) -> Heard:
    """Join every alert to the incident of its service, opening one where there is none; repeats change nothing.

    Raises Unavailable when the store is away: then the sender must come again, and may.
    """
    found: dict[Target, list[Said]] = {}
    ignored: list[Labelled] = []
    for alert in mail.alerts:
        target = about(desk.catalog, alert.labels)
        if target is None:
            ignored.append(alert)
        else:
            found.setdefault(target, []).append(alert.said)
    if ignored:
        names = sorted({alert.said.name for alert in ignored})
        log.info("ignored %d alerts of no configured service: %s", len(ignored), ", ".join(map(repr, names[:10])))
    ids, unread = [], None
    for target, said in found.items():
        try:
            ids.append(_written(desk, target, Notification(tuple(said), mail.group, mail.truncated)))
        except Unreadable as error:
            # A newer meshbot wrote its incident, and hears the next try; the alerts of other services count at once.
            unread = error
    if unread is not None:
        raise unread
    return Heard(tuple(one for one in ids if one), len(ignored))


def about(catalog: Catalog, labels: Mapping[str, str]) -> Target | None:
    """Return the configured service that an alert's labels name; None where they name none."""
    alerting = catalog.alerting
    cluster = _first(labels, alerting.cluster_labels)
    if cluster and cluster not in {one.name for one in catalog.clusters}:
        return None
    namespace = _first(labels, alerting.namespace_labels)
    for name in alerting.service_labels:
        # Nobody typed it: what is no configured service is not even read.
        service = labels.get(name, "")
        target = catalog.target(Command(verb=Verb.STATUS, service=service, namespace=namespace, cluster=cluster))
        if service and catalog.knows(target):
            return target
    return None


def open_incidents(desk: Desk, command: Command) -> Open:
    """Return what is open, of one service or of all, the oldest first."""
    now, after_s, found = desk.time.now(), desk.catalog.alerting.expires_s, desk.incidents.open()
    known = [domain.expire(one, now=now, after_s=after_s) for one in found.known]
    target = desk.catalog.target(command) if command.service else None
    return Open(
        tuple(one for one in known if one.open and target in (None, one.target)),
        {one: why for one, why in found.unread.items() if target in (None, one)},
    )


@dataclass(frozen=True)
class Guard:
    """Asks whether an incident holds up what raises a canary."""

    catalog: Catalog
    incidents: Incidents
    time: Time

    def judge(self, target: Target) -> tuple[GateResult, ...]:
        """Return the gate of the service's open incident: no row without one, *unknown* where the store is away."""
        now = self.time.now()
        try:
            found = self.incidents.newest(target)
        except Unavailable as error:
            return _unknown(target, error.message, now)
        return self._row(target, found, now)

    def judge_plan(self, plan: Plan, target: Target) -> tuple[GateResult, ...]:
        """Return the same for a plan; no row for one that raises nothing but stable."""
        return self.judge(target) if plan.judged or plan.exposed else ()

    def judge_all(self, targets: Iterable[Target]) -> Mapping[Target, tuple[GateResult, ...]]:
        """Return the same for many services, with one question."""
        now = self.time.now()
        try:
            found = self.incidents.open()
        except Unavailable as error:
            return {one: _unknown(one, error.message, now) for one in targets}
        rows = {one.target: self._row(one.target, one, now) for one in found.known}
        return rows | {one: _unknown(one, why, now) for one, why in found.unread.items()}

    def _row(self, target: Target, found: Incident | None, now: float) -> tuple[GateResult, ...]:
        if found is not None:
            # Not trusted to the worker that ends it on record: that one may be late.
            found = domain.expire(found, now=now, after_s=self.catalog.alerting.expires_s)
        return domain.judge_incident(found, self.catalog.while_open(target), service=target.service, at=now)


def _unknown(target: Target, why: str, now: float) -> tuple[GateResult, ...]:
    return domain.unknown_incident(why.removesuffix("."), service=target.service, at=now)


def warned(plan: Plan, rows: Iterable[GateResult]) -> Plan:
    """Return the plan with a warning for each incident that is open and holds up nothing."""
    found = [f"an open {row.why}" for row in rows if row.name == domain.ALERTS and row.verdict is Verdict.PASS]
    return replace(plan, warnings=(*plan.warnings, *found))


def facts_of(incident: Incident, became: str, *, at: float) -> dict[str, Any]:
    """Return what the audit log keeps of a change of an incident."""
    return {
        "at": at,
        "step": f"incident {became}",
        "operation": "",
        "incident": incident.id,
        "target": str(incident.target),
        "channel": incident.channel,
        "actor": "alertmanager",
        "command": "",
        "reason": "",
        "text": incident.why_ended if became == "closed" else domain.in_words(incident),
        "alerts": [
            {"fingerprint": one.fingerprint, "name": one.name, "severity": one.severity, "firing": one.firing}
            for one in incident.alerts
        ],
    }


def _written(desk: Desk, target: Target, notification: Notification) -> str:
    """Write what became of the service's incident; returns its id, or nothing where it was news of the past."""
    for _ in range(TRIES):
        now = desk.time.now()
        stored = desk.incidents.newest(target)
        former = domain.expire(stored, now=now, after_s=desk.catalog.alerting.expires_s) if stored else None
        blank = Incident(new_incident_id(), target, channel=desk.catalog.incident_channel(target))
        after = domain.hear(former, blank, notification, now=now)
        became = domain.changed(stored, after)
        try:
            # A repeat is written, too: an alert that is spoken of has not expired.
            desk.incidents.commit(after, [facts_of(after, became, at=now)] if became else [])
        except Conflict:
            continue
        return after.id if after.opened_at else ""
    raise Unavailable("Too many messages about one service came at once.", hint="Send it again.")


def _first(labels: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")
