"""Persons: which accounts belong to one of them, by the configuration's lists and by Slack's word together. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from mesh.domain.approvals import People

_PERSON = re.compile(r"[UW][A-Z0-9]{1,31}")


def is_person(user: str) -> bool:
    """Tell whether an actor is a person by the form of the id.

    Of others, Flagger say, Slack knows nothing, and an odd id might make it answer with an error. Nor can they be
    written to: Slack takes names of channels where it takes ids, so such a letter could end up in whichever channel is
    called that.
    """
    return _PERSON.fullmatch(user) is not None


def persons(people: People, members: Mapping[str, str]) -> dict[str, str]:
    """Return of each account in `members` the one id that all accounts of its person share.

    `members` says by which id Slack knows an account's person: its own where there is no other. Two accounts are one
    person where a list or Slack joins them, also by way of a third account. The id is the first one of the first list
    that speaks of the person, else Slack's.
    """
    joined = _by_both(people, members)
    found = {}
    for account, member in members.items():
        ids = next(one for one in joined if account in one)
        found[account] = next((accounts[0] for accounts in people if accounts and accounts[0] in ids), member)
    return found


def may_join(people: People, members: Mapping[str, str], account: str, taking_part: Collection[str]) -> bool:
    """Tell whether what Slack would say of a listed account could make two of those who take part one person.

    `members` lacks each account that Slack was silent about. Each of these could lead anywhere, but to one place: so a
    person who takes no part is a way from one to another by two of them at least.
    """
    person = next((ids for ids in _by_both(people, members) if account in ids), {account})
    return not person.isdisjoint(taking_part) or len(_listed(people) & person - members.keys()) > 1


def _listed(people: People) -> set[str]:
    return {account for accounts in people for account in accounts}


def _by_both(people: People, members: Mapping[str, str]) -> list[set[str]]:
    """Return the ids of each person, by the lists and by Slack's word."""
    return _joined([*(set(accounts) for accounts in people), *({one, member} for one, member in members.items())])


def _joined(pieces: Iterable[set[str]]) -> list[set[str]]:
    """Return the pieces, those that overlap made one."""
    whole: list[set[str]] = []
    for piece in pieces:
        met = [one for one in whole if not one.isdisjoint(piece)]
        whole = [one for one in whole if one.isdisjoint(piece)] + [piece.union(*met)]
    return whole
