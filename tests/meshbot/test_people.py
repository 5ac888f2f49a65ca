"""What the doctor finds in Slack about the channels, usergroups and approvals of a configuration."""

from __future__ import annotations

import pytest

from mesh.domain.approvals import Rule
from mesh.domain.catalog import Catalog, Channels, Service
from mesh.domain.errors import Unavailable
from mesh.domain.policy import Policy, Role
from mesh.ports import Place
from meshbot.people import channels_of, people

PLACES = {
    "C0OURS": Place(shared=False, joined=True),
    "C0SHARED": Place(shared=True, joined=True),
    "C0OLD": Place(shared=False, joined=True, archived=True),
    "C0OUT": Place(shared=False, joined=False),
}
GROUPS = {"S0TWO": frozenset({"U1", "U2"}), "S0ONE": frozenset({"U2"})}


class Known:
    """A workspace of plain values."""

    def place(self, channel: str) -> Place:
        """Return what it is."""
        return PLACES[channel]

    def members(self, group: str) -> frozenset[str]:
        """Return who is in it."""
        return GROUPS.get(group, frozenset())


class Silent(Known):
    """A workspace that says nothing."""

    def place(self, channel: str) -> Place:
        """Say nothing."""
        raise Unavailable("Slack did not say.", hint="Repeat it.")


def found(catalog: Catalog) -> list[tuple[str, str, str]]:
    """Level, subject and text of each finding."""
    return [(one.level, one.what, one.text) for one in people(catalog, Known())]


@pytest.mark.parametrize(
    ("channel", "level", "said"),
    [
        ("C0SHARED", "fail", "is shared"),
        ("C0OLD", "fail", "is archived"),
        ("C0OUT", "fail", "the bot is not in"),
        ("C0OURS", "ok", "all 1 of the configuration are ours"),
    ],
)
def test_threat_12_a_channel_that_cannot_be_used_is_named(channel: str, level: str, said: str) -> None:
    """With what it is for; where only a role is bound to it, the bot need not be a member."""
    catalog = Catalog(services=(Service("api", approvals=channel),))
    [(how, what, text)] = found(catalog)
    assert (how, what, said in text) == (level, "channels", True)
    bound = Catalog(policy=Policy((Role("sre", users=("U1",), channels=(channel,)),)))
    assert found(bound)[0][0] == ("ok" if channel == "C0OUT" else level)


def test_every_channel_of_the_configuration_is_looked_at() -> None:
    """Once each, whatever it is for."""
    catalog = Catalog(
        services=(Service("api", incident_channel="C1", approvals="C2"),),
        channels=Channels(audit="C3", incidents="C1"),
        policy=Policy((Role("sre", channels=("C4", "C3")),)),
        approvals=(Rule("two", channel="C5"),),
    )
    assert set(channels_of(catalog)) == {"C1", "C2", "C3", "C4", "C5"}
    assert channels_of(catalog)["C4"] == ("role sre", False)
    assert channels_of(catalog)["C3"] == ("role sre, channels.audit", True)


@pytest.mark.parametrize(
    ("rule", "level", "said"),
    [
        (Rule("a", need=3, groups=("S0TWO",)), "fail", "nobody can meet a: it needs 3, and only 2"),
        (Rule("b", need=2, groups=("S0TWO",)), "warn", "needs all 2 of its people"),
        (Rule("c", need=2, groups=("S0TWO",), users=("U3",)), "", ""),
        (Rule("d", need=1, groups=("S0ONE",), second=("S0TWO",)), "", ""),
        (Rule("e", need=2, users=("U1", "W1", "U2")), "warn", "needs all 2"),
        (Rule("f", need=1), "fail", "only 0 may vote"),
    ],
)
def test_an_approval_that_nobody_can_give_is_named(rule: Rule, level: str, said: str) -> None:
    """Members of both groups and single people count, two accounts of one person once, and the asker never."""
    catalog = Catalog(approvals=(rule,), people=(("U1", "W1"),))
    told = [(how, text) for how, what, text in found(catalog) if what == "approvals"]
    assert [(how, said in text) for how, text in told] == ([(level, True)] if level else [])


def test_threat_13_usergroups_that_give_rights_are_warned_about() -> None:
    """Whoever may edit one gives its rights; one without members is named, and without groups nothing is said."""
    catalog = Catalog(policy=Policy((Role("sre", usergroups=("S0TWO", "S0NONE")),)))
    told = [text for _, what, text in found(catalog) if what == "usergroups"]
    assert told == [
        "S0NONE (role sre) has no members, or there is no such group",
        "whoever may edit S0NONE, S0TWO in Slack gives their rights",
    ]
    assert found(Catalog(policy=Policy((Role("sre", users=("U1",)),)))) == []


def test_a_silent_slack_is_one_warning() -> None:
    """What could not be looked at is said, and nothing else is."""
    [finding] = people(Catalog(channels=Channels(audit="C0OURS")), Silent())
    assert (finding.level, finding.text) == ("warn", "Slack did not say.")
