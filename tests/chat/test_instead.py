"""Whoever asked for what the channel does not take is told it all the same, in Slack's words for why."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from chat.blocks import message, section
from chat.escape import esc
from chat.letters import REPEATED, body_of
from chat.locales import Locale, speaking
from chat.outcomes import TELL_AFTER
from chat.places import card_key
from mesh.domain.letters import Fate, Letter, Row, Urgency
from mesh.operations.gatekeeping import FLAGGER
from tests.chat.conftest import Slack
from tests.chat.posting import PostOffice
from tests.chat.samples import SAMPLES

KEY = "card op-x"


@pytest.fixture
def office(slack: Slack) -> PostOffice:
    """Everything between a letter and Slack."""
    return PostOffice(slack)


def letter(text: str = "Rolled back api", *, alone: bool = False) -> Letter:
    """Return what Jin asked for: in the channel, or shown to them alone."""
    body, person = body_of(message(esc(text), [section(esc(text))])), "U0JIN" if alone else ""
    return Letter(KEY, "C0PROD", body, Urgency.CALL, once=alone, alone=person, asker="U0JIN")


def refuse(office: PostOffice, word: str, *, times: int = 1, method: str = "chat.postMessage") -> None:
    """Let Slack refuse the next calls by that word."""
    office.slack.driver.trouble("error", method=method, error=word, times=times)


def row(office: PostOffice, key: str = KEY) -> Row:
    """Return a row that exists."""
    return office.outbox.rows[key]


def directly(office: PostOffice) -> list[str]:
    """Return what Jin reads in our direct messages."""
    return [office.slack.driver.render_text(one) for one in office.slack.driver.messages("D0JIN", as_="U0JIN")]


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("trouble", ["ratelimit", "status", "accept_then_drop", "disconnect"])
def test_a_direct_message_is_a_letter_like_any_other(office: PostOffice, trouble: str, alone: bool) -> None:
    """What goes wrong with it is waited for, looked for or tried again: it is there once, and nothing is lost."""
    refuse(office, "user_not_in_channel" if alone else "not_in_channel", method=method(alone))
    office.slack.driver.trouble(trouble, method="chat.postMessage")
    office.outbox.put(letter(alone=alone))
    office.deliver()
    [text] = directly(office)
    assert ("Rolled back api" in text, REPEATED in text, office.lost) == (True, False, [])


def method(alone: bool) -> str:
    """Return how Slack is asked to show it."""
    return "chat.postEphemeral" if alone else "chat.postMessage"


def test_an_answer_that_may_have_arrived(office: PostOffice) -> None:
    """Where nobody knows whether an answer was shown, the direct message says that it may be a repetition."""
    address = office.slack.response_url("U0JIN", "C0PROD")
    refuse(office, "not_in_channel")
    office.slack.driver.trouble("accept_then_drop", method="response_url")
    office.outbox.put(replace(letter(), answer_to=address))
    office.deliver()
    assert [REPEATED in text for text in directly(office)] == [True]


@pytest.mark.parametrize("by_address", [False, True])
def test_each_drawing_is_told_once(office: PostOffice, by_address: bool) -> None:
    """What is tried again in the channel and refused again is not told again; the next drawing is."""
    address = office.slack.response_url("U0JIN", "C0RAND") if by_address else ""
    told = partial(office.slack.driver.messages, "C0RAND" if by_address else "D0JIN", as_="U0JIN")
    refuse(office, "not_in_channel")
    office.outbox.put(replace(letter(), answer_to=address))
    office.deliver()
    refuse(office, "not_in_channel")
    assert office.outbox.revive(KEY, "C0PROD")
    office.deliver()
    assert len(told()) == 1
    refuse(office, "not_in_channel")
    office.outbox.put(replace(letter("Rolled back api again"), answer_to=address))
    office.deliver()
    assert ["again" in one["text"] for one in told()] == [False, True]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("not_in_channel", "/invite"),
        ("restricted_action", "only some people post"),
        ("restricted_action_read_only_channel", "only some people post"),
        ("restricted_action_thread_only_channel", "only some people post"),
        ("restricted_action_non_threadable_channel", "only some people post"),
        ("is_archived", "Slack says is_archived"),
        ("access_denied", "Slack says access_denied"),
        ("no_permission", "Slack says no_permission"),
        ("ekm_access_denied", "Slack says ekm_access_denied"),
        ("team_access_not_granted", "Slack says team_access_not_granted"),
        ("messages_tab_disabled", "Slack says messages_tab_disabled"),
    ],
)
def test_a_channel_that_is_closed_to_us(office: PostOffice, word: str, said: str) -> None:
    """Whoever asked is told at once, and why they alone see it."""
    refuse(office, word)
    office.outbox.put(letter())
    office.deliver()
    assert office.time.ahead < 1
    [text] = directly(office)
    assert ("Rolled back api" in text, said in text) == (True, True)
    assert (row(office).fate, row(office).why, office.lost) == (Fate.LOST, word, [])


def test_a_word_that_nobody_knows(office: PostOffice) -> None:
    """After a few tries whoever asked is told, once; the channel is tried on, and gets it when Slack takes it again."""
    refuse(office, "as_of_tomorrow", times=TELL_AFTER)
    office.outbox.put(letter())
    office.deliver(within_s=2)
    assert directly(office) == []
    office.deliver(within_s=5)
    [text] = directly(office)
    assert ("Rolled back api" in text, "Slack says as_of_tomorrow" in text) == (True, True)
    assert row(office).fate is Fate.WAITING
    refuse(office, "as_of_tomorrow", times=2)
    office.deliver()
    assert [one["text"] for one in office.slack.driver.messages("C0PROD")] == ["Rolled back api"]
    assert len(directly(office)) == 1


def test_an_end_behind_a_word_that_nobody_knows(office: PostOffice) -> None:
    """What is drawn while the channel refuses is told at the next try, if it must be known."""
    for text, must, times in (("begun", False, TELL_AFTER), ("goes on", False, 1), ("the end", True, 1)):
        refuse(office, "as_of_tomorrow", times=times)
        office.outbox.put(replace(letter(text), must=must))
        tried = office.outbox.rows[KEY].failures + times
        while row(office).failures < tried:
            office.deliver(within_s=5)
            office.time.advance(5)
    office.deliver(within_s=1)
    assert [text.splitlines()[0] for text in directly(office)] == ["begun", "the end"]


def test_an_edit_that_is_refused_again_and_again(office: PostOffice) -> None:
    """Of a card that stays as it was, whoever asked is told what it should say."""
    office.outbox.put(letter("begun"))
    office.deliver()
    refuse(office, "as_of_tomorrow", times=20, method="chat.update")
    office.outbox.put(letter("the end"))
    office.deliver(within_s=30)
    assert ["the end" in text for text in directly(office)] == [True]


def test_what_one_person_alone_cannot_be_shown(office: PostOffice) -> None:
    """After a few refusals they are written to directly, and no longer tried in the channel: it would be twice."""
    refuse(office, "as_of_tomorrow", times=TELL_AFTER, method="chat.postEphemeral")
    office.outbox.put(letter(alone=True))
    office.deliver(within_s=600)
    assert ["Rolled back api" in text for text in directly(office)] == [True]
    assert (row(office).fate, len(office.slack.driver.transcript())) == (Fate.LOST, 1)


@pytest.mark.parametrize("done", [False, True])
def test_who_is_no_person_is_not_written_to(office: PostOffice, done: bool) -> None:
    """Where the channel does not take Flagger's question, no channel of that name gets it, and it is lost on record."""
    asked = replace(SAMPLES["promoted" if done else "checking"], actor=FLAGGER)
    refuse(office, "is_archived")
    office.cards.show(asked)
    office.deliver()
    assert {one.letter.channel for one in office.outbox.rows.values()} == {asked.origin.channel}
    assert [(one.letter.key, one.why) for one in office.lost] == [(card_key(asked), "is_archived")]


@pytest.mark.parametrize("word", ["invalid_auth", "token_revoked", "missing_scope"])
def test_a_token_that_is_no_good_leaves_nothing_twice(office: PostOffice, word: str) -> None:
    """No other way is tried, for it is as closed: once somebody mends that, the channel gets it, and nobody else."""
    refuse(office, word, times=TELL_AFTER + 3)
    office.outbox.put(letter())
    office.deliver()
    assert [one["text"] for one in office.slack.driver.transcript()] == ["Rolled back api"]


def test_why_is_said_in_the_language_of_the_letter(office: PostOffice) -> None:
    """In Korean to whoever reads Korean."""
    refuse(office, "restricted_action_read_only_channel")
    with speaking(Locale.KO):
        korean = letter("되돌렸습니다")
    office.outbox.put(korean)
    office.deliver()
    [text] = directly(office)
    assert "Its settings" not in text
    assert "채널" in text
