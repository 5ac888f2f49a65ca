"""Modals and the App Home on the page, with the real bot behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mesh.domain.commands import Verb
from tests.playground.page.live import Live, live

pytestmark = pytest.mark.browser

PROBES = (Path(__file__).parent / "probes.js").read_text()


@pytest.fixture
def world() -> Iterator[Live]:
    """A stand-in Slack with the bot."""
    with live() as running:
        yield running


@pytest.fixture
def desk(wide_window: Page, world: Live) -> Iterator[Page]:
    """The page on a wide screen, as Jin in #prod, listening to events."""
    yield from visited(wide_window, world)


@pytest.fixture
def phone(phone_window: Page, world: Live) -> Iterator[Page]:
    """The page on a phone."""
    yield from visited(phone_window, world)


def visited(page: Page, world: Live) -> Iterator[Page]:
    """Visit and leave again."""
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    with page.expect_response("**/page/events"):
        page.goto(f"{world.url}/#C0PROD")
    yield page
    page.goto("about:blank")


def form(page: Page) -> None:
    """Open the form by `/mesh` alone."""
    page.locator("#box").fill("/mesh")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Move traffic")).to_be_visible()


def choose_api(page: Page) -> None:
    """Find api in the select of services."""
    page.get_by_role("combobox", name="Service").press_sequentially("ap")
    expect(page.get_by_role("option", name="api · prod / mesh-demo")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Service")).to_have_value("api · prod / mesh-demo")


def test_a_service_is_found_by_a_part_of_its_name(desk: Page) -> None:
    """The list narrows while one types, by the chosen cluster too; arrows and Enter choose; Escape closes it alone."""
    form(desk)
    service = desk.get_by_role("combobox", name="Service")
    service.click()
    expect(desk.get_by_role("option", name="web · prod")).to_be_visible()
    service.fill("gate")
    options = desk.locator("#field-service-list [role=option]")
    expect(options).to_have_text(["api-gateway · prod / mesh-demo", "gate · prod / mesh-demo"])
    desk.keyboard.press("Escape")
    expect(options.first).to_be_hidden()
    expect(desk.get_by_role("dialog")).to_be_visible()
    desk.get_by_label("Cluster").select_option(label="lab")
    service.fill("che")
    expect(options.first).to_have_text("checkout · lab / try")


def test_what_is_missing_or_wrong_is_said_beside_its_field(desk: Page, world: Live) -> None:
    """The page asks for what is missing, the app for what it does not understand; what was typed stays."""
    form(desk)
    desk.get_by_role("button", name="Run").click()
    service, amount = desk.locator("[data-block=service]"), desk.locator("[data-block=amount]")
    expect(service.get_by_role("alert")).to_have_text("Please fill this in.")
    expect(service.locator("input")).to_be_focused()
    choose_api(desk)
    amount.locator("input").fill("many")
    desk.get_by_role("button", name="Run").click()
    expect(amount.get_by_role("alert")).to_contain_text("not a share of traffic")
    expect(amount.locator("input")).to_have_value("many")
    expect(service.locator(".field-error")).to_be_hidden()
    assert world.bench.started == []


def test_what_is_wrong_is_not_covered(desk: Page) -> None:
    """The field of the first error has the focus and does not open its list over the words; a click and typing do."""
    form(desk)
    desk.get_by_role("button", name="Run").click()
    service = desk.get_by_role("combobox", name="Service")
    expect(service).to_be_focused()
    desk.wait_for_timeout(600)
    options = desk.locator("#field-service-list [role=option]")
    expect(options).to_have_count(0)
    service.click()
    expect(options.first).to_be_visible()


def test_a_preview_appears_below_the_fields(desk: Page, world: Live) -> None:
    """Preview asks for the plan, shows it when it is there, and keeps what was typed; then Run runs it."""
    form(desk)
    choose_api(desk)
    desk.get_by_label("Share, weights or steps").fill("50")
    desk.get_by_role("button", name="Preview the plan").click()
    dialog = desk.get_by_role("dialog")
    expect(dialog).to_contain_text("Making the plan of promote api 50")
    world.finish_preview()
    expect(dialog).to_contain_text("Plan: promote api to v2 50 %")
    expect(dialog).not_to_contain_text("Making the plan")
    expect(desk.get_by_label("Share, weights or steps")).to_have_value("50")
    desk.get_by_role("button", name="Run").click()
    expect(dialog).to_contain_text("Queued as")
    dialog.get_by_text("Close", exact=True).click()
    expect(dialog).to_have_count(0)
    commands = [operation.command for operation in world.bench.started]
    assert [(command.verb, command.dry_run) for command in commands] == [
        (Verb.PROMOTE, True),
        (Verb.PROMOTE, False),
    ]


def test_two_people_on_one_page(desk: Page, world: Live) -> None:
    """A modal is seen by its person only; whoever acts as somebody else gets their own, and their own rights."""
    form(desk)
    desk.keyboard.press("Escape")
    expect(desk.get_by_role("dialog")).to_have_count(0)
    desk.select_option("#as", "U0LEE")
    form(desk)
    assert [len(world.driver.views(user)) for user in ("U0JIN", "U0LEE")] == [0, 1]
    choose_api(desk)
    desk.get_by_label("Share, weights or steps").fill("50")
    desk.get_by_role("button", name="Run").click()
    expect(desk.locator("[data-block=service]").get_by_role("alert")).to_contain_text("may not promote api")
    desk.reload()
    expect(desk.get_by_role("dialog", name="Move traffic")).to_be_visible()


def test_the_home_is_a_tab(desk: Page, world: Live) -> None:
    """Beside the direct messages; drawn for whoever acts; its buttons work, and it opens the form."""
    desk.locator("[data-channel=D0JIN]").click()
    desk.get_by_role("button", name="Home").click()
    home = desk.get_by_role("region", name="App Home")
    expect(home).to_contain_text("Nothing waits for you.")
    expect(home).to_contain_text("sre allows every change")
    expect(desk.locator("#log")).to_be_hidden()
    home.get_by_role("button", name="Open the form").click()
    dialog = desk.get_by_role("dialog", name="Move traffic")
    expect(dialog).to_be_visible()
    choose_api(desk)
    desk.get_by_label("Share, weights or steps").fill("25")
    desk.get_by_role("button", name="Run").click()
    expect(dialog.or_(desk.get_by_role("dialog"))).to_contain_text("our direct messages")
    desk.keyboard.press("Escape")
    expect(home).to_contain_text("promote api to canary 25 %")
    desk.get_by_role("button", name="Messages").click()
    expect(desk.locator("#log")).to_be_visible()


def test_a_guest_is_told_why_the_home_is_empty(desk: Page) -> None:
    """An outsider's Home holds the reason and nothing else."""
    desk.select_option("#as", "U0MIA")
    desk.locator("[data-channel=D0MIA]").click()
    desk.get_by_role("button", name="Home").click()
    home = desk.get_by_role("region", name="App Home")
    expect(home).to_contain_text("Guests of this workspace cannot use meshbot.")
    expect(home).not_to_contain_text("rights")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_modal_and_home_can_be_read(desk: Page, world: Live, scheme: str) -> None:
    """Contrast and names of controls, in both themes, with an error and an open list."""
    desk.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
    form(desk)
    desk.get_by_role("button", name="Run").click()
    desk.get_by_role("combobox", name="Service").press_sequentially("ap")
    expect(desk.locator("#field-service-list [role=option]").first).to_be_visible()
    desk.keyboard.press("ArrowDown")
    assert desk.evaluate(f"{PROBES}.unnamed()") == []
    inside = desk.evaluate(f"{PROBES}.lowContrast()")
    assert inside == []


def test_modal_and_home_fit_on_a_phone(phone: Page, world: Live) -> None:
    """At 390 pixels the modal is the whole screen, and nothing sticks out of it or of the Home."""
    form(phone)
    choose_api(phone)
    assert phone.evaluate(f"{PROBES}.overflowing()") == []
    phone.get_by_label("Share, weights or steps").fill("50")
    phone.get_by_role("button", name="Preview the plan").click()
    expect(phone.get_by_role("dialog")).to_contain_text("Making the plan")
    world.finish_preview()
    expect(phone.get_by_role("dialog")).to_contain_text("Plan: promote")
    assert phone.evaluate(f"{PROBES}.overflowing()") == []
    phone.keyboard.press("Escape")
    phone.goto("about:blank")
    phone.goto(f"{world.url}/#D0JIN")
    phone.get_by_role("button", name="Home").click()
    expect(phone.get_by_role("region", name="App Home")).to_contain_text("Your rights")
    assert phone.evaluate(f"{PROBES}.overflowing()") == []
