"""The one RQ job: run one operation."""

from __future__ import annotations

from mesh.operations import running
from mesh.operations.stage import Stage


class _Process:
    """What this process was wired with."""

    stage: Stage | None = None


def install(stage: Stage) -> None:
    """Give this process the stage that all its jobs share; called once by the wiring, before the first job."""
    _Process.stage = stage


def run_operation(operation_id: str) -> str:
    """Bring the operation as far as it goes now and return its state; safe to run any number of times."""
    if _Process.stage is None:
        raise RuntimeError("no stage is installed; start workers with `meshbot worker`, which wires them")
    return str(running.run(operation_id, _Process.stage).state)
