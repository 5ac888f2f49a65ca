"""Slack's trouble has one word, and nobody's page is in it."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError

from chat.blocks import Message
from chat.calls import Perhaps, SlackCalls
from chat.connection import web_client
from chat.directory import SlackDirectory
from chat.trouble import TROUBLE, word
from mesh.domain.errors import Unavailable
from mesh.domain.policy import Actor
from tests.chat.proxies import ODD, proxy


@pytest.mark.parametrize(("answer", "said"), ODD.values(), ids=ODD)
def test_what_a_proxy_answers_is_not_repeated(answer: bytes, said: str) -> None:
    """Whatever comes back in Slack's place is caught, and told by its kind in calls and directory."""
    with proxy(answer) as url:
        client = web_client("xoxb-test", url)
        with pytest.raises(TROUBLE) as trouble:
            client.auth_test()
        assert word(trouble.value) == said
        with pytest.raises(Unavailable) as told:
            SlackDirectory(client).active(Actor("U0JIN"))
        assert said in told.value.message
        assert "SECRET" not in told.value.message
        # What is behind the proxy may have posted it.
        with pytest.raises(Perhaps) as heard:
            SlackCalls(client).post("C0PROD", Message("hello", ()), client="id")
        assert str(heard.value) == said


@pytest.mark.parametrize(
    ("answer", "said"),
    [({"error": "invalid_auth"}, "invalid_auth"), ({}, "no answer of Slack's"), (None, "no answer of Slack's")],
)
def test_slacks_own_word_is_kept(answer: object, said: str) -> None:
    """`invalid_auth` says more than the kind of the error does."""
    assert word(SlackApiError("the message is never shown", answer)) == said  # type: ignore[no-untyped-call]  # slack_sdk leaves this one untyped
