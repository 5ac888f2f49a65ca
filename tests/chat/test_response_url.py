"""Answering by response_url."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiohttp import web

from chat.answers import late_answer
from chat.response_url import is_allowed, respond
from playground.serving import ServerThread
from tests.chat.conftest import Slack

API = "https://slack.com/api/"


@pytest.mark.parametrize(
    "url", ["https://hooks.slack.com/commands/T1/2/x", "https://hooks.slack.com:443/actions/T1", "https://slack.com/x"]
)
def test_slacks_addresses(url: str) -> None:
    """Slack's own hosts are answered."""
    assert is_allowed(url, API)


def test_threat_15_each_slack_has_its_own_host_for_answers() -> None:
    """Of GovSlack it is hooks.slack-gov.com, by the address of its API; a stand-in answers at its own address only."""
    assert is_allowed("https://hooks.slack-gov.com/x", "https://slack-gov.com/api/")
    assert not is_allowed("https://hooks.slack-gov.com/x", API)
    assert is_allowed("http://127.0.0.1:8/x", "http://127.0.0.1:8/api/")
    assert not is_allowed("http://127.0.0.1:9/x", "http://127.0.0.1:8/api/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://hooks.slack.com/x",
        "https://hooks.slack.com.evil.example/x",
        "https://evil.example/hooks.slack.com/",
        "https://hooks.slack.com@evil.example/x",
        "https://someone:secret@hooks.slack.com/x",
        "https://evil.example\\@hooks.slack.com/x",
        "https://hooks.slack.com:8443/x",
        "https://hooks.slack.com:x/x",
        "https://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://hooks.slack.com/x\r\nHost: evil",
        "https://hooks.släck.com/x",
    ],
)
def test_threat_15_other_addresses_are_not_answered(url: str) -> None:
    """Whatever only looks like Slack is not answered."""
    assert not is_allowed(url, API)
    with pytest.raises(ValueError, match="not Slack's"):
        respond(url, late_answer(), api_url=API)


def test_only_the_asking_person_sees_it(slack: Slack) -> None:
    """The answer reaches the person who asked, and nobody else."""
    respond(slack.response_url("U0JIN", "C0PROD"), late_answer(), api_url=slack.client.base_url)
    assert len(slack.driver.messages("C0PROD", as_="U0JIN")) == 1
    assert slack.driver.messages("C0PROD", as_="U0ANA") == []


@pytest.fixture
def redirecting() -> Iterator[tuple[str, list[str]]]:
    """A server that sends everybody on, and a list of who followed."""
    followed: list[str] = []

    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound("/elsewhere")

    async def elsewhere(request: web.Request) -> web.Response:
        followed.append(request.method)
        return web.Response()

    app = web.Application()
    app.router.add_post("/api/away", away)
    app.router.add_route("*", "/elsewhere", elsewhere)
    with ServerThread(app) as server:
        yield server.url, followed


def test_threat_15_no_redirect_is_followed(redirecting: tuple[str, list[str]]) -> None:
    """A redirect is an error, and its target never hears of it."""
    url, followed = redirecting
    with pytest.raises(OSError, match="HTTP 302"):
        respond(f"{url}/api/away", late_answer(), api_url=f"{url}/api/")
    assert followed == []


def test_threat_15_errors_do_not_name_the_address(slack: Slack) -> None:
    """An error answer is an OSError without the secret address in it."""
    with pytest.raises(OSError, match="HTTP 404") as caught:
        respond(f"{slack.url}/response/T0MESH/A0MESH/SECRET", late_answer(), api_url=slack.client.base_url)
    assert "SECRET" not in str(caught.value)
