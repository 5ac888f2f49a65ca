"""Persons: accounts that a list or Slack joins, also by way of a third one, have one id."""

from __future__ import annotations

import pytest

from mesh.domain.approvals import People
from mesh.domain.persons import persons

JIN = ("U0JIN", "U0JIN2")


@pytest.mark.parametrize(
    ("people", "members", "same"),
    [
        ((), {"U0JIN": "U0JIN", "U0ANA": "U0ANA"}, False),
        ((), {"U0JIN": "E1JIN", "U0ANA": "E1JIN"}, True),
        ((("U0JIN", "U0ANA"),), {"U0JIN": "U0JIN", "U0ANA": "U0ANA"}, True),
        ((JIN,), {"U0JIN": "U0JIN", "U0JIN2": "E1JIN", "U0ANA": "E1JIN"}, True),
        ((JIN, ("U0ANA", "U0ANA2")), {"U0JIN": "U0JIN", "U0ANA": "U0ANA", "U0JIN2": "E1", "U0ANA2": "E1"}, True),
        ((JIN, ("U0ANA", "U0ANA2")), {"U0JIN": "U0JIN", "U0ANA": "U0ANA", "U0JIN2": "E1", "U0ANA2": "E2"}, False),
        ((("U0JIN", "E1ANA"),), {"U0JIN": "U0JIN", "U0ANA": "E1ANA"}, True),
    ],
    ids=["strangers", "Slack", "a list", "a list and Slack", "two lists and Slack", "two lists", "a member in a list"],
)
def test_threat_5_accounts_are_one_person_by_any_chain(people: People, members: dict[str, str], same: bool) -> None:
    """A list and Slack each join two accounts, and together all that can be reached; in any order of asking."""
    for asked in (members, dict(reversed(members.items()))):
        found = persons(people, asked)
        assert (found["U0JIN"] == found["U0ANA"]) is same


def test_a_person_is_called_by_the_first_list_that_speaks_of_them_else_as_slack_does() -> None:
    """So the id in the audit log stays the same whichever of their accounts took part."""
    people = (("U0ANA", "U0ANA2"), ("U0JIN", "U0JIN2"))
    members = {"U0JIN2": "E1JIN", "U0JIN3": "E1JIN", "U0KIM": "E1KIM", "U0ZOE": "U0ZOE"}
    assert persons(people, members) == {"U0JIN2": "U0JIN", "U0JIN3": "U0JIN", "U0KIM": "E1KIM", "U0ZOE": "U0ZOE"}
