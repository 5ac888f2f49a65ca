"""Builders that keep Slack's limits."""

from __future__ import annotations

from chat.blocks import Button, Confirm, Plain, actions, context, header, message, section, size
from chat.escape import esc
from tests.chat.checking import assert_accepted


def test_everything_too_long_is_cut() -> None:
    """Titles, paragraphs, small lines and buttons that are too long are cut to what Slack takes."""
    long = "x&" * 5000
    confirm = Confirm(long, long, long)
    drawn = message(
        esc(long),
        [
            header(long),
            section(esc(long)),
            context([esc(long)] * 14),
            context([Plain(long)]),
            actions([Button(long, f"a{index}", long, long, "danger", confirm) for index in range(3)]),
        ],
    )
    assert_accepted(drawn)


def test_too_many_blocks_say_so() -> None:
    """The fiftieth block of a longer list says how many are missing."""
    drawn = message(esc("x"), [header("x")] * 70)
    assert len(drawn.blocks) == 50
    assert "21 more parts" in str(drawn.blocks[-1])


def test_the_longest_text_pays() -> None:
    """To fit the whole, the longest texts are cut and the short ones stay as they are."""
    drawn = message(esc("x"), [section(esc("short")), *(section(esc("y" * 2900)) for _ in range(8))])
    assert size(drawn.blocks) <= 13_000
    assert drawn.blocks[0] == section(esc("short"))


def test_empty_pieces_are_left_out() -> None:
    """A small line drops pieces that would show nothing."""
    assert [e["text"] for e in context([esc(""), Plain("\u200b "), Plain("a")])["elements"]] == ["a"]


def test_own_words_are_plain() -> None:
    """A person's own words stand in plain text, where neither emoji nor mentions are made."""
    (element,) = context([Plain(":x: <!here> *a*")])["elements"]
    assert element == {"type": "plain_text", "text": ":x: <!here> *a*", "emoji": False}


def test_an_ephemeral_answer_replaces_nothing() -> None:
    """An answer goes to the asking person only and leaves the message it answers alone."""
    body = message(esc("a"), [section(esc("a"))]).ephemeral()
    assert body["response_type"] == "ephemeral"
    assert body["replace_original"] is False
