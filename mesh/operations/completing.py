"""What a request left out, found on record before anything is written; where it cannot be, nothing was started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from mesh.domain.commands import Command, Target, Verb
from mesh.domain.errors import NotFound, Unavailable
from mesh.domain.operations import Operation, Origin, State, Step
from mesh.operations.desk import Desk
from mesh.operations.freezing import scope_of


@contextmanager
def nothing_started() -> Iterator[None]:
    """Let whatever is Unavailable inside say that nothing was started: for reads that come before the write."""
    try:
        yield
    except Unavailable as error:
        said = f"{error.message.removesuffix('.')}, so nothing was started."
        raise Unavailable(said, hint=error.hint, lapse=error.lapse) from error


def completed(desk: Desk, command: Command, origin: Origin) -> tuple[Command, Target]:
    """Return the command with what it left out, and what it is about; raise NotFound, Unavailable."""
    if command.verb is Verb.UNFREEZE and command.operation:
        return command, scope_of(desk, command.operation)
    command = _completed(desk, command, origin)
    return command, desk.catalog.target(command)


def _completed(desk: Desk, command: Command, origin: Origin) -> Command:
    """Let a vote name its service, and `undo` the operation with its service and route, whichever of them was typed.

    A service whose changes are not on record goes on without an operation: the object may remember the last one.
    """
    if command.votes:
        where = desk.operations.get(command.operation).target
        return replace(command, service=where.service, namespace=where.namespace, cluster=where.cluster)
    if command.verb is not Verb.UNDO or command.route:
        return command
    former = _named(desk, command) if command.operation else _last_change(desk, command, origin)
    if former is None:
        return command
    where = former.target
    return replace(
        command,
        operation=former.id,
        service=where.service,
        namespace=where.namespace,
        cluster=where.cluster,
        route=former.command.route,
    )


def _named(desk: Desk, command: Command) -> Operation:
    try:
        return desk.operations.get(command.operation)
    except NotFound as error:
        hint = "If it was the last change of a service, undo that: /mesh undo <service>. The route remembers it."
        raise NotFound(error.message, hint=hint) from error


def _last_change(desk: Desk, command: Command, origin: Origin) -> Operation | None:
    if command.service:
        found = desk.operations.recent(target=desk.catalog.target(command), whole=True)
    else:
        found = desk.operations.recent(channel=origin.channel, whole=True)
    for operation in found:
        written = operation.state is State.SUCCEEDED or operation.patch_step is Step.UNACCEPTED
        # A word to a rollout carries the plan of the rollout's step, and wrote nothing of it.
        if written and operation.plan and operation.plan.moves and not operation.command.steers:
            return operation
    if command.service:
        return None
    raise NotFound("There is no change from this channel to undo.", hint="Name the service: /mesh undo api")
