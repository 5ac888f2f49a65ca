"""The world panel: numbers of each arm, breaking and mending."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.playground.page.stage import Stage
from tests.quickest import quickly

pytestmark = pytest.mark.browser

PROBES = (Path(__file__).parent / "probes.js").read_text()


def test_numbers_of_each_arm(page: Page) -> None:
    """Each arm shows weight, share, rate, errors and p99; an arm without traffic says "no data"."""
    rows = page.locator("#world tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("weight 90")
    expect(rows.nth(0)).to_contain_text("90.1 %")
    expect(rows.nth(0)).to_contain_text(" ms")
    expect(rows.nth(3)).to_contain_text("no data")
    expect(page.locator("#world-note")).to_have_text("Live · Prometheus is running")


def test_numbers_stay_live(page: Page, stage: Stage) -> None:
    """A changed weight is on the panel within two seconds."""
    weights = itertools.count(55)

    def change() -> None:
        weight = next(weights)
        stage.world["services"][0]["arms"][1]["weight"] = weight
        expect(page.locator("#world tbody tr").nth(1)).to_contain_text(f"weight {weight}")

    quickly(change, within_s=2.5)


def test_break_and_mend(page: Page, stage: Stage) -> None:
    """One button breaks v2, its errors show, and the same button mends it."""
    switches = page.get_by_role("group", name="Break v2 of api")
    with page.expect_response("**/page/world/break"):
        switches.get_by_role("button", name="Break v2").click()
    expect(switches).to_contain_text("v2 is broken")
    expect(page.locator("#world tr.failing")).to_contain_text("v2")
    with page.expect_response("**/page/world/break"):
        switches.get_by_role("button", name="Mend v2").click()
    expect(switches).to_contain_text("v2 is healthy")
    where = {"namespace": "mesh-demo", "service": "api", "version": "v2"}
    assert stage.broken == [{**where, "errors": 0.2, "latency_ms": 0}, {**where, "errors": 0, "latency_ms": 0}]


def test_sliders(page: Page, stage: Stage) -> None:
    """Sliders work by keyboard, speak their value with its unit, and keep it while numbers refresh."""
    latency = page.get_by_label("Latency of v2").first
    latency.focus()
    with page.expect_response("**/page/world/break"):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
    assert stage.broken[-1]["latency_ms"] == 100
    page.wait_for_timeout(1200)
    expect(latency).to_have_attribute("aria-valuetext", "+100 ms")
    expect(latency).to_be_focused()


def test_says_when_the_simulator_is_away(page: Page, stage: Stage) -> None:
    """Without the simulator the panel says so, with what to do; it comes back by itself."""
    stage.world_runs = False
    expect(page.locator("#world-body")).to_contain_text("not running")
    expect(page.locator("#world-body")).to_contain_text("make demo")
    stage.world_runs = True
    expect(page.locator("#world .service")).to_have_count(2)


def test_raise_and_resolve_an_alert(page: Page, stage: Stage) -> None:
    """One button raises the alert of a service, by keyboard too, and the same button resolves it."""
    alert = page.get_by_role("group", name="Alert of api")
    expect(alert).to_contain_text("No alert")
    alert.get_by_role("button", name="Raise an alert").focus()
    page.keyboard.press("Enter")
    expect(alert).to_contain_text("An alert fires")
    alert.get_by_role("button", name="Resolve it").click()
    expect(alert).to_contain_text("No alert")
    where = {"namespace": "mesh-demo", "service": "api"}
    assert stage.alerted == [{**where, "firing": True}, {**where, "firing": False}]
    expect(page.get_by_role("group", name="Alert of checkout")).to_contain_text("No alert")


def test_an_alert_of_somebody_else_shows(page: Page, stage: Stage) -> None:
    """What another tab raised is on the panel; where nobody takes alerts there is no button."""
    stage.world["alerts"] = ["mesh-demo/checkout"]
    expect(page.get_by_role("group", name="Alert of checkout")).to_contain_text("An alert fires")
    stage.world["alerts"] = None
    expect(page.get_by_role("group", name="Alert of checkout")).to_have_count(0)


def test_an_alert_that_the_bot_does_not_take(page: Page, stage: Stage) -> None:
    """The reason stands beside the button, and nothing is said to fire."""
    stage.alert_error = "the bot cannot be reached"
    alert = page.get_by_role("group", name="Alert of api")
    alert.get_by_role("button", name="Raise an alert").click()
    expect(alert.get_by_role("alert")).to_have_text("The bot was not told: the bot cannot be reached.")
    expect(alert).to_contain_text("No alert")


def test_the_digest_is_a_command(page: Page, stage: Stage) -> None:
    """Its button types the command in the open channel, for the person who acts."""
    page.select_option("#as", "U02MARA")
    page.get_by_role("button", name="Post the digest now").click()
    expect(page.locator("#log")).to_contain_text("/mesh digest now")
    assert stage.sent == [{"as": "U02MARA", "channel": "C01DEPLOY", "text": "/mesh digest now"}]


def test_a_phone_shows_the_messages_again(phone: Page, stage: Stage) -> None:
    """Where the panel lies over the messages, it goes away for the digest; nothing sticks out of it before."""
    phone.emulate_media(reduced_motion="reduce")
    phone.locator("#open-world").click()
    button = phone.get_by_role("button", name="Post the digest now")
    expect(button).to_be_visible()
    assert phone.evaluate(f"{PROBES}.overflowing()") == []
    button.click()
    expect(phone.locator("#world")).to_be_hidden()
    expect(phone.locator("#log")).to_contain_text("/mesh digest now")
