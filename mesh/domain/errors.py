"""The error tree. Its type decides what happens next: a reply, a retry, or a bug report."""

from __future__ import annotations

from enum import StrEnum


class Lapse(StrEnum):
    """Why a request came to nothing though nobody said no to it: time, load, or a part that was away."""

    LATE = "late"
    """It took longer than Slack waits."""
    OLD = "old"
    """It came long after it was made."""
    FLOOD = "flood"
    """More was asked for than is allowed at once."""
    FULL = "full"
    """Too many things waited to be done after their acknowledgements."""
    SLACK = "slack"
    """Slack did not say, or did not do, what was needed."""
    REDIS = "redis"
    """Redis did not answer."""
    SLOW = "slow"
    """Redis was reached too late for the write, and refused it."""
    UNSURE = "unsure"
    """It was sent to Redis, and nobody knows whether it was written, or whether it would survive a failover."""
    OTHER = "other"
    """Another part, or a record that cannot be read."""


class MeshbotError(Exception):
    """Anything meshbot tells a person about: one sentence that says what is wrong, and what to do next."""

    lapse: Lapse | None = None
    """Set where a request came to nothing by time, load or an absent part, and by no decision."""

    def __init__(
        self, message: str, *, hint: str = "", choices: tuple[str, ...] = (), lapse: Lapse | None = None
    ) -> None:
        """Say `message`; `hint` is the next step; `choices` are commands or names that would have been clear.

        `lapse` says more than the type of the error does.
        """
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.choices = choices
        self.lapse = lapse or self.lapse


class Refused(MeshbotError):
    """The person can fix it: a mistyped word, a missing right, an unclear route, a gate that did not pass."""


class Denied(Refused):
    """Policy does not let this person do this."""


class Barred(Refused):
    """Not now: a freeze, or the hours of a role. It is possible again once that is over."""


class Flooded(Refused):
    """Too much was asked for at once."""

    lapse = Lapse.FLOOD

    def __init__(self, message: str, *, hint: str = "", wait_s: float = 0.0) -> None:
        """Say `message`; `wait_s` is in how many seconds trying again may help, 0 where nobody knows."""
        super().__init__(message, hint=hint)
        self.wait_s = wait_s


class NotFound(Refused):
    """A service, arm or operation of that name is not known."""


class Held(Refused):
    """A gate is *unknown*: nothing is wrong with the request, but nothing proves that it is safe."""


class TooLate(Refused):
    """It was decided before: what, is the message; by whom, is told beside it."""

    def __init__(self, message: str, *, hint: str = "", by: tuple[str, ...] = ()) -> None:
        """Say `message`; `by` are the Slack ids of those who decided."""
        super().__init__(message, hint=hint)
        self.by = by


class Unavailable(MeshbotError):
    """A part we need (Redis, the API server, Slack) did not answer; trying later may help."""

    lapse = Lapse.OTHER


class Unwritten(Unavailable):
    """Redis answered that a write came too late there, so surely nothing was written: it can be tried at once."""

    lapse = Lapse.SLOW


class Unsure(Unavailable):
    """It was sent, and may have been written, or may be forgotten again."""

    lapse = Lapse.UNSURE

    def __init__(self, message: str, *, hint: str = "", operation: str = "") -> None:
        """Say `message`; `operation` is the id under which it is on record, if it is."""
        super().__init__(message, hint=hint)
        self.operation = operation


class Unreadable(Unavailable):
    """A newer meshbot wrote it, in a form that this one does not know."""


class Uncopied(Unavailable):
    """It was written down, and no replica of Redis has it yet: a failover in this moment would forget it."""


class Conflict(MeshbotError):
    """Somebody else changed the object between our read and our patch; nothing was written."""


class LostLease(MeshbotError):
    """Another worker holds the route now; whatever this one still wants to write is refused."""


class NeedsGit(Exception):
    """What is under way needs a Git server, for which this process must never wait: another one goes on with it.

    No MeshbotError: it is nobody's mistake and no end, and people hear nothing of it.
    """

    def __init__(self, *, ahead: bool = False) -> None:
        """`ahead` of what else waits for that process."""
        super().__init__()
        self.ahead = ahead
