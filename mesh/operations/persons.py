"""Who is one person, of those who take part in an approval: asked of the configuration and of Slack."""

from __future__ import annotations

from collections.abc import Iterable

from mesh.domain.catalog import Catalog
from mesh.domain.persons import persons
from mesh.domain.policy import Actor
from mesh.ports import Directory


def persons_of(catalog: Catalog, directory: Directory, actors: Iterable[Actor]) -> dict[str, str]:
    """Return the canonical person of each of these accounts, by its id; raise Unavailable where Slack does not say.

    Slack is asked about every account that the configuration lists, too: it may be the one by which two of those who
    take part are one person. There are few, and what Slack said counts for a minute.
    """
    taking_part = {actor.user: actor for actor in actors}
    listed = {account: Actor(account) for accounts in catalog.people for account in accounts}
    everybody = {**listed, **taking_part}
    found = persons(catalog.people, {user: _member(directory, actor) for user, actor in everybody.items()})
    return {user: found[user] for user in taking_part}


def _member(directory: Directory, actor: Actor) -> str:
    # A program, such as Flagger: Slack knows nothing of it, and an odd id might make it answer with an error.
    return directory.person(actor) if actor.user.startswith(("U", "W")) else actor.user
