"""The step-up check: before something is given more traffic, another system is asked whether this person is proven.

What it is asked and what it may answer. Pure; `workers/stepup.py` asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mesh.domain.commands import Target, Verb
from mesh.domain.scopes import Scope, fits

PROVABLE = frozenset(
    {Verb.PROMOTE, Verb.SET, Verb.UNDO, Verb.REAPPLY, Verb.CANARY}
    | {Verb.RESUME, Verb.SKIP, Verb.CONFIRM, Verb.APPROVE}
)  # fmt: skip
"""Verbs that can give something more traffic, and the vote for that. Nobody proves anything to send traffic back."""


@dataclass(frozen=True)
class StepUp:
    """Whom to ask about what."""

    url: str
    """Address of the other system."""
    token_file: str
    """Path of the bearer token that it knows us by."""
    ca_file: str = ""
    """Path of the certificates that it is trusted by; empty for those of the machine."""
    scope: Scope = field(default_factory=Scope)
    verbs: tuple[str, ...] = ("*",)
    """Those of `PROVABLE`, or `*` for all of them."""
    timeout_s: float = 3.0
    """How long the whole answer may take, in seconds."""
    valid_for_s: float = 3600.0
    """How long a yes counts for the same person, operation and plan, in seconds."""

    def asks(self, verb: Verb, target: Target) -> bool:
        """Tell whether it is asked about this verb on this target."""
        return verb in PROVABLE and fits(self.verbs, verb) and self.scope.covers(target)


@dataclass(frozen=True)
class Question:
    """What is asked: may this person go on with this."""

    user: str
    """Slack user id."""
    person: str
    """The canonical id: the same for all accounts of one person."""
    operation: str
    """Id of the operation that is to be carried out, or voted for."""
    verb: str
    target: Target
    plan: str
    """Hash of what is to be done: the object and its weights, for a rollout with all steps."""


@dataclass(frozen=True)
class Proof:
    """What came of the question."""

    allow: bool = False
    reason: str = ""
    """The other system's words, for the person alone."""
    url: str = ""
    """Where the person can prove that it is them; for the person alone."""
    trouble: str = ""
    """Why there is no answer: then it is no, and nobody knows more."""
