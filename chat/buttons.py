"""The buttons of a card: only those that make sense now, each saying beforehand what it will set."""

from __future__ import annotations

from collections.abc import Iterator

from chat.blocks import Button, Confirm
from chat.figures import short_name
from chat.phrases import is_change, is_unsure, was_written
from chat.tables import shares
from mesh.domain.commands import Verb
from mesh.domain.operations import Operation, RouteStatus, State
from mesh.domain.plans import Plan

ROLLBACK = "meshbot.rollback"
UNDO = "meshbot.undo"
"""What Slack sends when one is pressed; the button's value is the operation's id."""


def buttons(operation: Operation) -> tuple[Button, ...]:
    """Return the buttons of an operation's card: none while it runs, none where nothing could be set back."""
    if not operation.done:
        return ()
    if operation.command.verb is Verb.STATUS and operation.state is State.SUCCEEDED:
        return tuple(_after_status(operation))
    if is_change(operation) and operation.plan:
        return tuple(_after_change(operation, operation.plan))
    return ()


def _after_change(operation: Operation, plan: Plan) -> Iterator[Button]:
    written, verb = was_written(operation), operation.command.verb
    away = any(arm.share_after > 0 for arm in plan.arms if arm.name != plan.stable)
    astray = written and away and verb is not Verb.ROLLBACK
    # A rollback that nobody knows the end of is wanted more than ever.
    if plan.stable and (astray or is_unsure(operation)):
        yield _roll_back(operation, f"{short_name(plan.stable)} to 100 %")
    if operation.state is State.SUCCEEDED and written and verb is not Verb.UNDO:
        yield _undo(operation, plan)


def _after_status(operation: Operation) -> Iterator[Button]:
    """Yield Roll back when exactly one route sends traffic to a canary: with two, a button would not say which."""
    if not operation.target.service:
        return
    led_astray = [route for route in operation.statuses if _canary_share(route) > 0]
    stables = [arm.name for route in led_astray for arm in route.arms if arm.role == "stable"]
    if len(led_astray) == 1 and len(stables) == 1:
        yield _roll_back(operation, f"{short_name(stables[0])} to 100 %")


def _canary_share(route: RouteStatus) -> float:
    return sum(arm.share for arm in route.arms if arm.role == "canary")


def _roll_back(operation: Operation, what: str) -> Button:
    target = operation.target
    question = f"This sets {what} for {target.service} in {target.cluster} / {target.namespace}, at once."
    confirm = Confirm(f"Roll back {target.service}?", question, "Roll back")
    return Button("Roll back", ROLLBACK, operation.id, f"Roll back {target.service}: {what}", "danger", confirm)


def _undo(operation: Operation, plan: Plan) -> Button:
    target = operation.target
    what = shares(plan.arms[:6], before=True) + (", …" if len(plan.arms) > 6 else "")
    question = f"This sets {target.service} in {target.cluster} / {target.namespace} back to {what}."
    confirm = Confirm(f"Undo this change of {target.service}?", question, "Undo")
    return Button("Undo", UNDO, operation.id, f"Undo: {target.service} back to {what}", "", confirm)
