"""Hearing a request: complete it, authorise it, write it down; all that must happen before the acknowledgement."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from mesh.domain.catalog import Catalog
from mesh.domain.commands import ANSWERED_BY_BOT, Command, Target, Verb
from mesh.domain.errors import Denied, NotFound, Unavailable
from mesh.domain.floods import Floods
from mesh.domain.grammar import format_command
from mesh.domain.operations import Event, Operation, Origin, State, Step
from mesh.domain.policy import Actor, Role, is_member, named_groups
from mesh.operations import facts
from mesh.operations.authorising import authorise
from mesh.operations.naming import new_id
from mesh.ports import Directory, Operations, Receipt, Time

PATIENCE_S = 120.0
"""A change still queued after this long expires: nobody wants their promotion to happen out of the blue later."""


@dataclass(frozen=True)
class Desk:
    """What receiving needs."""

    catalog: Catalog
    operations: Operations
    directory: Directory
    time: Time
    floods: Floods = field(default_factory=Floods)
    """What was asked for lately, here."""


@dataclass(frozen=True)
class Whoami:
    """What meshbot knows of one person."""

    actor: Actor
    groups: frozenset[str]
    """The usergroups that the policy names and the person is in."""
    roles: tuple[Role, ...]


def receive(desk: Desk, command: Command, actor: Actor, origin: Origin, *, dedupe: str) -> Receipt:
    """Authorise the command and write one durable operation for it; a repeated delivery gives the first one back.

    `dedupe` names the delivery (Slack's trigger id, event id or action). Raises Denied, NotFound, Refused where
    too much is asked for at once, and Unavailable when the store did not answer; the message says whether anything may
    have been started.
    """
    if command.verb in ANSWERED_BY_BOT:
        raise ValueError(f"{command.verb} makes no operation")
    with nothing_started():
        command = _completed(desk, command, origin)
    target = desk.catalog.target(command)
    groups = _authorised(desk, command, actor, origin, target)
    operation = replace(_new(desk, command, actor, origin, target), groups=tuple(sorted(groups)))
    # Leaves no audit entry: a flood must not become one of the log as well.
    desk.floods.check(operation)
    intent = f"{actor.user} {target} {format_command(command)}"
    return desk.operations.receive(
        operation, dedupe=dedupe, intent=intent, facts=facts.of_event(operation, operation.story[0])
    )


@contextmanager
def nothing_started() -> Iterator[None]:
    """Let whatever is Unavailable inside say that nothing was started: for reads that come before the write."""
    try:
        yield
    except Unavailable as error:
        raise Unavailable(f"{error.message.removesuffix('.')}, so nothing was started.", hint=error.hint) from error


def history(desk: Desk, command: Command) -> list[Operation]:
    """Return the latest changes of a service, newest first."""
    return desk.operations.recent(target=desk.catalog.target(command))


def whoami(desk: Desk, actor: Actor) -> Whoami:
    """Return the person's groups and roles; raise Unavailable when Slack does not say who is in which group."""
    groups = desk.directory.groups(actor, named_groups(desk.catalog.policy))
    mine = tuple(role for role in desk.catalog.policy.roles if is_member(role, actor, groups))
    return Whoami(actor, groups, mine)


def _completed(desk: Desk, command: Command, origin: Origin) -> Command:
    """Let `undo` name the operation with its service and route, whichever of them was typed.

    A service whose changes are not on record goes on without an operation: the object may remember the last one.
    """
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
        found = desk.operations.recent(target=desk.catalog.target(command))
    else:
        found = desk.operations.recent(channel=origin.channel)
    for operation in found:
        written = operation.state is State.SUCCEEDED or operation.patch_step is Step.UNACCEPTED
        # A word to a rollout carries the plan of the rollout's step, and wrote nothing of it.
        if written and operation.plan and operation.plan.moves and not operation.command.steers:
            return operation
    if command.service:
        return None
    raise NotFound("There is no change from this channel to undo.", hint="Name the service: /mesh undo api")


def _authorised(desk: Desk, command: Command, actor: Actor, origin: Origin, target: Target) -> frozenset[str]:
    """Return the usergroups that counted; raise Denied, with an audit entry."""
    grant = authorise(desk.catalog, desk.directory, command, actor, target)
    verdict = grant.decision
    if verdict.allowed:
        return grant.groups
    event = Event(Step.DENIED, desk.time.now(), verdict.why)
    desk.operations.audit(facts.of_denial(actor, origin, command, target, event))
    raise Denied(
        f"You may not {command.verb} {target.service}: {verdict.why}.",
        hint="An administrator grants rights in the policy; /mesh whoami shows yours.",
    )


def _new(desk: Desk, command: Command, actor: Actor, origin: Origin, target: Target) -> Operation:
    now = desk.time.now()
    return Operation(
        id=new_id(),
        command=command,
        target=target,
        actor=actor,
        origin=origin,
        created_at=now,
        story=(Event(Step.QUEUED, now),),
        deadline=now + PATIENCE_S,
    )
