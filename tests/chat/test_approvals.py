"""What people see of approvals beyond the golden cards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.answers import error_answer
from chat.approvals import APPROVE, DENY, approvals_answer, vote_answer
from chat.cards import card
from chat.story import tell
from mesh.domain.commands import VOTING
from mesh.domain.errors import TooLate
from mesh.domain.operations import Event, State, Step
from mesh.operations.ballots import Waiting
from tests.chat.agreeing import ANA, APPROVALS, LEADS, TWO, agreed_by, asked, hostile_approvals, waiting
from tests.chat.checking import assert_accepted, assert_inert, buttons_of
from tests.chat.samples import AT, operation
from tests.chat.test_cards import HOSTILE

VOTES = (APPROVE, DENY)
DECIDED = [name for name, one in APPROVALS.items() if one.state is not State.WAITING]


def test_each_vote_has_its_button() -> None:
    """What can be typed can be pressed; a yes is asked about, and a no is asked for its reason by the form it opens."""
    assert {f"meshbot.{verb}" for verb in VOTING} == set(VOTES)
    found = buttons_of(card(APPROVALS["approval_waiting"]))
    assert list(found) == list(VOTES)
    assert {button["value"] for button in found.values()} == {"op-k3v9x2m4ta"}
    assert ["confirm" in button for button in found.values()] == [True, False]


@pytest.mark.parametrize("name", DECIDED)
def test_threat_4_buttons_vanish_when_it_is_decided(name: str) -> None:
    """Nothing is left to press that would count for nothing."""
    assert not set(VOTES) & set(buttons_of(card(APPROVALS[name])))


def test_the_thread_hears_votes_quietly_and_ends_aloud() -> None:
    """Who may vote is called by a reminder, who asked by an end that is not theirs."""
    told = tell(APPROVALS["approval_denied"])
    assert [(one.loud, one.to_voters) for one in told] == [(False, False), (True, False)]
    assert "<@U0JIN>" in told[-1].text.text
    reminded = tell(waiting(asked(), Event(Step.REMINDED, AT + 300, "0 of 2 approvals")))
    assert [(one.loud, one.to_voters) for one in reminded] == [(True, True)]
    assert "<!subteam^S0SRE>, <@U0LEE>" in reminded[0].text.text


def test_a_typed_reason_stands_in_a_code_span() -> None:
    """Nothing in it can look like ours, on the card or in the thread."""
    assert "`not during *the sale*`" in str(card(APPROVALS["approval_denied"]).blocks)
    assert "`not during *the sale*`" in tell(APPROVALS["approval_denied"])[-1].text.text


def test_the_list_marks_what_is_mine() -> None:
    """The command to type stands there for who may, and for nobody else."""
    one = APPROVALS["approval_one_vote"]
    assert one.approval is not None
    for mine, said in (
        (True, "You may approve this: `/mesh approve op-k3v9x2m4ta`"),
        (None, "does not say"),
        (False, ""),
    ):
        drawn = approvals_answer([Waiting(one, one.approval, mine)])
        assert_accepted(drawn)
        assert said in str(drawn.blocks)
        assert ("/mesh approve" in str(drawn.blocks)) is (mine is not False)
    assert approvals_answer([]).text == "Nothing waits for approval."


def test_a_voter_is_told_alone_what_became_of_it() -> None:
    """Counted; or not, and who decided."""
    vote = operation("approve op-k3v9x2m4ta", Step.CHECKING, Step.VOTED, state=State.SUCCEEDED, outcome="Agreed to it")
    assert "Counted. Agreed to it." in vote_answer(vote).text
    event = Event(Step.REFUSED, AT, "no", "U0ANA")
    lost = replace(vote, state=State.REFUSED, outcome="decided before", story=(event,))
    assert "Decided by <@U0ANA>." in str(vote_answer(lost).blocks)


def test_who_comes_too_late_is_told_by_whom_it_was_decided() -> None:
    """In the answer to the press itself."""
    answer = error_answer(TooLate("op-a was decided before: approved.", by=("U0ANA", "U0LEE")))
    assert "Decided by <@U0ANA>, <@U0LEE>." in str(answer.blocks)


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_threat_3_hostile_words_in_approvals(word: str) -> None:
    """Whatever stands in any field, everything is accepted by Slack and nothing becomes active."""
    for one in hostile_approvals(word):
        assert one.approval is not None
        answers = (approvals_answer([Waiting(one, one.approval, True)]), vote_answer(one), card(one))
        for drawn in answers:
            assert_accepted(drawn)
            assert_inert(drawn, allowed=("U0JIN",))
        for told in tell(one):
            assert "<!channel>" not in told.text.text


def test_whoever_asked_is_not_called_to_vote() -> None:
    """Also where the rule names them."""
    rule = replace(TWO, users=("U0JIN", "U0LEE"), groups=())
    one = waiting(asked(rule), Event(Step.REMINDED, AT + 300, "0 of 2 approvals"))
    assert "2 more of <@U0LEE>" in str(card(one).blocks)
    assert "<@U0JIN>" not in tell(one)[0].text.text


def test_who_has_voted_is_not_called_again() -> None:
    """The card names those who can still be the one; where nobody is missing, all of them."""
    rule = replace(TWO, users=("U0ANA", "U0LEE"), groups=())
    assert "1 more of <@U0LEE>" in str(card(waiting(agreed_by(asked(rule), ANA))).blocks)
    both = waiting(agreed_by(asked(replace(rule, need=1), LEADS), ANA))
    assert "has all of <@U0ANA>, <@U0LEE>" in str(card(both).blocks)
