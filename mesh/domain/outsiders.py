"""Who is no full member of the workspace: such people and machines ask for nothing here, whatever way they come."""

from __future__ import annotations

from enum import StrEnum


class Outsider(StrEnum):
    """What makes somebody an outsider; the word stands in the audit log."""

    GUEST = "guest"
    STRANGER = "stranger"
    """Of another workspace or organisation (Slack Connect), or nobody that Slack knows."""
    GONE = "deactivated"
    BOT = "bot"
    WORKFLOW = "workflow"


WHY: dict[Outsider, str] = {
    Outsider.GUEST: "Guests of this workspace cannot use meshbot.",
    Outsider.STRANGER: "You belong to another Slack workspace, so meshbot does not work for you.",
    Outsider.GONE: "This account is deactivated, so meshbot does not work for it.",
    Outsider.BOT: "Apps and bots cannot use meshbot.",
    Outsider.WORKFLOW: "Workflows cannot use meshbot.",
}
"""What each is told: nothing about services, people or rules."""
HINT = "Ask a member of this workspace."
SHARED = "This channel is shared with another organisation, so meshbot does nothing and shows nothing here."
SHARED_HINT = "Use a channel of your own organisation, or write to meshbot directly."
