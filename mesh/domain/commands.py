"""What a person can ask for: one `Command`, whatever way in it came by."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mesh.domain.quantities import Weight


class Verb(StrEnum):
    """Every word that may follow `/mesh`."""

    HELP = "help"
    STATUS = "status"
    PROMOTE = "promote"
    SET = "set"
    PLAN = "plan"
    ROLLBACK = "rollback"
    UNDO = "undo"
    ADOPT = "adopt"
    REAPPLY = "reapply"
    GATES = "gates"
    CANARY = "canary"
    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
    CONFIRM = "confirm"
    ABORT = "abort"
    HISTORY = "history"
    INCIDENTS = "incidents"
    WHOAMI = "whoami"
    DIGEST = "digest"
    CAN = "can"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    FREEZES = "freezes"
    APPROVE = "approve"
    DENY = "deny"
    APPROVALS = "approvals"
    FLAGGER = "flagger"
    """A question of Flagger's: never typed, only its hook asks it."""


VOTING = frozenset({Verb.APPROVE, Verb.DENY})
"""Verbs about an operation that waits for approval; the rule that it waits for says who may use them, no role does."""

STEERING = frozenset({Verb.PAUSE, Verb.RESUME, Verb.SKIP, Verb.CONFIRM, Verb.ABORT})
"""Verbs about the rollout of a service that is under way."""

FREEZING = frozenset({Verb.FREEZE, Verb.UNFREEZE})
"""Verbs about what may not be changed for a while; they write no weights."""

CHANGING = (
    STEERING | FREEZING | {Verb.PROMOTE, Verb.SET, Verb.ROLLBACK, Verb.UNDO, Verb.ADOPT, Verb.REAPPLY, Verb.CANARY}
)
"""Verbs that write to routes, or let it be written; policy must allow them by name."""

APPROVABLE = frozenset({Verb.PROMOTE, Verb.SET, Verb.UNDO, Verb.REAPPLY, Verb.CANARY, Verb.FLAGGER})
"""Verbs that can wait for an approval. Going back to stable (`rollback`, `abort`) never does, whatever a rule says."""

ANSWERED_BY_BOT = frozenset(
    {Verb.HELP, Verb.HISTORY, Verb.INCIDENTS, Verb.WHOAMI, Verb.CAN, Verb.FREEZES, Verb.APPROVALS}
)
"""Verbs that need neither cluster nor metrics: answered in the acknowledgement, no operation is made."""


@dataclass(frozen=True)
class Wish:
    """One step of a rollout as typed: `25`, or `confirm,25`."""

    share: float
    """Per cent, above 0 to 100."""
    confirm: bool = False
    """Somebody must press a button before this step."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One request, parsed. `verb` is never PLAN: `plan promote …` is `promote … --dry-run`."""

    verb: Verb
    service: str = ""
    """Service name as typed, e.g. `api`; empty for verbs without one."""
    version: str = ""
    """Arm to promote, e.g. `v2`; empty means the canary."""
    share: float | None = None
    """Wanted share of the promoted arm in per cent, 0 to 100."""
    weights: tuple[tuple[str, Weight], ...] = ()
    """For `set`: (arm, weight) pairs in the order typed."""
    steps: tuple[Wish, ...] = ()
    """For `canary`: the steps as typed; empty means those of the strategy."""
    every_s: int = 0
    """For `canary`: how long each step must stay healthy, in seconds; 0 means as the strategy says."""
    on_failure: str = ""
    """For `canary`: `rollback` or `hold`; empty means as the strategy says."""
    strategy: str = ""
    """For `canary`: name of a strategy in the configuration; empty means the service's own, or the default."""
    rollout: str = ""
    """Id of the rollout whose step this is; never typed, only a rollout writes it."""
    route: str = ""
    """Which of several weighted rules is meant: `Kind/name`, `Kind/name/rule`, or what tells a rule from the others."""
    promised: str = ""
    """For a button: what its card spoke of: the arm to roll back to, or the rollout to steer; else empty.

    For a step of a rollout: the arm that was stable when it began. A rollout is `op-…/1`: its id, and the index of the
    step that the card showed.
    """
    operation: str = ""
    """For `undo`: the operation to undo; empty means the last change. For a vote: the operation it is about.

    For `unfreeze`: the freeze to lift, by its id.
    """
    hook: str = ""
    """For `flagger`: what it asks about, e.g. `confirm-promotion`."""
    checksum: str = ""
    """For `flagger`: of the revision that it asks about."""
    topic: str = ""
    """For `help`: the verb asked about. For `can`: the whole command asked about. For `digest`: `now` or `list`.

    `all` for a freeze of everything.
    """
    lasts_s: int = 0
    """For `freeze`: for how long, in seconds; 0 means until it is lifted."""
    namespace: str = ""
    cluster: str = ""
    reason: str = ""
    force: bool = False
    """Go ahead although a gate did not pass; needs a reason."""
    break_glass: bool = False
    """Ask a second person of the break-glass group, not whom the rules name, and pass freezes; needs a reason.

    Gates still count.
    """
    dry_run: bool = False
    """Show the plan, change nothing."""

    @property
    def answered_by_bot(self) -> bool:
        """True for what needs neither cluster nor metrics: it is answered in the acknowledgement."""
        return self.verb in ANSWERED_BY_BOT or (self.verb is Verb.DIGEST and self.topic == "list")

    @property
    def goes_back(self) -> bool:
        """True for traffic going back to where it was: it overtakes everything else, and Git can follow."""
        return self.verb in (Verb.ROLLBACK, Verb.UNDO, Verb.ABORT)

    @property
    def steers(self) -> bool:
        """True for what is said to a rollout that is under way; such an operation itself writes no weights."""
        return self.verb in STEERING

    @property
    def freezes(self) -> bool:
        """True for what is said about freezes: it writes no weights, and touches no route."""
        return self.verb in FREEZING

    @property
    def votes(self) -> bool:
        """True for a vote on an operation that waits for approval; such an operation itself writes no weights."""
        return self.verb in VOTING

    @property
    def writes_weights(self) -> bool:
        """True when running it patches a route by itself; others speak to people, or to operations that do."""
        return self.changes_traffic and not (self.steers or self.freezes or self.verb is Verb.CANARY)

    @property
    def acts(self) -> bool:
        """True when running it writes more than its own answer: it is audited, and is done alone on its service."""
        return self.changes_traffic or self.votes or self.verb is Verb.FLAGGER

    @property
    def changes_traffic(self) -> bool:
        """True when running this command can write to a route."""
        return self.verb in CHANGING and not self.dry_run


@dataclass(frozen=True)
class Target:
    """What is acted upon: a service in a namespace of a cluster of the configuration."""

    cluster: str
    namespace: str
    service: str

    def __str__(self) -> str:
        return f"{self.cluster}/{self.namespace}/{self.service}"
