"""The one door into mrkdwn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.escape import DAY_AND_TIME, Markup, bold, code, cut, date, esc, fence, join, link, prose, shorten, user
from mesh.domain.hours import in_zone


def test_exactly_three_characters_are_escaped() -> None:
    """Ampersand first, then the angle brackets; quotes and marks stay."""
    assert esc("a & <b> \"c\" '&amp;' *d*").text == "a &amp; &lt;b&gt; \"c\" '&amp;amp;' *d*"


def test_one_line_and_nothing_unseen() -> None:
    """Line breaks become spaces; direction and zero-width marks go; a torn surrogate is replaced."""
    assert esc("a\nb\r\tc\u2028d").text == "a b  c d"
    assert esc("\u202ea\u200bb\ufeffc\u2066").text == "abc"
    assert esc("\ud800").text == "\ufffd"


def test_prose_keeps_its_code_spans() -> None:
    """Pairs of backticks in a sentence of ours are code spans; with one too many, none is."""
    assert prose("add `a: <b>` & go").text == "add `a: &lt;b&gt;` &amp; go"
    assert prose("a `b` `c").text == "a 'b' 'c"
    assert "```" not in prose("``````").text


def test_code_cannot_be_left() -> None:
    """Backticks and line breaks cannot end a code span or open a block; empty code is nothing."""
    assert code("a`b\nc").text == "`a'b c`"
    assert code("```").text == "`'''`"
    assert not code(" \u200b")
    assert esc("```").text == "'''"


def test_fence_keeps_columns() -> None:
    """Rows stay rows, their inner spaces stay, and no row can close the block."""
    assert fence(["a  b ", "``` <c>\n"]).text == "```\na  b\n''' &lt;c&gt;\n```"


def test_only_ids_are_mentioned() -> None:
    """What does not look like Slack's own id is shown as code, not as a mention."""
    assert user("U0JIN").text == "<@U0JIN>"
    assert user("W012").text == "<@W012>"
    assert user("cli").text == "`cli`"
    assert user("U1> <!channel").text == "`U1&gt; &lt;!channel`"


def test_moments_of_a_record_are_shown_in_the_readers_zone() -> None:
    """A moment in UTC within a sentence becomes one of Slack's; not in a person's own words, nor in another zone."""
    shown = date(1_796_029_260, shown=DAY_AND_TIME).text
    said = in_zone(1_796_029_260)
    assert esc(f"api is frozen until {said} (op-a).").text == f"api is frozen until {shown} (op-a)."
    assert prose(f"frozen until {said}: `until {said}`").text == f"frozen until {shown}: `until {said}`"
    for other in ("2026-11-30 09:01 CET", "2026-13-30 09:01 UTC", "12026-11-30 09:01 UTC"):
        assert esc(other).text == other


def test_dates() -> None:
    """A moment carries Slack's token and, for old clients, UTC."""
    assert date(1_700_000_000.9).text == "<!date^1700000000^{time_secs}|22:13:20 UTC>"
    assert (
        date(1_700_000_000, shown=DAY_AND_TIME).text
        == "<!date^1700000000^{date_short_pretty} {time}|2023-11-14 22:13 UTC>"
    )


def test_markup_is_no_string() -> None:
    """Markup cannot slip into an f-string, and empty pieces leave no separators."""
    with pytest.raises(TypeError, match=r"join\(\)"):
        f"{esc('a')}"
    assert join(" · ", [esc("a"), Markup(""), bold(esc("b")), bold(Markup(""))]).text == "a · *b*"


@given(st.lists(st.sampled_from(["a", "&", "<", "`", "é"]), min_size=1, max_size=80), st.integers(8, 90))
def test_cut_tears_nothing(letters: list[str], most: int) -> None:
    """A cut text is short enough, has whole entities and mentions only, and closes its block."""
    parts = [user("U0JIN"), esc("".join(letters)), fence(letters), esc("end")]
    for rotation in range(4):
        kept = cut(join(" ", parts[rotation:] + parts[:rotation]), most).text
        assert len(kept) <= most
        assert kept.count("```") % 2 == 0
        bare = kept.replace("<@U0JIN>", "").replace("&amp;", "").replace("&lt;", "")
        assert not set("<>&") & set(bare)


def test_shorten() -> None:
    """Plain text is cut with an ellipsis, and only when it must be."""
    assert shorten("abcd", 4) == "abcd"
    assert shorten("abcde", 4) == "abc…"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://a.example/|x>", "https://a.example/<!channel>", "https://a b", "", "ftp://a"],
)
def test_only_a_plain_address_becomes_a_link(url: str) -> None:
    """What a forge or a configuration gives for a page is code unless it is an address and nothing else."""
    assert link(url, "8f3a91c2").text.startswith("`8f3a91c2")
    assert link("https://a.example/?a=1&b=2", "8f3a91c2").text == "<https://a.example/?a=1&amp;b=2|8f3a91c2>"
