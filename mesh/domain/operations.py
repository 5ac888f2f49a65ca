"""The operation: the unit of everything. A record that changes by `replace()`, along one table of transitions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from mesh.domain.approvals import Approval
from mesh.domain.commands import Command, Target, Verb
from mesh.domain.digests import Edition
from mesh.domain.gates import GateResult
from mesh.domain.plans import Plan
from mesh.domain.policy import Actor
from mesh.domain.quantities import Weight
from mesh.domain.repositories import Commit
from mesh.domain.rollouts import Rollout
from mesh.domain.routes import Drift, Owner, Parent
from mesh.domain.splits import SplitSeen


class State(StrEnum):
    """Where an operation stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "awaiting approval"
    """It is planned, and goes on once enough people have agreed."""
    SUCCEEDED = "succeeded"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    VOID = "void"
    """It was approved, or waited for that, and what was asked about is no longer so."""


TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.REFUSED, State.FAILED, State.EXPIRED}),
    State.RUNNING: frozenset(
        {State.RUNNING, State.WAITING, State.SUCCEEDED, State.REFUSED, State.FAILED, State.EXPIRED, State.VOID}
    ),
    State.WAITING: frozenset({State.WAITING, State.RUNNING, State.REFUSED, State.FAILED, State.EXPIRED, State.VOID}),
    State.SUCCEEDED: frozenset(),
    State.REFUSED: frozenset(),
    State.FAILED: frozenset(),
    State.EXPIRED: frozenset(),
    State.VOID: frozenset(),
}


class Step(StrEnum):
    """What can happen to an operation: the vocabulary of the audit log and of the card's story."""

    QUEUED = "queued"
    CHECKING = "checking"
    RESUMED = "resumed"
    PATCHING = "patching"
    """Written before the patch is sent, with the plan; always followed by what came of it."""
    PATCHED = "patched"
    AWAITING = "awaiting"
    """Read back; the route's parents have not said yet whether they accept it."""
    PROPOSED = "proposed"
    """A merge request asks for the change; no weight was moved."""
    VERIFIED = "verified"
    """Read back, and accepted where the API has a word for that."""
    UNACCEPTED = "unaccepted"
    """Read back, but the mesh does not say that it took it: written, and perhaps without effect."""
    CONFLICT = "conflict"
    """Somebody else changed the object first, nothing was written; it is planned again."""
    UNWRITTEN = "unwritten"
    """No answer came to a patch; the object shows that it was not written, and it can no longer be. Or `UNSENT`."""
    UNANSWERED = "unanswered"
    """Git, or the cluster, does not answer to a way back in Git; nothing was sent, and it is tried again."""
    FORCED = "forced"
    """A gate did not pass and the person went ahead with a reason."""
    REFUSED = "refused"
    FAILED = "failed"
    UNCHANGED = "unchanged"
    """Nothing to do: the weights already were as asked, or it was a dry run or a reading."""
    EXPIRED = "expired"
    DENIED = "denied"
    """Turned away by policy before there was an operation."""
    PROVEN = "proven"
    """The step-up check let somebody go on. In the audit log alone, never in a record."""
    TRIMMED = "trimmed"
    """The audit log's oldest entries were taken out of Redis by hand. In the audit log alone."""
    UNPROVEN = "not proven"
    """It did not, or gave no answer."""
    FORGED = "forged"
    """A job that we never made was in a queue, and was not run."""
    FLOODED = "flooded"
    """Turned away because too much was asked for; noted once for each person and minute."""
    ASKED = "approval asked"
    """It waits for people to agree."""
    VOTED = "voted"
    APPROVED = "approved"
    """The last vote that was needed; it goes to work."""
    REMINDED = "reminded"
    ESCALATED = "escalated"
    """More people may vote from now on."""
    VOTED_DOWN = "denied by a vote"
    OPENED = "gate opened"
    ANSWERED = "gate answered"
    """In the audit log alone: what Flagger is told at last of what people agreed to."""
    """Flagger may do what it asked about."""
    VOID = "void"
    CONFIGURED = "configured"
    """Another configuration is in force, or the file has mistakes now and is not."""
    LOST = "lost"
    """A message that must reach people reached nobody."""
    STEPPING = "stepping"
    """A rollout takes its next step: an operation of its own writes the weights."""
    STEPPED = "stepped"
    """They are written and read back; the bake begins."""
    CONFIRMING = "confirming"
    PAUSED = "paused"
    CONTINUED = "continued"
    """A rollout goes on after it was paused or held."""
    HELD = "held"
    TURNING_BACK = "turning back"
    COMPLETED = "completed"
    TURNED_BACK = "turned back"
    ABORTED = "aborted"
    STOPPED = "stopped"
    STEERED = "steered"
    """A person's word reached the rollout that it was said to."""
    BARRED = "barred"
    """Refused for now: a freeze, or the hours of a role."""
    FROZEN = "frozen"
    """A freeze holds from now on."""
    LIFTING = "lifting"
    """Written before freezes are lifted; the text has their ids."""
    LIFTED = "lifted"
    MEASURED = "measured"
    """After the end: the split that the metrics show was compared with the one that was written."""


_OF_A_PATCH = frozenset(
    {
        Step.PATCHING,
        Step.PATCHED,
        Step.PROPOSED,
        Step.AWAITING,
        Step.VERIFIED,
        Step.UNACCEPTED,
        Step.CONFLICT,
        Step.UNWRITTEN,
    }
)
_OPEN = frozenset({Step.PATCHING, Step.PATCHED, Step.AWAITING})
UNSENT = "no replica of Redis has the plan yet, so the patch was not sent"
"""What UNWRITTEN says of a patch that was announced and not sent."""
UNTAKEN = "It waits for the process that asks Git"
"""The outcome so far of what was handed on to that process, until one takes it: there may be none."""


@dataclass(frozen=True)
class Event:
    """One thing that happened."""

    step: Step
    at: float
    """Unix time in seconds."""
    text: str = ""
    """One sentence for people, without a final stop; may hold a person's own words."""
    by: str = ""
    """User id of the person who made it happen, where that is not whoever asked for the operation."""


@dataclass(frozen=True)
class Origin:
    """Where a request came from and where answers go."""

    way: str
    """`slash`, `mention`, `button`, `modal`, `home` or `cli`."""
    channel: str = ""
    """Where the card goes: a channel, or a person's id for our direct messages with them."""
    thread: str = ""
    """Timestamp of the parent message; empty outside a thread."""
    response_url: str = ""
    """Slack's address for five answers within 30 minutes; a bearer secret, never logged."""
    view: str = ""
    """Id of the modal that shows the outcome instead of a card; empty for a card."""
    view_hash: str = ""
    """The state of that modal when it was asked: what is newer there is not overwritten."""
    locale: str = ""
    """Language of whoever asked, as Slack names it (`ko-KR`); empty where nobody asked, or that is not known."""


@dataclass(frozen=True)
class Card:
    """The one Slack message of an operation."""

    channel: str
    ts: str


@dataclass(frozen=True)
class ArmStatus:
    """One arm as `status` and the card show it."""

    name: str
    role: str
    """`stable`, `canary` or empty."""
    weight: Weight | None
    share: float
    ready: int | None = None
    """Ready endpoints; None when they could not be counted."""


@dataclass(frozen=True)
class RouteStatus:
    """What `status` found in one route."""

    label: str
    arms: tuple[ArmStatus, ...]
    warnings: tuple[str, ...] = ()
    last_operation: str = ""
    """Id of the operation stamped on the object."""
    drift: Drift | None = None
    owner: Owner | None = None
    key: str = ""
    """How a command names this route (`--route`), where the service has several."""
    parents: tuple[Parent, ...] = ()
    """Parents of a Gateway API route and whether they accept it; empty where an API has no such word."""
    generation: int = 0
    """Generation of the object that `parents` are compared with."""
    rollout: str = ""
    """What a rollout is doing with it, in words with its id; empty without one."""
    kept: str = ""
    """That it is written by commits, where, and whether the cluster follows; empty where Git has no part in it."""
    unclear: str = ""
    """Why nobody knows which arm is stable, in words; empty where that is known, or not ours to know."""


@dataclass(frozen=True)
class Paused:
    """Somebody paused a rollout that had not begun yet: nothing of it starts until somebody resumes it."""

    by: str
    """Their user id."""
    said: str
    """Id of the operation by which they did."""
    why: str


@dataclass(frozen=True)
class Operation:
    """One request on its way to an outcome."""

    id: str
    command: Command
    target: Target
    actor: Actor
    origin: Origin
    created_at: float
    """Unix time in seconds."""
    groups: tuple[str, ...] = ()
    """Usergroups of the policy that Slack said the person was in when this was received; empty where not asked."""
    unheard: str = ""
    """What Slack did not say then, so that they may hold wider roles than are known; empty where it said all."""
    state: State = State.QUEUED
    plan: Plan | None = None
    gates: tuple[GateResult, ...] = ()
    statuses: tuple[RouteStatus, ...] = ()
    story: tuple[Event, ...] = ()
    outcome: str = ""
    """The end in one sentence for people."""
    hint: str = ""
    """What to do next, after a refusal or failure."""
    choices: tuple[str, ...] = ()
    """Commands that would have been clear."""
    card: Card | None = None
    """Where its card is, as far as this was known when it was last written; the outbox knows for certain."""
    mirror: Card | None = None
    """The same card in the channel where approval is asked for, likewise; None where that is the card itself."""
    deadline: float = 0.0
    """Unix time after which a queued operation expires instead of surprising people; 0 for never."""
    approval: Approval | None = None
    """What people are asked, or were asked, about its plan; None where nobody had to be."""
    rollout: Rollout | None = None
    """The rollout that this operation is, once it has begun."""
    paused: Paused | None = None
    """For a rollout that has not begun yet: who paused it; None where nobody did, or somebody resumed it."""
    told: int = 0
    """How many events of the story are in the outbox for the card's thread."""
    edition: Edition | None = None
    """What somebody got who asked for a digest."""
    unshown: int = 0
    """How many more routes a status found than it holds."""
    chart: str = ""
    """Slack's id of the picture on the card; empty without one."""
    split: SplitSeen | None = None
    """The split that was measured after the patch; None until then, and where nothing is to be measured."""
    commit: Commit | None = None
    """The commit that it made, where its service is kept in Git."""
    in_git: bool = False
    """True where its service was kept in Git when this was received: its work may have to wait for a Git server."""
    reported: bool = False
    """True once the end is in the outbox, which sees that it reaches people; until then the clock brings it back."""
    revision: int = 0
    """Count of writes to the store."""

    @property
    def done(self) -> bool:
        """True when nothing more will happen."""
        return not TRANSITIONS[self.state]

    @property
    def waits_until(self) -> float:
        """Until when it waits for approval, in Unix time; 0 where it does not."""
        return self.approval.expires_at if self.approval and self.state is State.WAITING else 0.0

    @property
    def settled(self) -> bool:
        """True when it is done, told and measured: no worker needs to see it again."""
        return self.done and self.reported and not self.to_be_measured

    @property
    def to_be_measured(self) -> bool:
        """True when weights were moved and nobody has yet looked whether the traffic followed.

        A step of a rollout is looked at by the rollout.
        """
        moved = self.state is State.SUCCEEDED and self.patch_step is Step.VERIFIED and not self.command.rollout
        return moved and self.plan is not None and self.plan.moves and self.split is None

    @property
    def active_rollout(self) -> bool:
        """True while it is a rollout that has begun and not ended."""
        return not self.done and self.rollout is not None and self.rollout.active

    @property
    def urgent(self) -> bool:
        """True for what must overtake everything else until it is done: going back to stable, undo, and a freeze.

        Telling people again may take as long as Slack does, and a Git server as long as it likes: another service's
        traffic must wait for neither.
        """
        if self.done or self.commit:
            return False
        return self.command.verb is Verb.FREEZE or (self.command.goes_back and not self.in_git)

    @property
    def ahead(self) -> bool:
        """True for what overtakes ordinary work, and must not hold up what is urgent: a commit that goes back."""
        return self.command.goes_back and self.in_git and not self.done and self.commit is None

    def went(self, step: Step) -> bool:
        """Tell whether this step is in the story."""
        return any(event.step is step for event in self.story)

    @property
    def patch_step(self) -> Step | None:
        """How far the newest patch is known to have come; None when none was announced."""
        return next((event.step for event in reversed(self.story) if event.step in _OF_A_PATCH), None)

    @property
    def patch_is_open(self) -> bool:
        """True while a patch was announced and nothing is on record of how that ended."""
        return not self.done and self.patch_step in _OPEN

    @property
    def announces_patch(self) -> bool:
        """True in the moment before a patch is sent: what follows cannot be taken back."""
        return bool(self.story) and self.story[-1].step is Step.PATCHING

    def move(self, state: State, event: Event, **changes: object) -> Operation:
        """Return the operation in `state` with `event` told; ValueError for a transition that is not in the table."""
        if state not in TRANSITIONS[self.state]:
            raise ValueError(f"operation {self.id} cannot go from {self.state} to {state}")
        return replace(self, state=state, story=(*self.story, event), **changes)  # type: ignore[arg-type]  # replace() checks the names

    def add(self, event: Event, **changes: object) -> Operation:
        """Return the operation in the same state with `event` told: what is found out after the end."""
        return replace(self, story=(*self.story, event), **changes)  # type: ignore[arg-type]  # as above
