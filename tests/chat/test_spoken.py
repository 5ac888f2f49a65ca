"""In which language a message is drawn, down to what Slack shows; pictures and audit lines are English."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from chat.cards import card
from chat.incident_outbox import SlackIncidentCards, incident_key
from chat.letters import REPEATED, language_of
from chat.locales import Locale, speaking, spoken
from chat.noticeboard import SlackNoticeboard, digest_key
from chat.spoken import SpokenCards, SpokenIncidentCards, SpokenNoticeboard
from mesh.domain.catalog import Catalog
from mesh.domain.digests import Digest, Slot
from mesh.domain.incidents import Scene
from mesh.domain.operations import Operation
from playground.slack.rules import Rules
from tests.chat.conftest import Slack, workspace
from tests.chat.editions import FULL
from tests.chat.posting import PostOffice
from tests.chat.rolling import ROLLOUTS
from tests.chat.samples import SAMPLES
from tests.chat.test_incidents import FIRING

HANGUL = re.compile("[가-힣]")


def asked_in(locale: str, operation: Operation) -> Operation:
    """The operation as somebody with this language asked for it."""
    return replace(operation, origin=replace(operation.origin, locale=locale))


def in_prod(slack: Slack) -> str:
    """All that the channel shows, thread entries too."""
    return "\n".join(json.dumps(one["blocks"], ensure_ascii=False) for one in slack.driver.messages("C0PROD"))


@pytest.mark.parametrize(("locale", "korean"), [("ko-KR", True), ("en-US", False), ("fr-FR", False), ("", False)])
def test_a_card_is_in_the_language_of_whoever_asked(slack: Slack, locale: str, korean: bool) -> None:
    """Whatever becomes of it, a card speaks as its asker does; the configuration's language is for nobody's."""
    office = PostOffice(slack)
    SpokenCards(office.cards, "en").show(asked_in(locale, SAMPLES["promoted"]))
    office.deliver()
    assert bool(HANGUL.search(in_prod(slack))) is korean
    assert "api" in in_prod(slack)


def test_what_nobody_asked_for_is_as_configured(slack: Slack) -> None:
    """A card without an asker's language is in the one of the configuration."""
    office = PostOffice(slack)
    SpokenCards(office.cards, "ko").show(asked_in("", SAMPLES["promoted"]))
    office.deliver()
    assert HANGUL.search(in_prod(slack))


def test_every_card_can_be_posted_in_korean() -> None:
    """Slack takes them all. One workspace is enough: a hundred of them would take every port of this process."""
    with workspace(rules=Rules(post_burst=1000)) as slack, speaking(Locale.KO):
        for sample in {**SAMPLES, **ROLLOUTS}.values():
            drawn = card(sample)
            # A picture would have to be uploaded first.
            blocks = [block for block in drawn.blocks if block["type"] != "image"]
            slack.client.chat_postMessage(channel="C0PROD", text=drawn.text, blocks=blocks)
        assert len(slack.driver.messages("C0PROD")) == len({**SAMPLES, **ROLLOUTS})


def test_audit_lines_are_english(slack: Slack) -> None:
    """The audit channel says of every change the same, whoever asked for it."""
    office = PostOffice(slack)
    cards = SpokenCards(office.cards, "ko")
    cards.announce(asked_in("ko-KR", SAMPLES["promoted"]), "7 0123456789ab")
    assert [language_of(row.letter) for row in office.outbox.rows.values()] == [Locale.EN]
    office.deliver()
    (line,) = slack.driver.messages("C0AUDIT")
    assert not HANGUL.search(json.dumps(line, ensure_ascii=False))
    assert spoken() is Locale.EN


def test_what_the_sender_adds_is_in_the_language_of_the_card(slack: Slack) -> None:
    """Whoever posts knows which language a letter is in: a word that it may be a repetition is in that one."""
    office = PostOffice(slack)
    SpokenCards(office.cards, "en").show(asked_in("ko-KR", SAMPLES["promoted"]))
    (row,) = (row for key, row in office.outbox.rows.items() if key.startswith("card "))
    assert language_of(row.letter) is Locale.KO
    office.outbox.rows[row.letter.key] = replace(row, again=True)
    office.deliver()
    shown = in_prod(slack)
    assert REPEATED not in shown
    assert "Slack이 알려 주지 않았습니다" in shown


def test_incidents_and_digests_are_as_configured(slack: Slack) -> None:
    """What a channel is told unasked is in the configuration's language; a digest may have its own."""
    office = PostOffice(slack)
    inner = SlackIncidentCards(office.outbox, slack.client)
    SpokenIncidentCards(inner, "ko").show(FIRING, Scene())
    own = Digest("daily", "C0PROD", "0 9 * * *", language="en")
    board = SpokenNoticeboard(SlackNoticeboard(office.outbox, slack.client), Catalog(language="ko", digests=(own,)))
    daily, weekly = Slot("daily", 1764493200), Slot("weekly", 1764493200)
    for slot in (daily, weekly):
        board.post(slot, "C0PROD", FULL, picture="")
    keys = [incident_key(FIRING), digest_key(daily), digest_key(weekly)]
    bodies = [office.outbox.rows[key].letter.body for key in keys]
    assert [bool(HANGUL.search(body)) for body in bodies] == [True, False, True]
