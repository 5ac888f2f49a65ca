"""The ledger itself: it is silent where all is well, and each way of losing or doubling a message is heard."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from chat.blocks import Block, Message, message, section
from chat.escape import esc
from chat.letters import body_of, joined, repeated
from mesh.domain.letters import Fate, Letter, Row
from playground.slack.state import with_ids
from tests.world.shown import Asked, astray, badly_answered, badly_shown, badly_timed, badly_whispered

APPROVE: Block = {
    "type": "actions",
    "elements": [{"type": "button", "action_id": "meshbot.approve", "text": {"type": "plain_text", "text": "Approve"}}],
}
AUDIT, PROD = "C0AUDIT", "C0PROD"


def drawn(text: str, *more: Block) -> Message:
    """Return a message that says so in its text and in a block, with more blocks below."""
    return message(esc(text), [section(esc(text)), *more])


@dataclass
class Records:
    """An outbox and what Slack shows, both after a quiet day."""

    rows: dict[str, Row] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    heard: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def letter(self, key: str, said: Message, *, at: str = "", **fields: Any) -> None:
        """Let it be on record as posted at `at`, or for one person `alone`."""
        letter = Letter(key, fields.pop("channel", PROD), body_of(said), alone=fields.pop("alone", ""), once=True)
        letter = replace(letter, joins=key.startswith("audit"), once=not key.startswith("card"))
        attempts = fields.pop("attempts", 1)
        self.rows[key] = Row(letter, fate=Fate.POSTED, sent=1, ts=at, attempts=attempts, **fields)

    def show(self, said: Message, *, at: str, to: str = "", channel: str = PROD, thread: str = "") -> None:
        """Let people see it."""
        one: dict[str, Any] = {"channel": channel, "ts": at, "thread_ts": thread or None, "ephemeral_to": to or None}
        one |= {"text": said.text, "blocks": list(with_ids(said.blocks)), "edits": [], "deleted": False}
        (self.heard if to else self.told).append(one)

    def shown(self, at: str) -> dict[str, Any]:
        """The message at that place."""
        return next(one for one in (*self.told, *self.heard) if one["ts"] == at)

    def complaints(self) -> list[str]:
        """What the ledger says of it."""
        yours = [*badly_whispered(self.rows, self.heard), *badly_answered(self.rows, self.heard, self.asked)]
        return [*badly_shown(self.rows, self.told), *astray(self.rows, self.told), *yours]


CARD, ENTRY, DIGEST = drawn("Promoted api op-a."), drawn("Paused."), drawn("Digest minutely. All is well.")
LINES, VOTE = (drawn("jin promoted api"), drawn("ana rolled web back")), drawn("Your approval counts.")
LATE = drawn("It was decided before.")
UNSURE = drawn("Promoted web op-b.")


def quiet_day() -> Records:
    """Return a card with an entry, one that was marked as a repetition, a digest, two lines in one, and two votes."""
    day = Records()
    day.letter("card op-a", CARD, at="1")
    day.show(CARD, at="1")
    day.letter("told op-a 2", ENTRY, at="2")
    day.show(ENTRY, at="2", thread="1")
    day.letter("card op-b", UNSURE, at="4", again=True, attempts=2)
    day.show(drawn("Checking web op-b."), at="3")
    day.show(repeated(UNSURE), at="4")
    day.letter("digest minutely@60", DIGEST, at="5", channel=AUDIT)
    day.show(DIGEST, at="5", channel=AUDIT)
    for number, line in enumerate(LINES):
        day.letter(f"audit op-{number}", line, at="6", channel=AUDIT)
    day.show(joined(LINES), at="6", channel=AUDIT)
    day.letter("voted op-c", VOTE, alone="U0JIN")
    day.show(VOTE, at="7", to="U0JIN")
    day.letter("voted op-d", LATE, alone="U0JIN", again=True, attempts=2)
    day.show(LATE, at="8", to="U0JIN")
    day.show(repeated(LATE), at="9", to="U0JIN")
    return day


def test_a_quiet_day_is_no_complaint() -> None:
    """A marked repetition, lines that share a message and what one person was told again are as they must be."""
    assert quiet_day().complaints() == []


def _lose(at: str) -> Callable[[Records], None]:
    def fault(day: Records) -> None:
        day.told = [one for one in day.told if one["ts"] != at]
        day.heard = [one for one in day.heard if one["ts"] != at]

    return fault


def _double(at: str) -> Callable[[Records], None]:
    def fault(day: Records) -> None:
        one = day.shown(at)
        (day.heard if one["ephemeral_to"] else day.told).append({**copy.deepcopy(one), "ts": f"{at}.5"})

    return fault


def _together(*faults: Callable[[Records], None]) -> Callable[[Records], None]:
    def all_of(day: Records) -> None:
        for fault in faults:
            fault(day)

    return all_of


def _stale(day: Records) -> None:
    day.shown("1")["blocks"].append(APPROVE)


def _unmarked(day: Records) -> None:
    day.shown("4")["blocks"].pop()


def _swapped(day: Records) -> None:
    day.shown("7")["ephemeral_to"] = "U0ANA"


def _half(day: Records) -> None:
    day.shown("6")["blocks"].pop()


def _elsewhere(day: Records) -> None:
    _double("2")(day)
    day.told[-1]["thread_ts"] = "3"


FAULTS = {
    "a card is lost": _lose("1"),
    "a card is doubled": _double("1"),
    "a card keeps its button": _stale,
    "an entry is doubled, and a repetition's first message never came": _together(_double("2"), _lose("3")),
    "an entry is doubled in the thread of a marked card": _elsewhere,
    "a repetition is not marked": _unmarked,
    "a marked repetition is doubled": _together(_double("4"), _lose("3")),
    "an older message comes once more than it was sent": _double("3"),
    "one digest is doubled and an entry lost": _together(_double("5"), _lose("2")),
    "a digest is lost": _lose("5"),
    "a line is missing in a shared message": _half,
    "a vote's answer is lost": _lose("7"),
    "a vote's answer is doubled": _double("7"),
    "a marked answer is doubled": _double("9"),
    "an answer is shown to somebody else": _swapped,
    "a repetition of an answer is lost": _lose("9"),
    "no answer is shown at all": _together(*map(_lose, "789")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_loss_and_each_repetition_is_heard(fault: str) -> None:
    """What is lost, doubled, stale, unmarked or told to somebody else is a complaint, also when totals are right."""
    day = quiet_day()
    FAULTS[fault](day)
    assert day.complaints()


def test_two_rows_of_one_place_are_no_two_messages() -> None:
    """A card whose row claims the place of another one is heard."""
    day = quiet_day()
    day.letter("card op-e", CARD, at="1")
    assert day.complaints()


SLOTS = dict.fromkeys(range(60, 660, 60), "posted")


@pytest.mark.parametrize(
    ("slots", "posted", "recorded", "right"),
    [
        (SLOTS, set(SLOTS), dict.fromkeys(SLOTS, 1), True),
        (SLOTS, set(SLOTS), dict.fromkeys(SLOTS, 1) | {60: 2}, False),
        (SLOTS, set(SLOTS), dict.fromkeys(list(SLOTS)[1:], 1), False),
        (SLOTS | {120: "claimed"}, set(SLOTS) - {120}, dict.fromkeys(set(SLOTS) - {120}, 1), True),
        (SLOTS | {120: ""}, set(SLOTS) - {120}, dict.fromkeys(set(SLOTS) - {120}, 1), False),
        (SLOTS, set(SLOTS) - {120}, dict.fromkeys(set(SLOTS) - {120}, 1), False),
        (dict.fromkeys(SLOTS, ""), set(), {}, False),
        (dict.fromkeys(SLOTS, "claimed"), set(), {}, False),
        (SLOTS | dict.fromkeys(range(60, 660, 120), ""), set(range(120, 660, 120)), {}, False),
    ],
)
def test_each_minute_is_one_digest(
    slots: dict[int, str], posted: set[int], recorded: dict[int, int], right: bool
) -> None:
    """A minute that nobody took, that was begun and not posted, or that is twice on record is heard."""
    assert (list(badly_timed(slots, posted, recorded)) == []) == right


@pytest.mark.parametrize(
    ("plain", "marked", "heard"), [(1, 0, True), (1, 1, False), (0, 1, False), (1, 2, True), (2, 1, True)]
)
def test_an_answer_that_is_said_again_is_shown_once_with_its_mark(plain: int, marked: int, heard: bool) -> None:
    """What was said on the spot before bears no mark, is no letter's, and was said once, if at all."""
    day, said = quiet_day(), drawn("Queued.")
    day.asked = [Asked(PROD, "U0LEE", 1)]
    day.letter("answer event:1", repeated(said), alone="U0LEE")
    for number in range(plain):
        day.show(said, at=f"10.{number}", to="U0LEE")
    for number in range(marked):
        day.show(repeated(said), at=f"11.{number}", to="U0LEE")
    assert bool(day.complaints()) is heard


@pytest.mark.parametrize(
    ("texts", "heard"),
    [
        (["42"], False),
        (["42", "42"], False),
        (["42", "43"], False),
        (["42", "42", "42"], True),
        (["42", "43", "44"], True),
        (["Queued as `op-x`.", "42"], False),
        (["Queued as `op-x`.", "Queued as `op-x`."], True),
    ],
)
def test_each_time_of_asking_has_one_answer_on_the_spot(texts: list[str], heard: bool) -> None:
    """Two deliveries were heard, so two answers may be shown; that something was queued is said once."""
    day = quiet_day()
    day.asked = [Asked(PROD, "U0LEE", 1), Asked(PROD, "U0LEE", 1), Asked(AUDIT, "U0LEE", 5)]
    for number, text in enumerate(texts):
        day.show(replace(drawn(text), text=text), at=f"10.{number}", to="U0LEE")
    assert bool(day.complaints()) is heard


@pytest.mark.parametrize(
    ("attempts", "edits", "plain", "marked", "heard"),
    [
        (6, 4, 1, 0, False),
        (6, 4, 2, 0, True),
        (6, 4, 1, 1, True),
        (7, 4, 1, 1, False),
        (9, 4, 2, 0, True),
        (9, 4, 0, 4, True),
    ],
)
def test_edits_of_a_marked_card_hide_no_copies_of_it(
    attempts: int, edits: int, plain: int, marked: int, heard: bool
) -> None:
    """They are tries as well, but no posts; and however often a card was posted, once was without a mark."""
    day = quiet_day()
    day.rows["card op-b"] = replace(day.rows["card op-b"], attempts=attempts)
    day.shown("4")["edits"] = [{}] * edits
    _lose("3")(day)
    for number in range(plain):
        day.show(drawn("Checking web op-b."), at=f"30.{number}")
    for number in range(marked):
        day.show(repeated(drawn("Checking web op-b.")), at=f"31.{number}")
    assert bool(day.complaints()) is heard
