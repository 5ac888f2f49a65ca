"""The buttons of a card: only those that make sense now, each saying beforehand what it will set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chat.approvals import vote_buttons
from chat.blocks import Button, Confirm
from chat.choices import CALLED, Offer, command_button, is_typable, offer, short_routes
from chat.confirming import NAMES, confirm_command
from chat.figures import short_name
from chat.locales import tr
from chat.phases import rollout_of
from chat.phrases import is_change, is_unaccepted, is_unsure, was_written, went_astray
from chat.steering import steering_buttons
from chat.tables import shares
from mesh.domain.commands import Command, Verb
from mesh.domain.grammar import format_command
from mesh.domain.operations import Operation, RouteStatus, State
from mesh.domain.plans import Plan
from mesh.domain.rollouts import Happening, Phase, Rollout
from mesh.domain.routes import shown

ROLLBACK = "meshbot.rollback"
UNDO = "meshbot.undo"
"""What Slack sends when one is pressed; the button's value is the operation's id."""
MOST_DRIFTS = 3
"""Drifted routes that get buttons: the card must stay one glance, and fit."""


def buttons(operation: Operation) -> tuple[Button, ...]:
    """Return the buttons of an operation's card: while it runs only what a rollout can be told, none for the rest."""
    rollout = rollout_of(operation)
    if rollout and rollout.active:
        return tuple(steering_buttons(operation, rollout))
    if not operation.done:
        return vote_buttons(operation)
    if rollout:
        # Choices on its record are those of a step: they were for a hold that is over.
        return tuple(_after_rollout(operation, rollout))
    if operation.command.verb is Verb.STATUS and operation.state is State.SUCCEEDED:
        return tuple(_after_status(operation))
    ways_back = _after_change(operation, operation.plan) if is_change(operation) and operation.plan else ()
    return (*ways_back, *offered(operation).buttons)


def offered(operation: Operation) -> Offer:
    """Return what the end leaves to choose from: a look where it is not all well, and what would have been clear."""
    target, worth_a_look = operation.target, is_unsure(operation) or is_unaccepted(operation) or went_astray(operation)
    status = Command(verb=Verb.STATUS, service=target.service, namespace=target.namespace, cluster=target.cluster)
    look = (CALLED + format_command(status),) if worth_a_look else ()
    return offer(look + operation.choices, asked=operation.command, target=target)


def _after_change(operation: Operation, plan: Plan) -> Iterator[Button]:
    written, verb = was_written(operation), operation.command.verb
    away = any(arm.share_after > 0 for arm in plan.arms if arm.name != plan.stable)
    astray = written and away and verb is not Verb.ROLLBACK
    # A rollback that nobody knows the end of is wanted more than ever.
    if plan.stable and (astray or is_unsure(operation)):
        yield _roll_back(operation, plan.stable)
    known = operation.state is State.SUCCEEDED or is_unaccepted(operation)
    if known and written and plan.moves and verb is not Verb.UNDO:
        yield _undo(operation, plan)


def _after_rollout(operation: Operation, rollout: Rollout) -> Iterator[Button]:
    """Yield Roll back where the canary still has the traffic that the rollout gave it."""
    left = rollout.phase in (Phase.COMPLETED, Phase.EXPIRED, Phase.STOPPED) and rollout.moves
    if left and rollout.cause is not Happening.TAKEN_OVER and operation.plan and operation.plan.stable:
        yield _roll_back(operation, operation.plan.stable)


def _after_status(operation: Operation) -> Iterator[Button]:
    """Yield Roll back when exactly one route sends traffic to a canary, and what can be done about drift.

    A route that a rollout controller owns is not ours to write.
    """
    if not operation.target.service:
        return
    led_astray = [route for route in operation.statuses if _canary_share(route) > 0 and not route.owner]
    stables = [arm.name for route in led_astray for arm in route.arms if arm.role == "stable"]
    if len(led_astray) == 1 and len(stables) == 1:
        if _is_alone(operation):
            yield _roll_back(operation, stables[0])
        else:
            yield from _run(operation, Verb.ROLLBACK, led_astray[0], place=0)
    drifted = [route for route in operation.statuses if route.drift and not route.owner]
    for at, route in enumerate(drifted[:MOST_DRIFTS]):
        yield from _run(operation, Verb.ADOPT, route, place=2 * at + 1)
        yield from _run(operation, Verb.REAPPLY, route, place=2 * at + 2)


def _is_alone(operation: Operation) -> bool:
    """Tell whether a command for the service needs not say which of its routes is meant."""
    return sum(len(route.arms) > 1 for route in operation.statuses) < 2


def _run(operation: Operation, verb: Verb, route: RouteStatus, *, place: int) -> Iterator[Button]:
    """Yield the button for a verb on one route of a status; none for a route that no command could name."""
    target, label = operation.target, tr(NAMES[verb])
    command = Command(verb=verb, service=target.service, namespace=target.namespace, cluster=target.cluster)
    if not _is_alone(operation):
        keys = [status.key for status in operation.statuses]
        label = f"{label} {short_routes(keys)[operation.statuses.index(route)]}"
        command = replace(command, route=route.key)
    if is_typable(command):
        confirm = confirm_command(command, target, known=_known(verb, route))
        yield command_button(command, label, confirm, place=place)


def _known(verb: Verb, route: RouteStatus) -> str:
    """Return the weights that a verb is about, as the status shows them."""
    if verb is Verb.REAPPLY and route.drift:
        # A card may be old: what is written again is what was written last by then.
        return tr("our last weights ({weights} when read)", weights=route.drift.written)
    if verb is Verb.ADOPT:
        # A card may be old: what is adopted is what stands there then.
        weights = shown({arm.name: arm.weight for arm in route.arms})
        return tr("the weights as they are ({weights} when read)", weights=weights)
    return next((arm.name for arm in route.arms if arm.role == "stable"), "")


def _canary_share(route: RouteStatus) -> float:
    return sum(arm.share for arm in route.arms if arm.role == "canary")


def _roll_back(operation: Operation, stable: str) -> Button:
    target = operation.target
    told = {"service": target.service, "what": tr("{stable} to 100 %", stable=short_name(stable))}
    question = tr("This sets {what} for {service} in {place}, at once.", place=_place(operation), **told)
    confirm = Confirm(tr("Roll back {service}?", service=target.service), question, tr("Roll back"))
    spoken = tr("Roll back {service}: {what}", **told)
    return Button(tr("Roll back"), ROLLBACK, operation.id, spoken, "danger", confirm)


def _place(operation: Operation) -> str:
    return f"{operation.target.cluster} / {operation.target.namespace}"


def _undo(operation: Operation, plan: Plan) -> Button:
    target = operation.target
    what = shares(plan.arms[:6], before=True) + (", …" if len(plan.arms) > 6 else "")
    told = {"service": target.service, "what": what}
    question = tr("This sets {service} in {place} back to {what}.", place=_place(operation), **told)
    confirm = Confirm(tr("Undo this change of {service}?", service=target.service), question, tr("Undo"))
    return Button(tr("Undo"), UNDO, operation.id, tr("Undo: {service} back to {what}", **told), "", confirm)
