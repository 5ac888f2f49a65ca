"""What a reader sees: blocks, hostile text, live edits, threads, lost connections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

import chat
import playground.slack
from tests.playground.page import scenes
from tests.playground.page.stage import Stage

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Rendered:
    """A text and what the page must make of it."""

    text: str
    """mrkdwn as a message carries it."""
    selector: str
    """Where the result is, inside the message."""
    shown: str
    """The result's text."""


RENDERED = [
    Rendered("a *bold* b", "strong", "bold"),
    Rendered("an _italic_ word", "em", "italic"),
    Rendered("~gone~", "s", "gone"),
    Rendered("run `a_b_c *x*` now", "code", "a_b_c *x*"),
    Rendered("```one\n  two```", "pre", "one\n  two"),
    Rendered("&gt; said\nanswered", "blockquote", "said"),
    Rendered("<https://x.example/?a=1&amp;b=2|here>", "a[href='https://x.example/?a=1&b=2']", "here"),
    Rendered("<@U02MARA> look", ".mention", "@mara"),
    Rendered("<#C02INCIDENT|incidents>", ".mention", "#incidents"),
    Rendered("<!here>", ".mention", "@here"),
    Rendered("<!subteam^S01SRE> look", ".mention", "@sre"),
    Rendered("<!subteam^S0NOBODY>", ".mention", "@S0NOBODY"),
    Rendered("<!subteam^S01SRE|@sre-team>", ".mention", "@sre-team"),
    Rendered("<!date^0^{date_num} end|fallback>", "time[datetime='1970-01-01T00:00:00.000Z']", "01/01/1970 end"),
    Rendered("<!date^x^{time}|in a while>", ".run", "in a while"),
    Rendered(":warning: careful", ".emoji", "⚠️"),
    Rendered("at 12:04:31 :nope:", ".run", "at 12:04:31 :nope:"),
    Rendered("2 * 3 * 4 and snake_case_name", ".run", "2 * 3 * 4 and snake_case_name"),
    Rendered("&amp;lt; is not &lt;", ".run", "&lt; is not <"),
]


def last(page: Page) -> Locator:
    """The newest message."""
    return page.locator("#log .message").last


def scroll_to(page: Page, top: int) -> None:
    """Scroll the log as a reader does, and let the page notice."""
    page.evaluate("top => { document.getElementById('log').scrollTop = top }", top)
    page.wait_for_timeout(80)


def test_loads_without_complaints(page: Page, complaints: list[str]) -> None:
    """The page loads, shows the newest message and writes no error to the console."""
    expect(last(page)).to_contain_text("Promoting web to v2 20 %")
    expect(page.locator("#world .service")).to_have_count(2)
    assert complaints == []


def test_renders_mrkdwn(page: Page, stage: Stage) -> None:
    """Each mrkdwn construct becomes the element that means it, and nothing else is touched."""
    for case in RENDERED:
        said = stage.say("U03OLE", case.text)
        found = page.locator(f"#log [data-ts='{said['ts']}'] .text {case.selector}")
        expect(found.first).to_have_text(case.shown)


def test_shows_the_card_in_order(page: Page) -> None:
    """The card reads: verb and target, weights, gates, people and times, buttons."""
    card = last(page)
    expect(card.locator("h3")).to_have_text("Promoting web to v2 20 %")
    expect(card.locator("pre").first).to_contain_text("90 % -> 50 %")
    expect(card.locator(".b-fields .mention.mine")).to_have_text("@jin")
    expect(card.locator(".b-actions button")).to_have_text(["Approve", "Roll back", "Undo", "Details"])


def test_bars_align(page: Page) -> None:
    """Bars take whole cells of the fixed-width font, so what follows them starts in the same column."""
    spans = last(page).locator("pre").first.locator(".bar")
    boxes = [spans.nth(n).bounding_box() for n in range(4)]
    lefts = [round(box["x"]) for box in boxes if box]
    widths = [round(box["width"]) for box in boxes if box]
    cell = (
        last(page)
        .locator("pre code")
        .first.evaluate(
            "node => { const probe = document.createElement('span'); probe.textContent = '0'.repeat(10);"
            " node.append(probe); const width = probe.getBoundingClientRect().width; probe.remove(); return width }"
        )
    )
    assert lefts[0] == lefts[2]
    assert lefts[1] == lefts[3]
    assert widths == [round(cell)] * 4


def test_a_sparkline_is_no_bar(page: Page, stage: Stage) -> None:
    """Twenty whole cells are a bar, in two colours; a sparkline, which has the same letters, stays a text."""
    full, part, none = "█" * 20, "█" * 7 + "░" * 13, "░" * 20
    said = stage.say("U03OLE", f"```v1 {full}\nv2 {part}\nv3 {none}\nsuccess ····██▇█ 99 %\np99 ████ 9 ms```")
    drawn = page.locator(f"#log [data-ts='{said['ts']}'] .bar")
    expect(drawn).to_have_text([full, "█" * 7, "░" * 13, none])
    expect(page.locator(f"#log [data-ts='{said['ts']}'] pre")).to_contain_text("····██▇█ 99 %")


def test_shows_every_block_and_names_unknown_ones(page: Page) -> None:
    """Tables, images, markdown, rich text and selects are drawn; a block nobody knows is named."""
    gallery = page.locator("#log .message", has_text="unsupported block: hologram")
    expect(gallery.locator("tbody tr")).to_have_count(2)
    expect(gallery.locator(".b-image img")).to_have_attribute("alt", "Share of v2 over time")
    expect(gallery.locator(".b-markdown strong")).to_have_text("api")
    expect(gallery.locator(".b-rich .mention")).to_have_text("@mara")
    expect(gallery.locator("select option")).to_have_text(["Choose an arm", "v1", "v2", "v3"])


def test_hostile_text_stays_text(page: Page, stage: Stage) -> None:
    """Markup in messages, names, blocks and links is shown as text and runs nothing."""
    evil = "<img src=x onerror=window.pwned=1>"
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": evil}},
        {"type": "markdown", "text": f"[x](javascript:window.pwned=1) {evil}"},
        {"type": "image", "image_url": "javascript:window.pwned=1", "alt_text": evil},
        {"type": evil},
    ]
    stage.say("U03OLE", evil, blocks=blocks, author={"id": "U03OLE", "name": evil, "is_bot": False})
    expect(last(page).locator("h3")).to_have_text(evil)
    expect(last(page).locator(".author")).to_have_text(evil)
    expect(page.locator("#log")).to_contain_text("<svg/onload=window.pwned=1>")
    expect(page.locator("#log script, #log [onerror], #log a[href^='javascript'], #log a[href^='data']")).to_have_count(
        0
    )
    assert page.evaluate("window.pwned") is None


def test_ephemerals_are_marked_and_private(page: Page, stage: Stage) -> None:
    """A person sees their own ephemerals, marked as such, and nobody else's, neither old nor new."""
    mine = page.locator("#log .ephemeral", has_text="checkout is frozen")
    expect(mine).to_contain_text("Only visible to you")
    expect(page.locator("#log .notice")).to_contain_text("operation_timeout")
    stage.say("U0BOT", "a secret of mara", ephemeral_to="U02MARA")
    stage.say("U0BOT", "for all")
    expect(last(page)).to_contain_text("for all")
    expect(page.locator("#log")).not_to_contain_text("mara's")
    expect(page.get_by_text("a secret of mara")).to_have_count(0)
    page.select_option("#as", "U02MARA")
    expect(page.get_by_text("a secret of mara")).to_have_count(1)
    expect(mine).to_have_count(0)


def test_groups_by_author(page: Page, stage: Stage) -> None:
    """Only the first of several messages in a row names its author."""
    stage.say("U03OLE", "first")
    stage.say("U03OLE", "second")
    expect(last(page)).to_have_class(re.compile("grouped"))
    expect(last(page).locator(".byline")).to_be_hidden()
    expect(page.locator("#log .message").nth(-2).locator(".byline")).to_be_visible()


def test_edits_in_place(page: Page, stage: Stage) -> None:
    """An edited card changes where it stands, is marked briefly, and keeps the keyboard's focus."""
    before = page.locator("#log .message").count()
    last(page).locator("[data-action=undo]").focus()
    stage.emit("update", {**stage.messages[-1], "blocks": scenes.card("Promoted web to v2 20 %")})
    expect(last(page).locator("h3")).to_have_text("Promoted web to v2 20 %")
    expect(last(page)).to_have_class(re.compile("changed"))
    expect(last(page).locator("[data-action=undo]")).to_be_focused()
    assert page.locator("#log .message").count() == before


def test_deleted_messages_go(page: Page, stage: Stage) -> None:
    """A deleted message leaves the page."""
    stage.emit("delete", stage.messages.pop())
    expect(page.get_by_text("Promoting web to v2 20 %")).to_have_count(0)


def test_reader_is_not_moved(page: Page, stage: Stage) -> None:
    """Who has scrolled up stays there while messages arrive and cards above grow; a pill leads down."""
    scroll_to(page, 900)
    anchor = page.locator("#log .message", has_text="unsupported block")
    before = anchor.bounding_box()
    stage.emit("update", {**stage.messages[0], "text": "grown\n" * 20})
    stage.say("U03OLE", "news")
    expect(page.locator("#pill")).to_have_text("1 new message")
    after = anchor.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    page.click("#pill")
    expect(page.locator("#pill")).to_be_hidden()
    expect(last(page)).to_be_in_viewport()


def test_follows_when_at_the_bottom(page: Page, stage: Stage) -> None:
    """Who reads the newest message sees the next one without scrolling."""
    stage.say("U0BOT", "tall", blocks=scenes.card())
    expect(last(page).locator("[data-action=details]")).to_be_in_viewport()
    expect(page.locator("#pill")).to_be_hidden()


def test_long_text_unfolds(page: Page) -> None:
    """A very long text is cut until the reader asks for more."""
    long = page.locator("#log .message", has_text="Log of the run")
    folded = long.bounding_box()
    long.get_by_role("button", name="Show more").click()
    expect(long.get_by_role("button", name="Show less")).to_have_attribute("aria-expanded", "true")
    opened = long.bounding_box()
    assert folded is not None
    assert opened is not None
    assert opened["height"] > folded["height"] * 2


def test_other_channels_count_news(page: Page, stage: Stage) -> None:
    """News elsewhere is counted beside the channel's name, and read by opening it; an empty channel says so."""
    page.get_by_role("button", name="random").click()
    expect(page.locator("#log .empty")).to_contain_text("meshbot does not listen here")
    stage.say("U03OLE", "fire", channel="C02INCIDENT")
    incidents = page.locator("[data-channel=C02INCIDENT]")
    expect(incidents.locator(".count")).to_have_text("1")
    incidents.click()
    expect(last(page)).to_contain_text("fire")
    expect(incidents.locator(".count")).to_have_count(0)


def test_private_channels_are_for_members(page: Page) -> None:
    """A private channel and other people's direct messages are listed for their members only."""
    expect(page.locator("[data-channel=C04LEADS], [data-channel=D02MARA]")).to_have_count(0)
    page.select_option("#as", "U02MARA")
    expect(page.locator("[data-channel=C04LEADS], [data-channel=D02MARA]")).to_have_count(2)
    expect(page.locator("[data-channel=D01JIN]")).to_have_count(0)


def test_thread(page: Page, stage: Stage) -> None:
    """The thread shows the story, takes a reply, counts it on the parent, and closes by Escape."""
    page.get_by_role("button", name="2 replies").click()
    expect(page.locator("#thread .message")).to_have_count(3)
    expect(page.locator("#thread-box")).to_be_focused()
    page.keyboard.type("looks good")
    page.keyboard.press("Enter")
    expect(page.locator("#thread .message").last).to_contain_text("looks good")
    expect(page.get_by_role("button", name="3 replies")).to_be_visible()
    expect(page.locator("#log").get_by_text("looks good")).to_have_count(0)
    assert stage.sent[-1]["thread_ts"] == scenes.ts(60)
    page.keyboard.press("Escape")
    expect(page.locator("#thread")).to_be_hidden()
    expect(page.locator("#world")).to_be_visible()


def test_reconnects(page: Page, stage: Stage) -> None:
    """A lost stream is said to be lost, is opened anew, and what was missed is fetched."""
    stage.drop_streams(refuse_new=True)
    expect(page.locator("#connection")).to_contain_text("Reconnecting")
    stage.messages.append(scenes.message(810, "U03OLE", "said meanwhile"))
    stage.streams_open = True
    expect(page.locator("#connection")).to_be_hidden()
    expect(last(page)).to_contain_text("said meanwhile")
    stage.say("U03OLE", "and live again")
    expect(last(page)).to_contain_text("and live again")


def test_news_are_counted_for_everybody(page: Page, stage: Stage) -> None:
    """A channel that is not open has a count, the picker says who else has news, and each person has read their own."""
    stage.say("U0BOT", "Waiting for approval", channel="C02INCIDENT")
    stage.say("U0BOT", "for jin alone", channel="C02INCIDENT", ephemeral_to="U01JIN")
    incidents = page.locator("[data-channel=C02INCIDENT]")
    expect(incidents).to_have_accessible_name("incidents 2 new")
    expect(page.locator("#as option[value=U02MARA]")).to_have_text("Mara Okafor · SRE lead, may approve · 1 new")
    incidents.click()
    expect(incidents).to_have_accessible_name("incidents")
    page.locator("[data-channel=C03RANDOM]").click()
    page.select_option("#as", "U02MARA")
    expect(incidents).to_have_accessible_name("incidents 1 new")
    incidents.click()
    expect(page.locator("#log")).to_contain_text("Waiting for approval")
    expect(page.get_by_text("for jin alone")).to_have_count(0)


def test_who_acts_is_said_where_one_writes(page: Page) -> None:
    """The box names the person, the picker wears their sign; another person changes both."""
    expect(page.locator("#box")).to_have_attribute("placeholder", "Message #deploys as Jin Park")
    page.select_option("#as", "U04GUEST")
    expect(page.locator("#box")).to_have_attribute("placeholder", "Message #deploys as Kim Vendor")
    expect(page.locator("#as-avatar")).to_have_text("G")


def test_a_phone_marks_news_on_the_menu(phone: Page, stage: Stage) -> None:
    """The channels are behind a button there, so the button says that there is news."""
    stage.say("U0BOT", "Waiting for approval", channel="C02INCIDENT")
    expect(phone.locator("#open-sidebar")).to_have_accessible_name("Open channels, 1 new")
    expect(phone.locator("#open-sidebar")).to_have_class(re.compile("news"))


def test_answers_in_a_row_are_told_apart(page: Page, stage: Stage) -> None:
    """A line stands between two answers that only one person sees."""
    for text in ("one", "two"):
        stage.say("U0BOT", text, ephemeral_to="U01JIN")
    expect(last(page)).to_have_css("border-top-width", "1px")


def test_an_id_stays_in_one_piece(page: Page, stage: Stage) -> None:
    """An id is not broken at its hyphen at the end of a line; what is longer than a line is."""
    said = stage.say("U0BOT", "x " * 50 + "`op-k3v9x2m4ta`" + " y" * 90 + " `" + "z" * 300 + "`")
    found = page.locator(f"[data-ts='{said['ts']}'] code")
    for width in range(1000, 1160, 20):
        page.set_viewport_size({"width": width, "height": 844})
        box = found.first.bounding_box()
        assert box is not None
        assert box["height"] < 30, width
    page.set_viewport_size({"width": 1280, "height": 844})
    assert page.evaluate("document.getElementById('log').scrollWidth - document.getElementById('log').clientWidth") == 0


def test_every_emoji_of_a_card_is_known() -> None:
    """A name that the page does not know would stand there between its colons."""
    house = Path(chat.__file__).parent
    used = {name for path in house.glob("*.py") for name in re.findall(r":([a-z_]+):", path.read_text())}
    known = (Path(playground.slack.__file__).parent / "page/emoji.js").read_text()
    assert used
    assert [name for name in sorted(used) if not re.search(rf'\b{name}"?: "', known)] == []
