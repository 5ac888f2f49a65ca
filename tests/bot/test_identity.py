"""Who the bot is: learnt from Slack, tolerated as unknown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from bot.identity import Identity, Passport
from bot.requests import Request
from chat.connection import web_client
from mesh.domain.errors import Denied, Refused
from mesh.domain.operations import Origin
from mesh.domain.policy import Actor
from tests.answering import answering, send
from tests.chat.proxies import ODD, proxy

ME = {"ok": True, "team_id": "T0MESH", "enterprise_id": "E0ORG", "bot_id": "B0MESH", "user_id": "UMESHBOT"}


@contextmanager
def slack(answers: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Serve fixed answers by method name; yields the API's base URL."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        body = json.dumps(answers[request.path.rpartition("/")[2]]).encode()
        send(request, body, content_type="application/json")

    with answering(reply) as url:
        yield f"{url}/api/"


def request(team: str = "T0MESH", **changes: Any) -> Request:
    """A request of somebody of that team."""
    return Request(Actor("U0JIN", team), Origin("slash"), dedupe="x", **{"app": "A0MESH", **changes})


def test_the_identity_is_learnt_from_slack() -> None:
    """auth.test tells team and bot, bots.info the app."""
    with slack({"auth.test": ME, "bots.info": {"ok": True, "bot": {"app_id": "A0MESH"}}}) as url:
        passport = Passport(web_client("xoxb-test", url))
        assert passport.learn()
    assert passport.identity == Identity("T0MESH", "E0ORG", "A0MESH", "B0MESH", "UMESHBOT")
    assert passport().bot_user_id == "UMESHBOT"


def test_without_the_right_to_ask_the_app_stays_unknown() -> None:
    """A token without users:read still knows its team."""
    with slack({"auth.test": ME, "bots.info": {"ok": False, "error": "missing_scope"}}) as url:
        passport = Passport(web_client("xoxb-test", url))
        assert passport.learn()
    assert (passport.identity.team, passport.identity.app) == ("T0MESH", "")


def test_an_absent_slack_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    """Without an answer the bot works as somebody unknown, and its token is not logged."""
    passport = Passport(web_client("xoxb-test", "http://127.0.0.1:9/api/"))
    assert not passport.learn()
    assert passport.identity == Identity()
    assert passport().bot_token == "xoxb-test"
    assert "xoxb" not in caplog.text
    Identity().check(request("T0OTHER"))


@pytest.mark.parametrize(("answer", "said"), ODD.values(), ids=ODD)
def test_a_proxys_page_is_not_logged(answer: bytes, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """What comes back in Slack's place is logged by its kind alone."""
    with proxy(answer) as url:
        assert not Passport(web_client("xoxb-test", url)).learn()
    [ours] = [record.getMessage() for record in caplog.records if record.name == "bot.identity"]
    assert ours == f"Slack has not said yet who this bot is: {said}"


@pytest.mark.parametrize(
    "home",
    [
        request("T0MESH"),
        request("T0SECOND", enterprise="E0ORG"),
        request("E0ORG"),
        request("T0SECOND", shared=False),
        request(""),
        request(app=""),
    ],
)
def test_people_of_the_workspace_and_of_its_organisation_pass(home: Request) -> None:
    """In an organisation the team may be another one, or the organisation itself."""
    Identity("T0MESH", "E0ORG", "A0MESH").check(home)


def test_strangers_are_denied_and_foreign_apps_refused() -> None:
    """Another workspace and another app are told apart."""
    me = Identity("T0MESH", "", "A0MESH")
    with pytest.raises(Denied):
        me.check(request("T0OTHER", enterprise="E0OTHER"))
    with pytest.raises(Refused, match="another Slack app"):
        me.check(request(app="A0OTHER"))
