"""Proving that it is you: a second system is asked before anything is given more traffic. Without its yes, no."""

from __future__ import annotations

from mesh.domain.commands import Target, Verb
from mesh.domain.errors import Denied, Refused, Unavailable
from mesh.domain.limits import rise_of
from mesh.domain.operations import Event, Operation, Step
from mesh.domain.plans import Plan
from mesh.domain.stepups import Proof, Question, StepUp
from mesh.operations import facts
from mesh.operations.persons import persons_of
from mesh.operations.recording import LeftToTheNext
from mesh.operations.stage import Stage
from mesh.operations.voting import the_approval

_BACK = "Nothing was changed. Going back needs no proof."


def prove_for_plan(stage: Stage, operation: Operation, plan: Plan, hashed: str) -> None:
    """Raise Denied, or Refused where there is no answer, unless whoever asked may give more traffic by this plan.

    Not asked: what sends traffic back, and a step of a rollout, whose person was asked at its start about all of them.
    """
    command = operation.command
    if rise_of(plan) and command.verb is not Verb.ROLLBACK and not command.rollout:
        _prove(stage, operation, operation.target, about=operation.id, hashed=hashed)


def prove_for_step(stage: Stage, operation: Operation, rollout: Operation) -> None:
    """Raise as above unless whoever says this word to a rollout may give its canary more traffic."""
    _prove(stage, operation, rollout.target, about=rollout.id, hashed=rollout.plan.intent if rollout.plan else "")


def prove_for_vote(stage: Stage, vote: Operation, waiting: Operation) -> None:
    """Raise as above unless whoever votes for it may; the vote that lets Flagger roll back needs no proof."""
    if waiting.command.hook != "rollback":
        _prove(stage, vote, waiting.target, about=waiting.id, hashed=the_approval(waiting).plan)


def _prove(stage: Stage, operation: Operation, target: Target, *, about: str, hashed: str) -> None:
    rule, verb, actor = stage.catalog.step_up, operation.command.verb, operation.actor
    if rule is None or not rule.asks(verb, target):
        return
    try:
        person = persons_of(stage.catalog, stage.directory, (actor,))[actor.user]
    except Unavailable as error:
        proof = Proof(trouble=f"Slack could not say who this is: {error.message}")
    else:
        proof = _asked(stage, rule, Question(actor.user, person, about, str(verb), target, hashed))
    _note(stage, operation, proof, about=about, hashed=hashed)
    if not proof.allow:
        _refuse(stage, operation, proof)


def _asked(stage: Stage, rule: StepUp, question: Question) -> Proof:
    if stage.prover is None:
        return Proof(trouble="this process cannot ask")
    try:
        return stage.prover.ask(rule, question)
    except Unavailable as error:
        # Nobody knows whether they proved it before: to refuse them now could be wrong, to go on as well.
        raise LeftToTheNext(error.message) from error


def _note(stage: Stage, operation: Operation, proof: Proof, *, about: str, hashed: str) -> None:
    """Put the answer into the audit log, a yes as well as a no; without its address, which may be a key."""
    step, text = Step.PROVEN if proof.allow else Step.UNPROVEN, proof.trouble or proof.reason
    entry = facts.of_event(operation, Event(step, stage.time.now(), text), about=about, plan_hash=hashed)
    try:
        stage.operations.audit(entry)
    except Unavailable as error:
        # What nobody could read up later must not happen.
        raise LeftToTheNext(error.message) from error


def _refuse(stage: Stage, operation: Operation, proof: Proof) -> None:
    """Say no on the card, without the other system's words, which are for the person alone."""
    if proof.trouble:
        raise Refused(
            "The step-up check gave no answer, so it counts as no.",
            hint=f"{_BACK} Whoever runs meshbot finds the cause in the audit log.",
        )
    shown = stage.whispers is not None and stage.whispers.proof_wanted(operation, proof)
    message = "The step-up check wants proof that it is you." if proof.url else "The step-up check said no."
    then = "Only you were shown what to do." if shown else "Slack did not show you why. Repeat it to be told."
    raise Denied(message, hint=f"{_BACK} {then}")
