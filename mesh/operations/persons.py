"""Who is one person, of those who take part in an approval: asked of the configuration and of Slack."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

from mesh.domain.catalog import Catalog
from mesh.domain.errors import Unavailable
from mesh.domain.persons import is_person, may_join, persons
from mesh.domain.policy import Actor
from mesh.ports import Directory

AT_ONCE = 12
"""How many accounts Slack is asked about at the same time: a person waits, and one after another takes too long."""

HANGS_S = 2.0
"""Slack hangs where none of those asked together was told of by then: nobody else is asked, and waited for, as well."""


def persons_of(catalog: Catalog, directory: Directory, actors: Iterable[Actor]) -> dict[str, str]:
    """Return the canonical person of each of these accounts, by its id; raise Unavailable where Slack does not say.

    Slack is asked about every account that the configuration lists, too: it may be the one by which two of those who
    take part are one person. Where Slack is silent about one that cannot be that, it is left out.
    """
    taking_part = {actor.user: actor for actor in actors}
    listed = {account: Actor(account) for accounts in catalog.people for account in accounts}
    # Those who take part first: where Slack hangs, nobody is asked after them.
    said = _members(directory, {**taking_part, **listed, **taking_part})
    members = {user: one for user, one in said.items() if isinstance(one, str)}
    for user, error in said.items():
        if not isinstance(error, str) and (user in taking_part or may_join(catalog.people, members, user, taking_part)):
            raise error
    found = persons(catalog.people, members)
    return {user: found[user] for user in taking_part}


def _members(directory: Directory, accounts: dict[str, Actor]) -> dict[str, str | Unavailable]:
    """Return by which id Slack knows the person of each account, or that it did not say; asked side by side."""
    # Each with the context of the caller, so that what is asked belongs to one trace.
    asks = [(copy_context(), directory, actor) for actor in accounts.values()]
    found: list[str | Unavailable] = []
    with ThreadPoolExecutor(min(AT_ONCE, len(asks)), thread_name_prefix="persons") as pool:
        for first in range(0, len(asks), AT_ONCE):
            began = time.monotonic()
            said = list(pool.map(lambda one: one[0].run(_member, *one[1:]), asks[first : first + AT_ONCE]))
            found += said
            # One account alone, of a stranger perhaps, says nothing of the others.
            silent = next((one for one in said if not isinstance(one, str)), None)
            if silent and not any(isinstance(one, str) for one in said) and time.monotonic() - began > HANGS_S:
                found += [silent] * (len(asks) - len(found))
                break
    return dict(zip(accounts, found, strict=True))


def _member(directory: Directory, actor: Actor) -> str | Unavailable:
    if not is_person(actor.user):
        return actor.user
    try:
        return directory.person(actor)
    except Unavailable as error:
        return error
