"""How the page is built: narrow screens, themes, names for controls, contrast, motion."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

PROBES = (Path(__file__).parent / "probes.js").read_text()


def probe(page: Page, name: str) -> list[str]:
    """What a probe of probes.js finds wrong with the open page."""
    found: list[str] = page.evaluate(f"{PROBES}.{name}()")
    return found


def test_nothing_overflows_on_a_phone(phone: Page) -> None:
    """At 390 pixels nothing sticks out sideways, whatever is open."""
    stuck = {"messages": probe(phone, "overflowing")}
    for panel in ("sidebar", "world"):
        phone.click(f"#open-{panel}")
        phone.wait_for_timeout(300)
        stuck[panel] = probe(phone, "overflowing")
        phone.keyboard.press("Escape")
    phone.locator("#box").press_sequentially("/mesh")
    stuck["completions"] = probe(phone, "overflowing")
    phone.get_by_role("button", name="2 replies").click()
    expect(phone.locator("#thread .message")).to_have_count(3)
    phone.wait_for_timeout(300)
    stuck["thread"] = probe(phone, "overflowing")
    assert stuck == {"messages": [], "sidebar": [], "world": [], "completions": [], "thread": []}
    assert phone.evaluate("document.documentElement.scrollWidth") == 390


def test_drawers_on_a_phone(phone: Page) -> None:
    """On a phone the channels slide in, take the focus, close by Escape and give the focus back."""
    opener = phone.get_by_role("button", name="Open channels")
    expect(phone.get_by_role("button", name="random")).to_have_count(0)
    opener.click()
    expect(opener).to_have_attribute("aria-expanded", "true")
    expect(phone.get_by_role("button", name="Close channels")).to_be_focused()
    phone.keyboard.press("Escape")
    expect(phone.locator("#scrim")).to_be_hidden()
    expect(opener).to_be_focused()
    opener.click()
    phone.get_by_role("button", name="random").click()
    expect(phone.locator("#channel-name")).to_contain_text("random")
    expect(phone.locator("#scrim")).to_be_hidden()


def test_theme_is_remembered(page: Page) -> None:
    """The toggle turns the page dark, says so, and the choice survives a reload."""
    toggle = page.get_by_role("button", name="Dark theme")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    expect(toggle).to_have_attribute("aria-pressed", "false")
    toggle.click()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(toggle).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_follows_the_system_theme(page: Page) -> None:
    """Without a choice the page is as dark as the system."""
    page.emulate_media(color_scheme="dark")
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")


def test_every_control_has_a_name(page: Page) -> None:
    """Every control and region has a name for those who cannot see it."""
    page.get_by_role("button", name="2 replies").click()
    assert probe(page, "unnamed") == []
    expect(page.get_by_role("log", name="Messages in deploys")).to_have_attribute("aria-live", "polite")
    expect(page.get_by_role("combobox", name="Act as")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(page: Page, scheme: str) -> None:
    """Every text has a contrast of at least 4.5 to 1 in both themes."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    page.get_by_role("group", name="Break v2 of api").get_by_role("button").click()
    expect(page.locator("#world tr.failing")).to_have_count(1)
    page.locator("#box").press_sequentially("/mesh prom")
    page.keyboard.press("ArrowDown")
    page.mouse.move(0, 0)
    page.wait_for_timeout(100)
    assert probe(page, "lowContrast") == []


def test_focus_can_be_seen(page: Page) -> None:
    """A control reached by keyboard has a ring."""
    page.locator("#theme").focus()
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert (page.evaluate("document.activeElement.id"), outline) == ("as", "solid")


def test_motion_can_be_switched_off(page: Page) -> None:
    """With reduced motion nothing takes visible time to move."""
    page.emulate_media(reduced_motion="reduce")
    seconds = page.evaluate("parseFloat(getComputedStyle(document.querySelector('.split span')).transitionDuration)")
    assert seconds < 0.001


def test_room_for_both_panels(page: Page) -> None:
    """On a wide screen the world stays beside an open thread; on a smaller one the thread takes its place."""
    page.get_by_role("button", name="2 replies").click()
    expect(page.locator("#thread .message")).to_have_count(3)
    expect(page.locator("#world")).to_be_hidden()
    page.set_viewport_size({"width": 1600, "height": 844})
    expect(page.locator("#world")).to_be_visible()
    expect(page.locator("#thread")).to_be_visible()
    assert probe(page, "overflowing") == []
    page.set_viewport_size({"width": 1280, "height": 844})
