"""Letters: messages on their way to people. What one says is drawn elsewhere, and nobody reads that between."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from mesh.domain.operations import Card


class Urgency(IntEnum):
    """Who goes first where many wait for the same channel."""

    CALL = 0
    """Somebody waits for it, or has to act: the end of a rollback, a rollout that is held, an approval."""
    NEWS = 1
    """The first card of something, and its end."""
    STORY = 2
    """What may come a little later: a thread's quiet entries, lines of the audit channel."""
    PROGRESS = 3
    """How far something is that goes on."""


GONE, UNLINKED = "gone", "unlinked"
"""What a message continues that has no address."""


class Fate(StrEnum):
    """What became of a letter."""

    WAITING = "waiting"
    """Not posted yet, or no longer to be edited: it will be posted."""
    SENDING = "sending"
    """A post has begun; who finds it so after a while finds the outcome unknown."""
    CHECKING = "checking"
    """A post got no answer, and it is looked for."""
    POSTED = "posted"
    UNKNOWN = "unknown"
    """Perhaps posted, nobody can tell, and not worth a second message."""
    LOST = "lost"
    """It will not be posted; `Row.why` says why."""


@dataclass(frozen=True)
class Letter:
    """One message as it shall be from now on."""

    key: str
    """What it is about (`card op-k3v9x2m4ta`): one key is one message, whoever writes it and how often."""
    channel: str
    """Where it goes."""
    body: str
    """What it says, as whoever sends it will read it."""
    urgency: Urgency = Urgency.NEWS
    under: str = ""
    """Key of the message in whose thread it stands; it waits until that one is posted."""
    thread: str = ""
    """Timestamp of the thread it stands in, where that is known and no letter of ours."""
    loud: bool = False
    """True for an entry of a thread that the channel hears, too."""
    once: bool = False
    """True for what is said once: writing the same key again changes nothing."""
    joins: bool = False
    """True for a line that may share a message with others of its channel when many wait."""
    must: bool = True
    """True for what must reach people: said again where nobody can tell whether it was said."""
    repeats: bool = True
    """False for what is better missed than said twice."""
    alone: str = ""
    """Who alone sees it in the channel, by Slack's user id: it can be neither looked for nor edited. Empty: everybody.
    """
    version: int = 0
    """Of what is drawn: an older drawing never takes the place of a newer one."""
    answer_to: str = field(default="", repr=False)
    """Address of an answer for one person, where the channel cannot be posted in; a bearer secret, never logged."""
    asker: str = ""
    """Whom it is for: people are written to where neither channel nor answers work any more."""
    calls: int = 1
    """How many things there are by now that this person must hear, also where the channel cannot be posted in."""
    ts: str = ""
    """Timestamp of the message where it was posted before there were letters."""

    @property
    def in_private(self) -> bool:
        """True in our direct messages with one person, which that person's id names as well."""
        return self.channel.startswith(("D", "U", "W"))


@dataclass(frozen=True)
class Row:
    """A letter, and how far it came."""

    letter: Letter
    drawing: int = 1
    """How often it was drawn: `letter` is this drawing."""
    fate: Fate = Fate.WAITING
    sending: int = 0
    """The drawing that was sent last."""
    sent: int = 0
    """The drawing that people see; 0 for none."""
    ts: str = ""
    """Timestamp of the message; empty until it is known."""
    posted_in: str = ""
    """The channel that Slack posted it in, where that has another name: a letter to a person is in our direct messages.
    """
    client: str = ""
    """A random id that goes with the message, by which it is found again."""
    attempts: int = 0
    """How often it was sent, edits among them."""
    failures: int = 0
    """How often that failed since it last went well."""
    since: float = 0.0
    """When it was sent last: Unix time in seconds."""
    not_before: float = 0.0
    """When it may be tried again: Unix time in seconds."""
    answered: int = 0
    """How many of the letter's `calls` one person was told instead."""
    told: int = 0
    """The drawing that this person was told; 0 for none."""
    again: bool = False
    """True when it may be a repetition: nobody could tell whether it was posted before."""
    why: str = ""
    """Why it is lost."""
    continues: str = ""
    """The address of the message whose place it takes, because Slack refused to have that edited; `GONE` where there is
    none any more, `UNLINKED` where Slack did not say. Empty where it takes nobody's place."""

    @property
    def place(self) -> Card | None:
        """Where the message is; None until that is known."""
        return Card(self.channel, self.ts) if self.ts else None

    @property
    def channel(self) -> str:
        """Where it is edited, as far as that is known."""
        return self.posted_in or self.letter.channel

    @property
    def settled(self) -> bool:
        """True when people see the newest drawing, or never will."""
        return self.fate in (Fate.LOST, Fate.UNKNOWN) or (self.fate is Fate.POSTED and self.sent >= self.drawing)
