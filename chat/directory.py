"""Who a person is and which usergroups hold them, as Slack says, remembered for a minute at most.

Whatever cannot be known is no: guests, bots, deleted people and people of other workspaces belong to no group.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from slack_sdk import WebClient

from chat.trouble import BAD_TOKEN, TROUBLE, word
from mesh.domain.errors import Lapse, Unavailable
from mesh.domain.outsiders import Outsider
from mesh.domain.policy import Actor
from mesh.ports import Changes, Place

MOST_CACHED = 5000
MOST_LOCALE = 35
"""Characters of a locale (RFC 5646, 4.4.1); it goes onto records."""
FLIGHT_S = 1.2
"""How long to wait for somebody else's answer to the same question, in seconds: a little more than Slack is given while
a person waits for the acknowledgement (`bot.wiring.ASKING_S`)."""
FLIGHTS = 2
"""How many answers somebody waits for: one that was not had may be had by the next to ask, after that time is over."""
DEAF_S = 2.0
"""How long it is not asked what changed, after that got no answer."""

_CHANGING = ("user ", "group ", "channel ")
"""What changes are told of."""
_UNKNOWN_PERSON = frozenset({"user_not_found", "user_not_visible", "users_not_found"})
_UNKNOWN_GROUP = frozenset({"no_such_subteam", "subteam_not_found"})
_UNKNOWN_CHANNEL = frozenset({"channel_not_found"})
_OUTSIDERS = {
    "deleted": Outsider.GONE,
    "is_workflow_bot": Outsider.WORKFLOW,
    "is_bot": Outsider.BOT,
    "is_restricted": Outsider.GUEST,
    "is_ultra_restricted": Outsider.GUEST,
    "is_stranger": Outsider.STRANGER,
}
"""Flags of a user that bar them, the most telling first."""
_SLACKBOT = "USLACKBOT"  # Slack says is_bot=false of it

log = logging.getLogger(__name__)
T = TypeVar("T")
_Kept = tuple[float, str, Any]
"""When something was asked, the mark of that moment, and the answer."""


class SlackDirectory:
    """Implements `ports.Directory` and `ports.People`.

    Asks users.info, usergroups.users.list, conversations.info, and auth.test for the home workspace.
    """

    def __init__(self, client: WebClient, *, cache_s: float = 60.0, changes: Changes | None = None) -> None:
        """Ask Slack through `client`; an answer counts for `cache_s` seconds, 60 at most for rights.

        What `changes` says has changed is asked again at once.
        """
        self._client = client
        self._cache_s = cache_s
        self._changes = changes
        self._deaf_until = 0.0
        self._cache: dict[str, _Kept] = {}
        """By question."""
        self._flights: dict[str, Future[_Kept | None]] = {}
        """By question: who asks it now."""
        self._boarding = threading.Lock()

    def groups(self, actor: Actor, named: frozenset[str]) -> frozenset[str]:
        """Return those of the `named` usergroups the actor is in; none for who may not act at all.

        Raises Unavailable when Slack does not say.
        """
        if not named or not self.active(actor):
            return frozenset()
        return frozenset(group for group in sorted(named) if actor.user in self._members(group))

    def active(self, actor: Actor) -> bool:
        """Tell whether the actor is a full member of the home workspace; raise Unavailable when Slack does not say."""
        return self.outsider(actor) is None

    def outsider(self, actor: Actor) -> Outsider | None:
        """Return what keeps the actor from being a full member of the home workspace; None for a member.

        Raises Unavailable when Slack does not say.
        """
        person = self._remembered(f"user {actor.user}", lambda: self._person(actor.user))
        if person is None:
            return Outsider.STRANGER
        barred = next((kind for flag, kind in _OUTSIDERS.items() if person.get(flag)), None)
        if barred or actor.user == _SLACKBOT:
            return barred or Outsider.BOT
        return None if self._is_home(person, actor.team) else Outsider.STRANGER

    def place(self, channel: str) -> Place:
        """Return what a channel is; raise Unavailable when Slack does not say.

        Not asked about direct messages (`D…`, or a person's id): who is in them is who asks.
        """
        if not channel.startswith(("C", "G")):
            return Place(shared=False, joined=bool(channel))
        found = self._remembered(f"channel {channel}", lambda: self._channel(channel))
        return Place(_is_shared(found), bool(found.get("is_member")), archived=bool(found.get("is_archived")))

    def person(self, actor: Actor) -> str:
        """Return the person's id in the organisation, or their own; raise Unavailable when Slack does not say."""
        person = self._remembered(f"user {actor.user}", lambda: self._person(actor.user)) or {}
        enterprise = person.get("enterprise_user") or {}
        return str(enterprise.get("id") or actor.user)

    def locale(self, user: str) -> str:
        """Return the person's locale as Slack said last (`ko-KR`); empty where it has not. Never asks, never waits."""
        known = self._cache.get(f"user {user}")
        person = known[2] if known else None
        return str(person.get("locale") or "")[:MOST_LOCALE] if person else ""

    def changed_lately(self, actor: Actor, groups: frozenset[str], channel: str) -> bool:
        """Tell whether any of them has a mark: Slack told of a change, and what is on record is older perhaps."""
        names = [f"user {actor.user}", *(f"group {group}" for group in sorted(groups))]
        names += [f"channel {channel}"] if channel else []
        return any(self._mark(name, "") for name in names)

    def _is_home(self, person: dict[str, Any], team: str) -> bool:
        """Compare workspaces: the person's with ours, and with the one the request named (a team or an enterprise)."""
        home = self._remembered("home", lambda: dict(self._ask("auth.test")))
        enterprise = person.get("enterprise_user") or {}
        theirs = {person.get("team_id"), enterprise.get("enterprise_id"), *(enterprise.get("teams") or ())} - {None, ""}
        ours = {home.get("team_id"), home.get("enterprise_id")} - {None, ""}
        return bool(theirs & ours) and (not team or team in theirs)

    def members(self, group: str) -> frozenset[str]:
        """Return the users of a usergroup, none where Slack knows no such group; raise Unavailable."""
        return self._members(group)

    def _members(self, group: str) -> frozenset[str]:
        return self._remembered(f"group {group}", lambda: self._group(group))

    def _person(self, user: str) -> dict[str, Any] | None:
        try:
            # The locale comes only to who asks for it; the same answer says who the person is, so it costs nothing.
            person = self._ask("users.info", user=user, include_locale="true")["user"]
        except _NotKnownError:
            return None
        return dict(person)

    def _channel(self, channel: str) -> dict[str, Any]:
        try:
            return dict(self._ask("conversations.info", channel=channel)["channel"])
        except _NotKnownError:
            # The app is not in it, so it posts nothing there that anybody from outside could read.
            return {}

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
            if word(error) in _UNKNOWN_PERSON | _UNKNOWN_GROUP | _UNKNOWN_CHANNEL:
                raise _NotKnownError from error
            raise _unavailable(method, word(error)) from error
        if not isinstance(answer, dict):
            raise _unavailable(method, "no JSON")
        return answer

    def _remembered(self, key: str, ask: Callable[[], T]) -> T:
        """Return the young answer, or ask. An error is not remembered.

        A crowd in one channel is one question, however long Slack takes for it: one asks, the others wait.
        """
        for _ in range(FLIGHTS):
            kept = self._young(key)
            if kept is None:
                flight, first = self._board(key)
                kept = self._fly(key, flight, ask) if first else self._landed(key, flight)
            if kept is not None:
                answer: T = kept[2]
                return answer
        raise _unavailable(key.partition(" ")[0], TimeoutError.__name__)

    def _board(self, key: str) -> tuple[Future[_Kept | None], bool]:
        """Return who asks this now, and whether that is us."""
        with self._boarding:
            known = self._flights.get(key)
            return known or self._flights.setdefault(key, Future()), known is None

    def _fly(self, key: str, flight: Future[_Kept | None], ask: Callable[[], T]) -> _Kept:
        """Ask for all who wait for this flight."""
        kept = None
        try:
            # Another one may have landed in the moment before.
            kept = self._young(key) or self._ask_and_keep(key, ask)
        finally:
            with self._boarding:
                del self._flights[key]
            flight.set_result(kept)
        return kept

    def _landed(self, key: str, flight: Future[_Kept | None]) -> _Kept | None:
        """Return somebody else's answer; None where there is none in time, or something changed while it was given."""
        try:
            kept = flight.result(FLIGHT_S)
        except TimeoutError:
            return None
        return kept if kept is not None and self._mark(key, kept[1]) == kept[1] else None

    def _young(self, key: str) -> _Kept | None:
        kept = self._cache.get(key)
        if kept is None or time.monotonic() - kept[0] >= self._cache_s or self._mark(key, kept[1]) != kept[1]:
            return None
        return kept

    def _mark(self, key: str, known: str) -> str:
        """Return the mark of whom a question is about; the known one where nobody says: the time limit holds anyway."""
        if self._changes is None or not key.startswith(_CHANGING) or time.monotonic() < self._deaf_until:
            return known
        try:
            return self._changes.mark(key)
        except Unavailable:
            # A person waits: who does not answer now is not asked for each thing that is remembered.
            self._deaf_until = time.monotonic() + DEAF_S
            return known

    def _ask_and_keep(self, key: str, ask: Callable[[], T]) -> _Kept:
        # The mark first: what changes while Slack answers is then asked again.
        kept = (time.monotonic(), self._mark(key, ""), ask())
        if len(self._cache) >= MOST_CACHED:
            self._cache.clear()
        self._cache[key] = kept
        return kept


class _NotKnownError(Exception):
    """Slack answered that there is no such person, group or channel."""


def _is_shared(channel: dict[str, Any]) -> bool:
    """Tell whether others read along, or are invited to: `is_shared` would also be true within one organisation."""
    return bool(channel.get("is_ext_shared") or channel.get("is_pending_ext_shared"))


def _unavailable(method: str, why: str) -> Unavailable:
    hints = {
        "missing_scope": "An administrator must give the app the scopes of manifests/slack-app.yaml.",
        "plan_upgrade_required": "This Slack plan has no usergroups; name user ids in the policy instead.",
    }
    hints |= dict.fromkeys(BAD_TOKEN, "The app's token is no good any more: tell whoever runs meshbot.")
    return Unavailable(
        f"Slack did not say who is who ({method}: {why}).",
        hint=hints.get(why, "Repeat it in a minute."),
        lapse=Lapse.SLACK,
    )
