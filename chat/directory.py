"""Who a person is and which usergroups hold them, as Slack says, remembered for a minute at most.

Whatever cannot be known is no: guests, bots, deleted people and people of other workspaces belong to no group.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from slack_sdk import WebClient

from chat.trouble import TROUBLE, word
from mesh.domain.errors import Unavailable
from mesh.domain.policy import Actor

MOST_CACHED = 5000

_UNKNOWN_PERSON = frozenset({"user_not_found", "user_not_visible", "users_not_found"})
_UNKNOWN_GROUP = frozenset({"no_such_subteam", "subteam_not_found"})
_BARRED = ("deleted", "is_bot", "is_workflow_bot", "is_restricted", "is_ultra_restricted", "is_stranger")
_SLACKBOT = "USLACKBOT"  # Slack says is_bot=false of it

log = logging.getLogger(__name__)
T = TypeVar("T")


class SlackDirectory:
    """Implements `ports.Directory` with users.info, usergroups.users.list and auth.test (for the home workspace)."""

    def __init__(self, client: WebClient, *, cache_s: float = 60.0) -> None:
        """Ask Slack through `client`; an answer counts for `cache_s` seconds, 60 at most for rights."""
        self._client = client
        self._cache_s = cache_s
        self._cache: dict[str, tuple[float, Any]] = {}

    def groups(self, actor: Actor, named: frozenset[str]) -> frozenset[str]:
        """Return those of the `named` usergroups the actor is in; none for who may not act at all.

        Raises Unavailable when Slack does not say.
        """
        if not named or not self.active(actor):
            return frozenset()
        return frozenset(group for group in sorted(named) if actor.user in self._members(group))

    def active(self, actor: Actor) -> bool:
        """Tell whether the actor is a full member of the home workspace; raise Unavailable when Slack does not say."""
        person = self._remembered(f"user {actor.user}", lambda: self._person(actor.user))
        if person is None or actor.user == _SLACKBOT or any(person.get(flag) for flag in _BARRED):
            return False
        return self._is_home(person, actor.team)

    def person(self, actor: Actor) -> str:
        """Return the person's id in the organisation, or their own; raise Unavailable when Slack does not say."""
        person = self._remembered(f"user {actor.user}", lambda: self._person(actor.user)) or {}
        enterprise = person.get("enterprise_user") or {}
        return str(enterprise.get("id") or actor.user)

    def _is_home(self, person: dict[str, Any], team: str) -> bool:
        """Compare workspaces: the person's with ours, and with the one the request named (a team or an enterprise)."""
        home = self._remembered("home", lambda: dict(self._ask("auth.test")))
        enterprise = person.get("enterprise_user") or {}
        theirs = {person.get("team_id"), enterprise.get("enterprise_id"), *(enterprise.get("teams") or ())} - {None, ""}
        ours = {home.get("team_id"), home.get("enterprise_id")} - {None, ""}
        return bool(theirs & ours) and (not team or team in theirs)

    def _members(self, group: str) -> frozenset[str]:
        return self._remembered(f"group {group}", lambda: self._group(group))

    def _person(self, user: str) -> dict[str, Any] | None:
        try:
            person = self._ask("users.info", user=user)["user"]
        except _NotKnownError:
            return None
        return dict(person)

    def _group(self, group: str) -> frozenset[str]:
        try:
            return frozenset(self._ask("usergroups.users.list", usergroup=group)["users"])
        except _NotKnownError:
            log.warning("the policy names a usergroup that Slack does not know; nobody is in it")
            return frozenset()

    def _ask(self, method: str, **arguments: str) -> dict[str, Any]:
        """Call one reading method; raise Unavailable when there is no answer."""
        try:
            answer = self._client.api_call(method, params=arguments).data
        except TROUBLE as error:
            if word(error) in _UNKNOWN_PERSON | _UNKNOWN_GROUP:
                raise _NotKnownError from error
            raise _unavailable(method, word(error)) from error
        if not isinstance(answer, dict):
            raise _unavailable(method, "no JSON")
        return answer

    def _remembered(self, key: str, ask: Callable[[], T]) -> T:
        """Return the young answer, or ask. An error is not remembered."""
        now = time.monotonic()
        kept = self._cache.get(key)
        if kept is not None and now - kept[0] < self._cache_s:
            found: T = kept[1]
            return found
        fresh = ask()
        if len(self._cache) >= MOST_CACHED:
            self._cache.clear()
        self._cache[key] = (now, fresh)
        return fresh


class _NotKnownError(Exception):
    """Slack answered that there is no such person or group."""


def _unavailable(method: str, why: str) -> Unavailable:
    hints = {
        "missing_scope": "An administrator must add the scopes users:read and usergroups:read to the app.",
        "plan_upgrade_required": "This Slack plan has no usergroups; name user ids in the policy instead.",
    }
    return Unavailable(
        f"Slack did not say who is who ({method}: {why}).",
        hint=hints.get(why, "Repeat it in a minute."),
    )
