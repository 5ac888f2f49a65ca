"""What the step-up check says reaches the person alone, wherever they asked from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.whispers import SlackWhispers, proof_message
from mesh.domain.errors import Unavailable
from mesh.domain.letters import Letter
from mesh.domain.operations import Card, Origin, Step
from mesh.domain.stepups import Proof
from store.memory_outbox import MemoryOutbox
from tests.chat.checking import assert_accepted, assert_inert
from tests.chat.conftest import Slack
from tests.chat.posting import PostOffice
from tests.chat.samples import operation
from tests.chat.test_cards import HOSTILE
from tests.mesh.operations.bench import SetTime

LINK = "https://login.example.com/prove?key=once"
WANTED = Proof(reason="no proof of *today*", url=LINK)
ASKED = operation("promote api 50", Step.CHECKING)


def test_a_link_is_shown_to_the_person_alone(slack: Slack) -> None:
    """As an ephemeral message in the channel, by a letter that is written once; nobody else sees it."""
    office = PostOffice(slack)
    whispers = SlackWhispers(office.outbox)
    for url in ("", slack.response_url("U0JIN", "C0PROD")):
        assert whispers.proof_wanted(replace(ASKED, origin=Origin("slash", "C0PROD", response_url=url)), WANTED)
    slack.driver.trouble("ratelimit", method="chat.postEphemeral", retry_after=3)
    office.deliver()
    [shown] = slack.driver.transcript()
    assert shown["ephemeral_to"] == "U0JIN"
    assert LINK in str(shown["blocks"])


def test_in_direct_messages_it_is_a_letter_of_its_own(slack: Slack) -> None:
    """There are no messages for one person alone there; it is written once."""
    outbox = MemoryOutbox(SetTime())
    for _ in range(2):
        SlackWhispers(outbox).proof_wanted(replace(ASKED, origin=Origin("home", "U0JIN")), WANTED)
    row = outbox.find(f"proof {ASKED.id}")
    assert row
    assert (row.letter.channel, row.letter.once, LINK in row.letter.body) == ("U0JIN", True, True)


def test_who_could_not_be_told_is_known() -> None:
    """So that the card does not send them to a link that they never see: no place, or it may not be on record."""

    class Away(MemoryOutbox):
        def put(self, letter: Letter) -> Card | None:
            raise Unavailable("Redis did not answer.")

    slash = replace(ASKED, origin=Origin("slash", "C0PROD"))
    assert SlackWhispers(Away(SetTime())).proof_wanted(slash, WANTED) is False
    whispers = SlackWhispers(MemoryOutbox(SetTime()))
    assert whispers.proof_wanted(replace(ASKED, origin=Origin("hook")), WANTED) is False


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_threat_3_what_the_other_system_says_is_plain_words(word: str) -> None:
    """Its reason is set apart, whatever stands in it; without an address there is no button."""
    for proof in (Proof(reason=word, url=LINK), Proof(reason=word)):
        drawn = proof_message(ASKED, proof)
        assert_accepted(drawn)
        assert_inert(drawn)
        assert [block["type"] for block in drawn.blocks] == ["section", "actions"][: 1 + bool(proof.url)]
