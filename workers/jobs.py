"""The RQ jobs: run an operation, look at a cluster, draw an incident's card, post a digest, send what waits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from rq import get_current_job

from chat.sender import Sender
from mesh.domain.digests import Slot
from mesh.domain.errors import NeedsGit
from mesh.operations import incident_cards, looking, running
from mesh.operations.publishing import publish
from mesh.operations.stage import Stage
from store.jobs import FUNCTION, INCIDENT
from telemetry.tracing import span
from workers.git import budget

log = logging.getLogger(__name__)


class _Process:
    """What this process was wired with."""

    stage: Stage | None = None
    renew: Callable[[Stage], Stage] | None = None
    sender: Sender | None = None
    hand_on: HandOn | None = None


class HandOn(Protocol):
    """How a job gets to the process that may wait for Git servers; see `store.jobs.JobQueue`."""

    def __call__(self, function: str, argument: str, *, job: str, ahead: bool = False) -> None:
        """Hand it on; raises Unavailable, which the clock makes good."""


def install(stage: Stage, *, renew: Callable[[Stage], Stage] | None = None, hand_on: HandOn | None = None) -> None:
    """Give this process the stage that its jobs share; called once by the wiring, before the first job.

    `renew` is asked before each job: it returns the stage of the configuration of the moment, whole, for that job.
    `hand_on` takes what needs a Git server, in a process whose stage must not wait for one.
    """
    _Process.stage, _Process.renew, _Process.hand_on = stage, renew, hand_on


def install_sender(sender: Sender) -> None:
    """Give this process what sends messages; called once by the wiring, before the first job."""
    _Process.sender = sender


def run_operation(operation_id: str) -> str:
    """Bring the operation as far as it goes now and return its state; safe to run any number of times."""
    with span("work", {}, operation=operation_id), budget.one_job():
        try:
            return str(running.run(operation_id, _stage()).state)
        except NeedsGit as need:
            return _handed_on(FUNCTION, operation_id, need)


def look_at(cluster: str) -> None:
    """Judge every active rollout of the cluster once; safe to run any number of times."""
    log.debug("looked at %s: %s", cluster, looking.look(cluster, _stage()))


def show_incident(incident_id: str) -> None:
    """Draw the card of an incident as it is now; safe to run any number of times."""
    with budget.one_job():
        try:
            incident_cards.show(incident_id, _stage())
        except NeedsGit as need:
            _handed_on(INCIDENT, incident_id, need)


def post_digest(slot: str) -> str:
    """Bring one slot of a digest as far as it goes now and return its state; safe to run any number of times."""
    return str(publish(Slot.parse(slot), _stage()))


def send_lane(channel: str) -> None:
    """Send what waits for the channel, as far as that goes now; safe to run any number of times."""
    if _Process.sender is None:
        raise RuntimeError("no sender is installed; start workers with `meshbot worker`, which wires them")
    _Process.sender.send(channel)


def _handed_on(function: str, argument: str, need: NeedsGit) -> str:
    """Let the process that may wait for Git servers go on with the job that runs; raise Unavailable."""
    running_job = get_current_job()
    if running_job is None or _Process.hand_on is None:
        raise RuntimeError("nothing here hands on what needs a Git server; start workers with `meshbot worker`")
    _Process.hand_on(function, argument, job=running_job.id, ahead=need.ahead)
    return "handed on"


def _stage() -> Stage:
    if _Process.stage is None:
        raise RuntimeError("no stage is installed; start workers with `meshbot worker`, which wires them")
    if _Process.renew is not None:
        _Process.stage = _Process.renew(_Process.stage)
    return _Process.stage
