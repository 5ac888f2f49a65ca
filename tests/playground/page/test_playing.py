"""One person plays requester, approver and outsider on the page of the whole demo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from playground.parts import World
from tests.world.town import until

pytestmark = [pytest.mark.browser, pytest.mark.world]

LONG_MS = 60_000
"""Longest wait for what a worker does, on a busy machine."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The demo, with metrics that can decide."""
    with World(tmp_path_factory.mktemp("demo")) as running:
        if running.prometheus is None:
            pytest.skip("approvals are asked for after the gates, which need Prometheus")
        running.prometheus.wait_until_scraped("sidecars", 40, since_s=12)
        yield running


@pytest.fixture
def desk(wide_window: Page, world: World) -> Iterator[Page]:
    """The page as Jin in #prod."""
    wide_window.goto("about:blank")
    wide_window.emulate_media(color_scheme="light", reduced_motion="reduce")
    with wide_window.expect_response("**/page/events"):
        wide_window.goto(f"{world.slack_url}/?as=U0JIN#C0PROD")
    yield wide_window
    wide_window.goto("about:blank")


def say(page: Page, command: str) -> None:
    """Type a command."""
    page.fill("#box", command)
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.locator("#box")).to_have_value("")


def turn(page: Page, person: str, channel: str) -> None:
    """Become somebody, and look at a channel."""
    page.select_option("#as", person)
    page.locator(f"[data-channel={channel}]").click()


def card(page: Page, words: str) -> Locator:
    """The newest message that says this."""
    return page.locator("#log .message", has_text=words).last


def approve(page: Page) -> None:
    """Press Approve on the newest card, and mean it: twice in a row, as nervous people do."""
    card(page, "Waiting for approval").get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").dblclick()


def test_two_people_agree(desk: Page, world: World) -> None:
    """Jin asks and may not agree; Ana and Lee do as soon as they see the card; then it is done, and nobody votes."""
    say(desk, "/mesh promote checkout 50")
    expect(desk.locator("[data-channel=C0INC]")).to_have_accessible_name("incident-api 1 new", timeout=LONG_MS)
    expect(desk.locator("#as option[value=U0ANA]")).to_contain_text("new")
    approve(desk)
    expect(card(desk, "Not allowed.")).to_contain_text("whoever asks for a change cannot approve it", timeout=LONG_MS)
    turn(desk, "U0ANA", "C0INC")
    approve(desk)
    expect(card(desk, "Waiting for approval")).to_contain_text("1 of 2 approvals", timeout=LONG_MS)
    turn(desk, "U0LEE", "C0INC")
    expect(desk.get_by_text("Not allowed.")).to_have_count(0)
    approve(desk)
    done = card(desk, "Promoted checkout: v2 at 50 %")
    expect(done).to_contain_text("2 of 2 approvals", timeout=LONG_MS)
    expect(done.get_by_role("button", name="Approve")).to_have_count(0)
    # What the simulated sidecars go by follows the object within a moment.
    until(lambda: world.weights()["checkout"] == {"v1": 50, "v2": 50}, "the traffic did not follow")


def test_an_alert_holds_promotions_until_it_is_resolved(desk: Page) -> None:
    """Raised in the panel it is a card in the incident channel; a promotion is refused; resolved, the card says so."""
    alert = desk.get_by_role("group", name="Alert of api")
    alert.get_by_role("button", name="Raise an alert").click()
    expect(desk.locator("[data-channel=C0INC]")).to_have_class("channel news", timeout=LONG_MS)
    say(desk, "/mesh promote api 50")
    expect(card(desk, "Refused: promote api")).to_contain_text("HighErrorRate", timeout=LONG_MS)
    desk.locator("[data-channel=C0INC]").click()
    expect(card(desk, "Incident of api")).to_contain_text("More than 1 % of the requests of api fail")
    alert.get_by_role("button", name="Resolve it").click()
    expect(card(desk, "Incident of api")).to_contain_text("every alert is resolved", timeout=LONG_MS)


def test_a_guest_is_told_why_not(desk: Page) -> None:
    """For the guest's eyes alone."""
    turn(desk, "U0MIA", "C0PROD")
    say(desk, "/mesh status")
    expect(card(desk, "Not allowed.")).to_contain_text("Guests of this workspace cannot use meshbot")
    desk.select_option("#as", "U0JIN")
    expect(desk.get_by_text("Guests of this workspace")).to_have_count(0)


def test_the_digest_says_what_waits(desk: Page) -> None:
    """Its button types the command; what waits for people is in it."""
    say(desk, "/mesh promote checkout 90")
    expect(card(desk, "Waiting for approval: promote checkout to v2 90 %")).to_be_visible(timeout=LONG_MS)
    desk.get_by_role("button", name="Post the digest now").click()
    digest = card(desk, "Off their resting split")
    expect(digest).to_contain_text("0 of 2 approvals", timeout=LONG_MS)
    expect(digest).to_contain_text("Waiting for approval")
