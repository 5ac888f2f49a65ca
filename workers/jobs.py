"""The RQ jobs: run one operation, look at one cluster, send what waits for one channel."""

from __future__ import annotations

import logging

from chat.sender import Sender
from mesh.operations import looking, running
from mesh.operations.stage import Stage

log = logging.getLogger(__name__)


class _Process:
    """What this process was wired with."""

    stage: Stage | None = None
    sender: Sender | None = None


def install(stage: Stage) -> None:
    """Give this process the stage that all its jobs share; called once by the wiring, before the first job."""
    _Process.stage = stage


def install_sender(sender: Sender) -> None:
    """Give this process what sends messages; called once by the wiring, before the first job."""
    _Process.sender = sender


def run_operation(operation_id: str) -> str:
    """Bring the operation as far as it goes now and return its state; safe to run any number of times."""
    return str(running.run(operation_id, _stage()).state)


def look_at(cluster: str) -> None:
    """Judge every active rollout of the cluster once; safe to run any number of times."""
    log.debug("looked at %s: %s", cluster, looking.look(cluster, _stage()))


def send_lane(channel: str) -> None:
    """Send what waits for the channel, as far as that goes now; safe to run any number of times."""
    if _Process.sender is None:
        raise RuntimeError("no sender is installed; start workers with `meshbot worker`, which wires them")
    _Process.sender.send(channel)


def _stage() -> Stage:
    if _Process.stage is None:
        raise RuntimeError("no stage is installed; start workers with `meshbot worker`, which wires them")
    return _Process.stage
