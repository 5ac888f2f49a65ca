"""What a person does: commands by keyboard, presses with a question first, and errors that lose nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.playground.page import scenes
from tests.playground.page.stage import Stage

pytestmark = pytest.mark.browser


def test_command_by_keyboard_alone(page: Page, stage: Stage) -> None:
    """`/`, a few letters, Tab and Enter send a command; nothing is clicked."""
    page.keyboard.press("/")
    expect(page.locator("#box")).to_be_focused()
    page.keyboard.type("/mesh prom")
    options = page.get_by_role("listbox").get_by_role("option")
    expect(options).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Tab")
    expect(page.locator("#box")).to_have_value("/mesh promote api 50")
    page.keyboard.press("Enter")
    expect(page.locator("#box")).to_have_value("")
    assert stage.sent == [{"as": "U01JIN", "channel": "C01DEPLOY", "text": "/mesh promote api 50"}]


def test_enter_accepts_what_was_chosen(page: Page) -> None:
    """Enter takes the completion chosen with the arrows, and does not send yet."""
    page.locator("#box").press_sequentially("/mesh r")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#box")).to_have_value("/mesh rollback api")


def test_enter_sends_a_command_alone(page: Page, stage: Stage) -> None:
    """A whole name is the first line, not chosen, and Enter sends it; of half a name Enter writes the rest."""
    box, options = page.locator("#box"), page.get_by_role("listbox").get_by_role("option")
    box.press_sequentially("/me")
    page.keyboard.press("Enter")
    expect(box).to_have_value("/mesh ")
    assert stage.sent == []
    box.press("Backspace")
    expect(options.first).to_contain_text("/meshMove mesh traffic")
    expect(options.first).to_have_attribute("aria-selected", "false")
    page.keyboard.press("Enter")
    expect(box).to_have_value("")
    assert [one["text"] for one in stage.sent] == ["/mesh"]


def test_enter_never_changes_a_number(page: Page, stage: Stage) -> None:
    """Sending "5" while "50" is on offer sends 5."""
    page.locator("#box").press_sequentially("/mesh promote api 5")
    expect(page.get_by_role("listbox").get_by_role("option").first).to_contain_text("api 50")
    page.keyboard.press("Enter")
    expect(page.locator("#box")).to_have_value("")
    assert stage.sent[-1]["text"] == "/mesh promote api 5"


def test_recalls_the_last_command(page: Page) -> None:
    """Arrow up in an empty box brings back what was sent before; arrow down leads away again."""
    box = page.locator("#box")
    for text in ("/mesh status", "/mesh help"):
        box.fill(text)
        page.keyboard.press("Enter")
        expect(box).to_have_value("")
    page.keyboard.press("ArrowUp")
    expect(box).to_have_value("/mesh help")
    page.keyboard.press("ArrowUp")
    expect(box).to_have_value("/mesh status")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_value("/mesh help")


def test_error_keeps_the_text(page: Page, stage: Stage) -> None:
    """A refused text stays in the box, with the reason beside it in words."""
    stage.send_error = "not_in_channel"
    page.fill("#box", "/mesh status")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Not sent")).to_contain_text("not in the channel")
    expect(page.locator("#box")).to_have_value("/mesh status")


def test_drafts_belong_to_their_channel(page: Page) -> None:
    """Unsent text waits in its channel and survives a reload."""
    page.fill("#box", "half a thought")
    page.click("[data-channel=C02INCIDENT]")
    expect(page.locator("#box")).to_have_value("")
    page.click("[data-channel=C01DEPLOY]")
    page.reload()
    expect(page.locator("#box")).to_have_value("half a thought")


def test_escape_closes_the_completions_only(page: Page) -> None:
    """Escape closes the list and leaves the text."""
    page.locator("#box").press_sequentially("/mesh s")
    expect(page.get_by_role("listbox").get_by_role("option")).not_to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(0)
    expect(page.locator("#box")).to_have_value("/mesh s")


def test_thread_offers_mentions(page: Page) -> None:
    """Slash commands do not work in threads: the box says so and offers the same lines as mentions."""
    page.get_by_role("button", name="2 replies").click()
    box = page.locator("#thread-box")
    expect(box).to_be_focused()
    box.press_sequentially("/mesh")
    expect(page.locator("#thread .composer-note")).to_contain_text("Write @meshbot instead")
    box.fill("")
    box.press_sequentially("@meshbot prom")
    page.keyboard.press("Tab")
    expect(box).to_have_value("@meshbot promote api 50")


def test_press_asks_first(page: Page, stage: Stage) -> None:
    """A button with a confirm object presses only after a yes; no and Escape press nothing."""
    button = page.locator("#log [data-action=rollback]").last
    dialog = page.get_by_role("dialog")
    button.click()
    expect(dialog).to_contain_text("Roll back api?")
    expect(dialog.get_by_role("button", name="Keep going")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    button.click()
    dialog.get_by_role("button", name="Keep going").click()
    assert stage.clicked == []
    button.click()
    with page.expect_response("**/page/click"):
        dialog.get_by_role("button", name="Roll back").click()
    assert stage.clicked == [
        {
            "as": "U01JIN",
            "channel": "C01DEPLOY",
            "message_ts": scenes.ts(800),
            "block_id": "card",
            "action_id": "rollback",
        }
    ]


def test_select_sends_its_value(page: Page, stage: Stage) -> None:
    """Choosing an option presses the select and names the option."""
    with page.expect_response("**/page/click"):
        page.locator("#log [data-action=arm]").select_option("v2")
    assert (stage.clicked[-1]["action_id"], stage.clicked[-1]["value"]) == ("arm", "v2")


def test_acts_as_the_chosen_person(page: Page, stage: Stage) -> None:
    """What is sent and pressed is sent as the person in the picker, also after a reload."""
    page.select_option("#as", "U02MARA")
    expect(page.locator("#as-note")).to_contain_text("may approve")
    page.reload()
    page.fill("#box", "hello")
    page.keyboard.press("Enter")
    expect(page.locator("#box")).to_have_value("")
    assert stage.sent[-1]["as"] == "U02MARA"
