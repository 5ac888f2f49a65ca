"""What the audit log keeps of each step: values that are plain JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mesh.domain.approvals import Approval
from mesh.domain.commands import Command, Target
from mesh.domain.gates import GateResult
from mesh.domain.grammar import format_command
from mesh.domain.letters import Row
from mesh.domain.operations import Event, Operation, Origin, Step
from mesh.domain.plans import Plan
from mesh.domain.policy import Actor
from mesh.domain.rollouts import Rollout
from mesh.domain.terms import is_operation

MOST_ASKED = 200
"""Characters kept of what an outsider sent."""


def of_event(operation: Operation, event: Event, **more: Any) -> dict[str, Any]:
    """Return the facts of one step of an operation."""
    return {
        "at": event.at,
        "step": str(event.step),
        "operation": operation.id,
        **_who(operation.actor, operation.origin),
        **_what(operation.command, operation.target),
        "text": event.text,
        **({"by": event.by} if event.by else {}),
        **more,
    }


def of_denial(actor: Actor, origin: Origin, command: Command, target: Target, event: Event) -> dict[str, Any]:
    """Return the facts of a request that was turned away before there was an operation."""
    facts = {"at": event.at, "step": str(event.step), "operation": "", "text": event.text}
    return {**facts, **_who(actor, origin), **_what(command, target)}


def of_turning_away(actor: Actor, origin: Origin, asked: str, event: Event) -> dict[str, Any]:
    """Return the facts of a request that was turned away at the door: `asked` is kept, and was never read."""
    facts = {"at": event.at, "step": str(Step.DENIED), "operation": "", "text": event.text}
    return {**facts, **_who(actor, origin), "command": "", "target": "", "reason": "", "asked": asked[:MOST_ASKED]}


def of_stranger(hook: str, at: float, *, closed: bool) -> dict[str, Any]:
    """Return the facts of a post to a hook without the token of it, or to one that is `closed`: it has none."""
    text = f"no token opens /hooks/{hook}" if closed else f"the token of /hooks/{hook} is missing or wrong"
    facts = {"at": at, "step": str(Step.DENIED), "operation": "", "text": text, "actor": f"/hooks/{hook}"}
    return {**facts, "way": "hook", "channel": "", "command": "", "target": "", "reason": ""}


def of_configuration(text: str, seal: str) -> dict[str, Any]:
    """Return the facts of a configuration file that changed: what became of it, and the SHA-256 of the file."""
    facts = {"step": str(Step.CONFIGURED), "operation": "", "actor": "", "target": ""}
    return {**facts, "text": text, "file": seal}


def of_forgery(problem: str) -> dict[str, Any]:
    """Return the facts of a job that we never made: what is wrong with it."""
    return {"step": str(Step.FORGED), "operation": "", "actor": "", "target": "", "text": problem}


def of_loss(row: Row) -> dict[str, Any]:
    """Return the facts of a message that reached nobody."""
    letter = row.letter
    about = next((word for word in letter.key.split() if is_operation(word)), "")
    facts = {"step": str(Step.LOST), "operation": about, "message": letter.key, "channel": letter.channel}
    return {**facts, "text": row.why}


def of_plan(plan: Plan, gates: tuple[GateResult, ...]) -> dict[str, Any]:
    """Return what is about to be written and on what evidence."""
    return {
        "route": plan.label,
        "uid": plan.uid,
        "resource_version": plan.resource_version,
        "before": plan.former,
        "after": plan.weights,
        "patch": [op.as_json() for op in plan.patch],
        "plan": plan.intent,
        "gates": [asdict(result) for result in gates],
    }


def of_approval(approval: Approval) -> dict[str, Any]:
    """Return what people were asked, until when, past which freezes, and who has agreed, by canonical ids."""
    votes = [{"voter": vote.voter.user, "person": vote.person, "vote": vote.operation} for vote in approval.votes]
    demands = {one.rule: {"need": one.need, "groups": one.asked_groups, "users": one.users} for one in approval.demands}
    facts = {"plan": approval.plan, "share": approval.share, "expires_at": approval.expires_at}
    passes = {"passes": [asdict(one) for one in approval.passes]} if approval.passes else {}
    return {"approval": {**facts, "demands": demands, "votes": votes, **passes}}


def of_rollout(rollout: Rollout, gates: tuple[GateResult, ...]) -> dict[str, Any]:
    """Return where a rollout stands, why, by whom, and the evidence."""
    return {
        "phase": str(rollout.phase),
        "position": rollout.at + 1,
        "share": rollout.current.share,
        "why": rollout.why,
        "move": rollout.move,
        **({"adopted": asdict(rollout.adopted)} if rollout.adopted else {}),
        "gates": [asdict(result) for result in gates],
    }


def _who(actor: Actor, origin: Origin) -> dict[str, Any]:
    return {"actor": actor.user, "team": actor.team, "way": origin.way, "channel": origin.channel}


def _what(command: Command, target: Target) -> dict[str, Any]:
    of = {"rollout": command.rollout} if command.rollout else {}
    return {"command": format_command(command), "target": str(target), "reason": command.reason, **of}
