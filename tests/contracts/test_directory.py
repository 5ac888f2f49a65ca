"""What every directory keeps, the one that asks Slack and the one in memory alike."""

from __future__ import annotations

import pytest

from chat.directory import SlackDirectory
from chat.memory import FixedDirectory
from mesh.domain.outsiders import Outsider
from mesh.domain.policy import Actor
from mesh.ports import Directory, People

JIN, ANA, GONE = (Actor(user, "T0MESH") for user in ("U0JIN", "U0ANA", "U0GONE"))
NAMED = frozenset({"S0SRE", "S0APIOWN", "S0NOWHERE"})


@pytest.fixture(params=["memory", "slack"])
def directory(request: pytest.FixtureRequest) -> Directory:
    """Each implementation in turn, with the people of the stand-in workspace."""
    if request.param == "memory":
        members = {"S0SRE": {"U0JIN", "U0GONE"}, "S0APIOWN": {"U0ANA"}}
        return FixedDirectory(members, gone=frozenset({"U0GONE"}))
    return SlackDirectory(request.getfixturevalue("slack").client)


OUTSIDERS = {
    "U0MIA": Outsider.GUEST,
    "U0GONE": Outsider.GONE,
    "U0WF": Outsider.WORKFLOW,
    "UMESHBOT": Outsider.BOT,
    "U0EXT": Outsider.STRANGER,
}


@pytest.fixture(params=["memory", "slack"])
def people(request: pytest.FixtureRequest) -> People:
    """Each implementation in turn, with the outsiders of the stand-in workspace."""
    if request.param == "memory":
        return FixedDirectory({}, outsiders=OUTSIDERS, shared=frozenset({"C0VEND"}))
    return SlackDirectory(request.getfixturevalue("slack").client)


def test_members_are_active_and_leavers_are_not(directory: Directory) -> None:
    """A member of the workspace may act, who left may not."""
    assert [directory.active(actor) for actor in (JIN, ANA, GONE)] == [True, True, False]


def test_a_person_is_in_the_groups_that_hold_them(directory: Directory) -> None:
    """Each has their own groups; a group that nobody knows holds nobody, and who left is in none."""
    found = [directory.groups(actor, NAMED) for actor in (JIN, ANA, GONE)]
    assert found == [{"S0SRE"}, {"S0APIOWN"}, frozenset()]


def test_only_named_groups_are_answered(directory: Directory) -> None:
    """A group that was not asked for is not in the answer."""
    assert directory.groups(JIN, frozenset({"S0APIOWN"})) == frozenset()
    assert directory.groups(JIN, frozenset()) == frozenset()


def test_without_news_nothing_has_changed(directory: Directory) -> None:
    """What nobody was told of counts for its minute."""
    assert directory.changed_lately(JIN, NAMED, "C0PROD") is False
    assert directory.changed_lately(JIN, frozenset(), "") is False


def test_a_person_without_an_organisation_is_their_own_id(directory: Directory) -> None:
    """The canonical id is there for everybody, also for who left."""
    assert [directory.person(actor) for actor in (JIN, GONE)] == ["U0JIN", "U0GONE"]


def test_outsiders_are_told_apart(people: People) -> None:
    """Members are none; guests, leavers, bots, workflows and people of other organisations are each what they are."""
    found = {user: people.outsider(Actor(user)) for user in ("U0JIN", "U0MIA", "U0GONE", "U0WF", "UMESHBOT", "U0EXT")}
    assert found == {"U0JIN": None, **OUTSIDERS}


def test_a_shared_channel_is_known(people: People) -> None:
    """A channel shared with another organisation is; our own, a direct message and no channel at all are not."""
    assert [people.place(channel).shared for channel in ("C0VEND", "C0PROD", "D0JIN", "U0JIN", "")] == [
        True, False, False, False, False,
    ]  # fmt: skip
    assert [people.place(channel).joined for channel in ("C0PROD", "U0JIN", "")] == [True, True, False]
