"""The world panel: numbers of each arm, breaking and mending."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.playground.page.stage import Stage

pytestmark = pytest.mark.browser


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
    stage.world["services"][0]["arms"][1]["weight"] = 55
    expect(page.locator("#world tbody tr").nth(1)).to_contain_text("weight 55", timeout=2500)


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
    expect(page.locator("#world-body")).to_contain_text("not running", timeout=2500)
    expect(page.locator("#world-body")).to_contain_text("make demo")
    stage.world_runs = True
    expect(page.locator("#world .service")).to_have_count(2, timeout=2500)
