"""Who this bot is in Slack, learnt once in the background: a slow Slack must not keep it from starting or answering."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace

from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.authorize import Authorize
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.requests import Request
from chat.trouble import TROUBLE, word
from mesh.domain.errors import Denied, Refused
from mesh.domain.outsiders import HINT, WHY, Outsider

LONGEST_PAUSE_S = 60.0
TRIED_S = 300.0
"""How often the token is tried while nobody asks for anything, in seconds: before an incident is when to know it."""
FIRST_S = 1.0
"""How long a process that starts waits for Slack to say who it is, in seconds: as long as for any answer before an
acknowledgement. Nothing depends on it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """This bot, as `auth.test` and `bots.info` tell; everything is empty until they have."""

    team: str = ""
    enterprise: str = ""
    app: str = ""
    bot: str = ""
    user: str = ""

    def check(self, request: Request) -> None:
        """Refuse what was meant for another app, and people from outside; what is not known yet is not checked.

        Slack's signing secret belongs to one app, so this is the second fence, not the first.
        """
        if self.app and request.app and request.app != self.app:
            raise Refused("This request was sent to another Slack app.", hint="Its address and ours were mixed up.")
        if self.team and request.shared is not False and not self._is_home(request):
            raise Denied(WHY[Outsider.STRANGER], hint=HINT)

    def _is_home(self, request: Request) -> bool:
        # In an organisation, a team id may be the organisation's own (E…).
        home = {self.team, self.enterprise} - {""}
        return not request.actor.team or request.actor.team in home or request.enterprise in home


class Passport(Authorize):
    """Answers Bolt's question "who am I here" from memory: no call to Slack on the way to an acknowledgement."""

    def __init__(self, client: WebClient) -> None:
        """Start unknown; `learn_in_background` fills it in."""
        self.client = client
        self.identity = Identity()
        self._tried = threading.Event()

    def __call__(self, **_: object) -> AuthorizeResult:
        """Return what is known now; the bot's token is always known."""
        me = self.identity
        return AuthorizeResult(
            enterprise_id=me.enterprise or None,
            team_id=me.team or None,
            bot_id=me.bot or None,
            bot_user_id=me.user or None,
            bot_token=self.client.token,
        )

    def learn_in_background(self) -> None:
        """Ask Slack until it answers, in a thread that ends with the process."""
        threading.Thread(target=self._learn, name="identity", daemon=True).start()

    def _learn(self) -> None:
        pause_s, stop = 1.0, threading.Event()
        while not self.learn():
            self._tried.set()
            stop.wait(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        self._tried.set()
        while not stop.wait(TRIED_S):
            self._try()

    def _try(self) -> None:
        """Ask Slack whether the token is still good; the client notes what it says."""
        try:
            self.client.auth_test()
        except TROUBLE as error:
            log.warning("Slack does not say that the bot token is good: %s", word(error))

    def wait(self) -> None:
        """Wait until Slack was asked once, FIRST_S at most."""
        self._tried.wait(FIRST_S)

    def learn(self) -> bool:
        """Ask Slack once; False when it should be asked again."""
        try:
            me = self.client.auth_test()
            self.identity = Identity(
                team=me.get("team_id") or "",
                enterprise=me.get("enterprise_id") or "",
                bot=me.get("bot_id") or "",
                user=me.get("user_id") or "",
            )
            self.identity = replace(self.identity, app=self._app(self.identity.bot))
        except TROUBLE as error:
            log.warning("Slack has not said yet who this bot is: %s", word(error))
            return False
        return True

    def _app(self, bot: str) -> str:
        """Return the app's id; empty when the token may not ask (`bots.info` needs users:read)."""
        try:
            found = self.client.bots_info(bot=bot).get("bot") or {}
        except SlackApiError as error:
            log.info("The id of this Slack app stays unknown: %s", word(error))
            return ""
        return str(found.get("app_id") or "")
