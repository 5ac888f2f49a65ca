"""What a digest looks like: golden drawings, Slack's limits, and nothing of others' making that is active."""

from __future__ import annotations

import json
import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from chat.blocks import Message
from chat.cards import card
from chat.digest_drawing import HEIGHT_PX, WIDTH_PX, week_chart
from chat.digest_words import MOST_ALT, age, alt_text, bars, changes_in_words
from chat.digests import digest_message, list_answer
from chat.freezes import narrowed
from mesh.domain.digests import Digest, Edition
from mesh.domain.operations import Event, State, Step
from mesh.domain.scopes import Scope
from mesh.domain.weeks import Changes
from playground.slack.render import render_text
from tests.builders import operation
from tests.chat.checking import assert_accepted, assert_inert
from tests.chat.editions import AT, CALM, EDITIONS, FULL, MANY, hostile
from tests.chat.test_cards import HOSTILE, NAMES

GOLDEN = Path(__file__).parent / "golden_digests"
PEOPLE = ("U0JIN", "U0ANA")


def asked(edition: Edition) -> Message:
    """The card of somebody who asked for it."""
    story = (Event(Step.QUEUED, AT - 2), Event(Step.CHECKING, AT - 1), Event(Step.UNCHANGED, AT))
    return card(operation("digest", state=State.SUCCEEDED, edition=edition, story=story, outcome="Read"))


DRAWN: dict[str, Message] = {
    **{name: digest_message(edition, picture="F000000001") for name, edition in EDITIONS.items()},
    "characters": digest_message(FULL),
    "asked": asked(FULL),
    "list": list_answer(
        [
            (Digest("daily", "C0PROD", "0 9 * * MON-FRI", "Europe/Berlin"), int(AT)),
            (Digest("never", "C0AUDIT", "0 0 29 2 MON#5", scope=Scope(("prod",), ("shop*",)), quiet=True), None),
            (Digest("weekly", "C0AUDIT", "0 9 * * MON"), int(AT) + 86_400),
        ],
        "C0AUDIT",
    ),
    "list_empty": list_answer([], "C0PROD"),
}


def test_a_scope_is_said_by_what_it_is_limited_to() -> None:
    """Each part is named in the order that it is asked for; what stands for all is left out."""
    scope = Scope(("prod",), ("shop*",), ("api", "web-*"))
    parts = narrowed(clusters=scope.clusters, namespaces=scope.namespaces, services=scope.services)
    assert parts == ["clusters prod", "namespaces shop*", "services api, web-*"]
    assert narrowed(clusters=Scope().clusters) == []


@pytest.mark.parametrize("name", DRAWN)
def test_golden(name: str) -> None:
    """Each digest is drawn exactly as its golden files say (MESHBOT_GOLDEN=write draws them anew, for review)."""
    drawn = DRAWN[name]
    as_json = json.dumps({"text": drawn.text, "blocks": drawn.blocks}, indent=1, ensure_ascii=False) + "\n"
    as_text = f"{drawn.text}\n\n{render_text({'blocks': drawn.blocks}, NAMES)}\n"
    for path, content in ((GOLDEN / f"{name}.json", as_json), (GOLDEN / f"{name}.txt", as_text)):
        if os.environ.get("MESHBOT_GOLDEN") == "write":
            path.write_text(content)
        assert path.read_text() == content
    assert {path.stem for path in GOLDEN.iterdir()} <= set(DRAWN)


@pytest.mark.parametrize("name", DRAWN)
def test_slack_accepts(name: str) -> None:
    """Blocks within the limits, a text for notifications, nothing active but people and dates of ours."""
    assert_accepted(DRAWN[name])
    assert_inert(DRAWN[name], PEOPLE)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("picture", ["", "F000000001"])
def test_what_others_wrote_stays_text(text: str, picture: str) -> None:
    """Names of objects, reasons, controllers' words: nothing of it is active, however long it is."""
    for drawn in (digest_message(hostile(text), picture=picture), asked(hostile(text))):
        assert_accepted(drawn)
        assert_inert(drawn, ("U0JIN",))


def test_nothing_is_said_calmly() -> None:
    """One line."""
    assert len(digest_message(CALM).blocks) == 3
    assert "Nothing to report" in digest_message(CALM).text


def test_a_thousand_are_counted() -> None:
    """The message says how many there are, and how to see the rest."""
    shown = render_text({"blocks": digest_message(MANY).blocks}, {})
    assert "(1000)" in shown
    assert "… and 992 more: /mesh status" in shown
    assert "and 994 more" in shown


def test_many_digests_are_listed_within_limits() -> None:
    """A hundred of them make a message that Slack takes."""
    digests = [(Digest(f"digest-{number}", "C0PROD", "0 9 * * *"), int(AT)) for number in range(100)]
    drawn = list_answer(digests, "C0PROD")
    assert_accepted(drawn)
    assert "… and 60 more" in str(drawn.blocks)


@pytest.mark.parametrize("edition", [FULL, MANY], ids=["full", "many"])
def test_the_picture_is_one(edition: Edition) -> None:
    """A PNG of the promised size, small enough to upload at once."""
    png = week_chart(edition.week)
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">II", png[16:24]) == (WIDTH_PX, HEIGHT_PX)
    assert len(png) < 200_000


def test_the_week_is_said_for_those_who_do_not_see_it() -> None:
    """Every day with its counts; characters draw whatever happened, however much there was of the rest."""
    spoken = alt_text(FULL.week)
    assert "Sat 29 2 promotions" in spoken or "Sun 30 2 promotions" in spoken
    assert len(alt_text(MANY.week)) <= MOST_ALT
    days = (*FULL.week.days[:-1], replace(FULL.week.days[-1], changes=Changes(900, 1, 1)))
    drawn = bars(replace(FULL.week, days=days))[6]
    assert "<x" in drawn
    assert len(drawn) < 50
    assert changes_in_words(Changes(1, 2, 1)) == "1 promotion, 2 rollbacks, 1 turned back"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 min"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (2 * 86_400 + 4 * 3600 + 59, "2 d 4 h"),
        (2 * 86_400 + 60, "2 d"),
    ],
)
def test_ages_are_short(seconds: float, said: str) -> None:
    """Two units at most."""
    assert age(seconds) == said
