"""What the verbs need of the world. Adapters live in `store`, `chat` and `workers`; each has an in-memory twin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from mesh.domain.ascents import Ascent
from mesh.domain.audit import AuditEntry
from mesh.domain.commands import Target
from mesh.domain.freezes import Freeze
from mesh.domain.gates import CustomGate, GateResult
from mesh.domain.incidents import Incident, Scene
from mesh.domain.letters import Letter, Row
from mesh.domain.measures import Burn, Measured, Subject
from mesh.domain.operations import Card, Operation
from mesh.domain.outsiders import Outsider
from mesh.domain.plans import Plan
from mesh.domain.points import Point
from mesh.domain.policy import Actor
from mesh.domain.routes import Arm, Route, Weights
from mesh.domain.stepups import Proof, Question, StepUp
from mesh.domain.trials import Trial


@dataclass(frozen=True)
class Receipt:
    """What became of a received request."""

    operation: Operation
    created: bool
    """False when the same delivery, or the same wish still under way, had made this operation before."""


@dataclass(frozen=True)
class Lease:
    """The right to work on one service for a while. `token` grows with each lease ever given (a fencing token)."""

    key: str
    token: int


@dataclass(frozen=True)
class Ready:
    """How many ready endpoints serve an arm."""

    count: int
    why: str = ""
    """Where nobody does: what is missing, which field leads there, and what to do."""


@dataclass(frozen=True)
class Surveyed:
    """One service as a survey of its cluster found it: for people to see, never to plan with."""

    target: Target
    routes: tuple[Route, ...] = ()
    problem: str = ""
    """Why its routes cannot be read, in words; empty when they could."""


class Operations(Protocol):
    """The durable memory of operations, with their audit log (one atomic write for both)."""

    def receive(self, operation: Operation, *, dedupe: str, intent: str, facts: dict[str, Any]) -> Receipt:
        """Write a new operation, its keys, first audit entry and due time, all or nothing; then enqueue it.

        A known `dedupe` key, or an `intent` whose operation is not done, gives that operation back. Raises Unavailable
        within a second when the store does not answer; its message says whether anything may have been written.
        """

    def get(self, operation_id: str) -> Operation:
        """Return the operation; raise NotFound."""

    def delivered(self, dedupe: str) -> Operation | None:
        """Return the operation that `receive` gave this delivery; None where it would be a new one."""

    def commit(
        self, operation: Operation, entries: Sequence[dict[str, Any]] = (), *, lease: Lease | None = None
    ) -> Operation:
        """Write the operation and append audit entries, all or nothing; returns it with the next revision.

        Raises LostLease when `lease` is given and no longer current, Conflict when the stored revision is another, and
        Uncopied when it announces a patch, was written, and a failover could forget it.
        """

    def audit(self, facts: dict[str, Any]) -> AuditEntry:
        """Append one audit entry that belongs to no operation (a denial)."""

    def recent(
        self, *, target: Target | None = None, channel: str = "", count: int = 10, whole: bool = False
    ) -> list[Operation]:
        """Return the newest changing operations of a service or of a channel, newest first.

        What a newer meshbot wrote is left out, or with `whole` raises Unreadable: for who must not miss one.
        """

    def beside(self, operation: Operation, *, whole: bool = True) -> list[Operation]:
        """Return the other changes of its service that are not done, and those received after it, newest first.

        What a newer meshbot wrote raises Unreadable; without `whole` it is left out.
        """

    def rollout(self, target: Target) -> Operation | None:
        """Return the rollout of a service that has not ended; None where there is none."""

    def waiting(self) -> list[Operation]:
        """Return every operation that waits for approval, the one whose time is over first, first."""

    def undone(self, target: Target) -> int:
        """Return how many changes of a service are waiting or running, of the newest 200."""

    def later(self, operation_id: str, *, seconds: float) -> None:
        """Let the clock hand this operation to a worker again after `seconds`; this try then does not count."""


class Freezes(Protocol):
    """The freezes that people made. Whoever cannot be told whether one holds gives nothing more traffic."""

    def standing(self) -> list[Freeze]:
        """Return every freeze that was made and neither lifted nor over, oldest first; raise Unavailable."""

    def put(self, freeze: Freeze) -> None:
        """Keep the freeze; in force once this returns. One whose id is known already, also a lifted one, is left alone.

        Raises Unavailable: nobody knows then whether it holds, and it may be put again.
        """

    def lift(self, freeze_id: str) -> None:
        """End the freeze now; does nothing for one that is over or was never made. Raises Unavailable."""


@dataclass(frozen=True)
class Bucket:
    """How many of something may happen: `most` at once, and as many again in a minute."""

    name: str
    most: int


class Buckets(Protocol):
    """Token buckets: how much was asked for lately."""

    def take(self, bucket: Bucket) -> float:
        """Take one token and return 0, or take none and return how long to wait for one, in seconds.

        Raises Unavailable.
        """


@dataclass(frozen=True)
class Round:
    """Flagger's asking at one hook about one revision, again and again until it goes on."""

    operation: str
    """Id of the question that people were asked for it."""
    asked_at: float
    """When it last asked: Unix time in seconds."""
    heard_at: float = 0.0
    """When it first heard yes; 0 before that. An older meshbot beside this one goes by it."""
    answer: str = ""
    """What it was last told."""


class Rounds(Protocol):
    """What Flagger asks about now: of each of its canaries one revision."""

    def last(self, canary: str, revision: str, hook: str) -> Round | None:
        """Return what was noted of this hook; None where another revision was asked about since. Raises Unavailable."""

    def note(self, canary: str, revision: str, hook: str, found: Round) -> None:
        """Remember it, and forget all that was noted of other revisions of this canary. Raises Unavailable."""

    def forget(self, canary: str) -> None:
        """Forget all that was noted of this canary: another round begins. Raises Unavailable."""


class AuditLog(Protocol):
    """Reading the audit log."""

    def entries(self) -> Iterator[AuditEntry]:
        """Yield every entry, oldest first."""

    def head(self) -> tuple[int, str]:
        """Return (count of entries, hash of the last one)."""

    def latest(self, operation_id: str) -> AuditEntry | None:
        """Return the newest entry of an operation, looked for among the newest few hundred; None when it is older."""


class Locks(Protocol):
    """One worker at a time on one service."""

    def hold(self, key: str, *, wait_s: float) -> AbstractContextManager[Lease | None]:
        """Hold the lock in a `with` block, renewed in the background; None when somebody else has it after `wait_s`."""

    def held(self) -> Mapping[str, int]:
        """Return the token of every lock that somebody holds now, by its key; raise Unavailable."""


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


class Whispers(Protocol):
    """What one person alone is told while a worker is at it."""

    def proof_wanted(self, operation: Operation, proof: Proof) -> bool:
        """Let whoever asked for `operation` be told why not, and where to prove who they are; whether they will be.

        Never raises: False where there is no place to tell it, or it may not be on record.
        """


class Cluster(Protocol):
    """The meshes, each through its API server."""

    def routes(self, target: Target) -> list[Route]:
        """Return every route that names the service, weighted or not; raise Unavailable.

        Looked for in the service's namespace and the cluster's `route_namespaces`, and behind delegation.
        """

    def services(self, target: Target) -> list[str]:
        """Return the names of services that routes of the namespace name, for "did you mean"."""

    def survey(self, cluster: str, *, namespaces: Sequence[str] = (), also: Iterable[Target] = ()) -> list[Surveyed]:
        """Return every service of the cluster, or of the namespaces named, whose routes there are, with all of them.

        `also`: services to look up that no route of their own namespace names. A fixed number of lists, whatever the
        number of services. Raises Unavailable, Refused.
        """

    def reread(self, plan: Plan, target: Target) -> Route | None:
        """Read the planned route again; None when it is gone."""

    def glance(self, plans: Sequence[tuple[Plan, Target]]) -> list[Weights | None]:
        """Return the weights that each planned route seems to have, from memory where there is one: a hint, no proof.

        None where the route is not known. A fixed number of questions to the API server, whatever the number of plans.
        """

    def patch(self, plan: Plan, target: Target) -> Route:
        """Send the plan's patch and return the route as the server answered.

        Raises Conflict when a test failed or the object changed (nothing written), Unavailable when the answer is
        unknown or the server is away, Refused when the server does not accept the object.
        """

    def ready(self, arm: Arm, target: Target) -> Ready:
        """Count the ready endpoints that serve the arm.

        Raises Unavailable; Refused when there is no telling (no such Service, a subset that nothing defines).
        """


class Metrics(Protocol):
    """Measured truth. Never raises: what went wrong is said in what comes back."""

    def measure(
        self, cluster: str, subjects: Sequence[Subject], *, until: float, seconds: float, source: str = ""
    ) -> list[Measured]:
        """Count what every arm of `subjects` answered in the `seconds` before `until` (Unix time; 0 for now).

        One server answers for all subjects: the one called `source`, while it is well and knows of them.

        The number of queries depends on the meshes in the cluster and on nothing else.
        """

    def burns(self, cluster: str, subjects: Sequence[Subject]) -> list[Burn]:
        """Return how fast each service as a whole uses up its error budget; a fixed number of queries as well."""

    def ask(self, gate: CustomGate, arm: Arm, target: Target, *, window_s: int) -> GateResult:
        """Judge one administrator's condition for one arm: one query."""


@dataclass(frozen=True)
class Watch:
    """What is known of one active rollout between two looks. Not audited: each look replaces it."""

    since: float = 0.0
    """`moved_at` of the stage that the trial is about: another stage is another trial."""
    among: int = 1
    """How many rollouts of the cluster were active then: the more, the slower each card is redrawn."""
    trial: Trial = field(default_factory=Trial)
    rows: tuple[GateResult, ...] = ()
    """The verdicts of the last look."""
    looked_at: float = 0.0
    """When that was: Unix time in seconds."""
    seen_at: float = 0.0
    """When the canary was last seen to answer anything."""
    passing_since: float = 0.0
    """Since when every gate has passed at every look; 0 while one does not."""
    ascent: Ascent = field(default_factory=Ascent)
    """How far its evidence is on the way to a proof."""
    source: str = ""
    """Which of several equal metrics servers the last look believed."""
    counts_from: float = 0.0
    """Until then nothing is counted, for another server has counted it: Unix time in seconds."""


class Watches(Protocol):
    """What looks remember: small, rewritten each few seconds, lost without harm (a trial then begins anew)."""

    def active(self, cluster: str) -> list[Operation]:
        """Return every rollout of the cluster that has not ended."""

    def looked_until(self, cluster: str) -> float:
        """Return until when the last look of the cluster counted: Unix time in seconds; 0 before the first."""

    def load(self, operation_ids: Sequence[str]) -> dict[str, Watch]:
        """Return the watches of these rollouts; those that have none are absent."""

    def save(
        self, cluster: str, span: tuple[float, float], watches: Mapping[str, Watch], points: Mapping[str, Point]
    ) -> None:
        """Keep the watches, add a point to each chart, and remember until when the cluster was looked at.

        `span` is from when until when this look counted: what `looked_until` said at its start, and what it says from
        now on. All or nothing, so that no request is counted twice; Conflict when another look was saved since then.
        """

    def hurry(self, cluster: str) -> None:
        """Ask for looks of the cluster each quarter of a second for a while, not only at their time."""

    def points(self, operation_id: str) -> list[Point]:
        """Return the points of a rollout's chart, oldest first; old ones are thinned out, so there are never many."""


@dataclass(frozen=True)
class Open:
    """The incidents that are open."""

    known: tuple[Incident, ...] = ()
    """The oldest first."""
    unread: Mapping[Target, str] = field(default_factory=dict)
    """Services of which one may be open that only a newer meshbot can read, and why."""


class Incidents(Protocol):
    """The durable memory of incidents, with their audit entries (one atomic write for both)."""

    def newest(self, target: Target) -> Incident | None:
        """Return the newest incident of a service, open or not; None where there was none."""

    def open(self) -> Open:
        """Return every incident that is open; one that cannot be read says nothing of other services."""

    def get(self, incident_id: str) -> Incident:
        """Return the incident; raise NotFound."""

    def commit(self, incident: Incident, entries: Sequence[dict[str, Any]] = ()) -> Incident:
        """Write the incident and append audit entries, all or nothing; returns it with the next revision.

        One that is not settled is due at once. Raises Conflict when the stored revision is another, and, for a new one,
        when the newest of its service is not the one that it names as `former`: two never open at once.
        """

    def later(self, incident_id: str, *, seconds: float) -> None:
        """Let the clock hand this incident to a worker again after `seconds`; does nothing for one that is settled."""


class IncidentCards(Protocol):
    """Telling a channel of an incident, by the outbox as `Cards` do."""

    def show(self, incident: Incident, scene: Scene) -> Incident:
        """Let the card be posted, or edited where it would look different.

        Returns the incident with the drawing's digest, and with the card's place, once it has one. Raises Unavailable
        when that may not have been written down: show it again, there is one card all the same.
        """

    def picture(self, incident: Incident, scene: Scene) -> Incident:
        """Draw the chart of its points into the card's thread, from where the card may show it, too. Never raises.

        Returns the incident with the picture's id; as it was where there is nothing to show, or Slack takes none.
        """


class Outbox(Protocol):
    """Messages on their way to people: each is a durable row, sent within the limits of where it goes."""

    def put(self, letter: Letter) -> Card | None:
        """Write what a message says from now on: it will be posted, or edited where it is; returns where it is.

        Fast and durable: nothing is sent here. The same letter again changes nothing, an older `version` neither, and
        with `once` nothing that was written before. Drawings that nobody saw yet are replaced, so only the newest is
        sent. Raises Unavailable when it may not have been written.
        """

    def find(self, key: str) -> Row | None:
        """Return how far a message came; None for a key that was never written, or long ago."""

    def revive(self, key: str, channel: str) -> bool:
        """Let a message of that channel be tried again that reached nobody; tells whether it was one. Unavailable."""


@dataclass(frozen=True)
class Pace:
    """How often something may be asked of a service that counts."""

    name: str
    """What is counted together."""
    every_s: float
    """Seconds between two, in the long run."""
    burst: int = 1
    """How many may come at once after a pause; what is asked with a larger burst may go on for longer."""
    most: int = 0
    """The largest burst that anything of this name has; 0 for `burst`."""


@dataclass(frozen=True)
class Lane:
    """The head of what waits for one channel."""

    rows: tuple[Row, ...]
    """In the order in which they should be sent: the most urgent first, then by age."""
    whole: bool
    """True when there are no more than these."""
    seen: int
    """Counts everything ever written to the lane."""


class Lanes(Outbox, Protocol):
    """The sender's side of the outbox. Each channel is a lane, and who holds its lease sends from it."""

    def look(self, channel: str, most: int) -> Lane:
        """Return at most so many of the rows that wait."""

    def begin(self, row: Row, lease: Lease, pace: Pace, *, now: float) -> tuple[Row, float]:
        """Write down that the row is sent now; returns it so, and 0, or as it was, and when the pace allows it.

        Raises LostLease when the lease is gone, Conflict when somebody else touched the row.
        """

    def settle(self, row: Row, *, waits: bool = False) -> None:
        """Write down what came of it; with `waits` it stays in its lane, and so it does when it was drawn anew."""

    def spend(self, pace: Pace, *, now: float) -> float:
        """Count one of this pace, and return 0; else when it allows one: Unix time."""

    def slow(self, pace: Pace, *, until: float) -> None:
        """Let nothing of this pace be sent before `until` (Unix time)."""

    def rest(self, channel: str, *, seen: int, due: float | None) -> None:
        """Leave the lane until `due` (Unix time), or until something is put into it; at once if that happened since."""


class Cards(Protocol):
    """Telling people. Nothing is sent here: what returns is written down, and reaches people by the outbox."""

    def show(self, operation: Operation) -> Operation:
        """Let the operation's card be posted or edited; returns the operation with the card's place, once it has one.

        Raises Unavailable when that may not have been written down.
        """

    def picture(self, operation: Operation, points: Sequence[Point]) -> Operation:
        """Draw the chart of a rollout and put it on its card; returns the operation with the picture. Never raises."""

    def announce(self, operation: Operation, entry: str) -> None:
        """Put one line about a finished change into the audit channel, once. `entry` is number and hash.

        Raises Unavailable when that may not have been written down.
        """


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


class Time(Protocol):
    """The wall clock."""

    def now(self) -> float:
        """Return Unix time in seconds."""
