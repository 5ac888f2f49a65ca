"""Who people are, where they stand, and whether they are who they seem to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mesh.domain.outsiders import Outsider
from mesh.domain.policy import Actor
from mesh.domain.stepups import Proof, Question, StepUp


@dataclass(frozen=True)
class Place:
    """What matters of a channel."""

    shared: bool
    """People of another organisation read along."""
    joined: bool
    """The app can post there."""
    archived: bool = False

    @property
    def ours(self) -> bool:
        """True while a role may be bound to it: only people of our own are in it, and it is in use."""
        return not (self.shared or self.archived)


class Directory(Protocol):
    """Who people are, which usergroups hold them, and what channels are."""

    def place(self, channel: str) -> Place:
        """Return what a channel is; one that the app does not see is not shared. Raises Unavailable."""

    def active(self, actor: Actor) -> bool:
        """Tell whether the actor is a full member of the home workspace: no guest, bot, stranger or leaver.

        Raises Unavailable when that cannot be known.
        """

    def groups(self, actor: Actor, named: frozenset[str]) -> frozenset[str]:
        """Return those of the `named` usergroups the actor is in; raise Unavailable when that cannot be known."""

    def person(self, actor: Actor) -> str:
        """Return the id that all accounts of this person share, as far as Slack knows: that of the organisation.

        The user's own id where there is no other. Raises Unavailable when that cannot be known.
        """

    def changed_lately(self, actor: Actor, groups: frozenset[str], channel: str) -> bool:
        """Tell whether Slack told of a change of the person, a group or the channel within the last minutes.

        Never raises: what nobody can tell counts as unchanged, for a minute at most.
        """


class People(Protocol):
    """Who stands at the door, and where: asked before anything else is done for a request."""

    def outsider(self, actor: Actor) -> Outsider | None:
        """Return what keeps the actor from being a full member of the home workspace; None for a member.

        Raises Unavailable when that cannot be known.
        """

    def place(self, channel: str) -> Place:
        """Return what a channel is; one that the app does not see is not shared. Raises Unavailable."""


class Changes(Protocol):
    """What Slack told of people and usergroups that are not what they were: then nobody's memory of them counts."""

    def note(self, what: str) -> None:
        """Let whatever any process remembers of it be forgotten; raise Unavailable."""

    def mark(self, what: str) -> str:
        """Return a word that is another one after each change, for as long as anybody remembers anything.

        Raises Unavailable.
        """


class Prover(Protocol):
    """The step-up check: another system that knows whether somebody is who they seem to be."""

    def ask(self, rule: StepUp, question: Question) -> Proof:
        """Ask it, as `rule` says; a yes counts for `rule.valid_for_s`. What goes wrong with it is a no.

        Raises Unavailable while nobody can tell whether it said yes before, or write down that it did.
        """


class Proofs(Protocol):
    """What the step-up check said yes to, whichever worker asked; a no is never remembered."""

    def stands(self, rule: StepUp, question: Question) -> bool:
        """Tell whether a yes to exactly this, by this rule, still counts; raise Unavailable."""

    def keep(self, rule: StepUp, question: Question) -> None:
        """Remember a yes for `rule.valid_for_s` seconds; raise Unavailable when it may not be remembered."""
