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
    HISTORY = "history"
    WHOAMI = "whoami"


CHANGING = frozenset({Verb.PROMOTE, Verb.SET, Verb.ROLLBACK, Verb.UNDO, Verb.ADOPT, Verb.REAPPLY})
"""Verbs that write to routes; policy must allow them by name."""

ANSWERED_BY_BOT = frozenset({Verb.HELP, Verb.HISTORY, Verb.WHOAMI})
"""Verbs that need neither cluster nor metrics: answered in the acknowledgement, no operation is made."""


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
    route: str = ""
    """Which of several weighted rules is meant: `Kind/name`, `Kind/name/rule`, or what tells a rule from the others."""
    promised: str = ""
    """For a press of Roll back: the arm that the button's question named; empty for what is typed."""
    operation: str = ""
    """For `undo`: the operation to undo; empty means the last change."""
    topic: str = ""
    """For `help`: the verb asked about."""
    namespace: str = ""
    cluster: str = ""
    reason: str = ""
    force: bool = False
    """Go ahead although a gate did not pass; needs a reason."""
    dry_run: bool = False
    """Show the plan, change nothing."""

    @property
    def goes_back(self) -> bool:
        """True for traffic going back to where it was: it overtakes everything else, and Git can follow."""
        return self.verb in (Verb.ROLLBACK, Verb.UNDO)

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
