"""The one RQ job: run one operation."""

from __future__ import annotations

import os
from collections.abc import Callable

from mesh.operations import running
from mesh.operations.stage import Stage


class _Process:
    """What this process was wired with."""

    factory: Callable[[], Stage] | None = None
    built: tuple[int, Stage] | None = None
    """(process id, stage): a stage holds sockets, and those must not be shared with a forked child."""


def install(factory: Callable[[], Stage]) -> None:
    """Say how this process, or a child forked from it, makes its stage; called once by the wiring."""
    _Process.factory = factory
    _Process.built = None


def run_operation(operation_id: str) -> str:
    """Bring the operation as far as it goes now and return its state; safe to run any number of times."""
    return str(running.run(operation_id, _stage()).state)


def _stage() -> Stage:
    """Return this process's stage, made at its first job and thus after the fork."""
    if _Process.factory is None:
        raise RuntimeError("no stage is installed; start workers with `meshbot worker`, which wires them")
    if _Process.built is None or _Process.built[0] != os.getpid():
        _Process.built = (os.getpid(), _Process.factory())
    return _Process.built[1]
