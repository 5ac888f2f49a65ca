"""Freezes, limits and a policy that changes, on real parts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mesh.domain.operations import State
from tests.world.town import LEE, Town, call

pytestmark = pytest.mark.world


def canary(town: Town) -> int:
    """The canary's weight as the API server has it."""
    weight: int = town.object("VirtualService", "api-vs")["spec"]["http"][0]["route"][1]["weight"]
    return weight


@contextmanager
def configured(town: Town, old: str, new: str) -> Iterator[None]:
    """Change the configuration under the running processes, and put it back."""
    path = town.world.configuration
    before = path.read_text()
    assert old in before
    try:
        path.write_text(before.replace(old, new))
        time.sleep(0.8)
        yield
    finally:
        path.write_text(before)
        time.sleep(0.8)


def test_a_freeze_bars_promotions_and_no_way_back(istio: Town) -> None:
    """Typed in Slack, told by its card; a promotion is answered with why, a rollback works, and lifted all goes on."""
    istio.reset("istio-traffic.yaml")
    istio.await_gates("v2")
    assert istio.do("/mesh promote api 30").state is State.SUCCEEDED
    frozen = istio.do("/mesh freeze api for 1h --reason 'incident 4412'")
    assert frozen.state is State.SUCCEEDED, frozen.outcome
    assert "Froze api" in istio.card(frozen)
    assert "incident 4412" in istio.answer("/mesh freezes")
    assert "api is frozen until" in istio.answer("/mesh promote api 50 --force --reason 'I must'")
    assert "Not now." in istio.answer("/mesh can promote api 50")
    assert "may not freeze" in istio.answer("/mesh freeze all --reason x", user=LEE)
    assert canary(istio) == 30
    assert istio.do("/mesh rollback api").state is State.SUCCEEDED
    assert canary(istio) == 0
    assert istio.do(f"/mesh unfreeze {frozen.id}").state is State.SUCCEEDED
    assert istio.do("/mesh promote api 10").state is State.SUCCEEDED


def test_a_changed_policy_is_the_next_requests_and_the_next_jobs(istio: Town) -> None:
    """Bot and workers take it while they run; with mistakes in the file the last good one stays in both."""
    istio.reset("istio-traffic.yaml")
    istio.await_gates("v2")
    with configured(istio, 'may: "*"}', 'may: "*", max_share: 20}'):
        done = istio.do("/mesh promote api 30")
        assert done.state is State.REFUSED
        assert "at most 20 %" in done.outcome
        assert istio.do("/mesh promote api 20").state is State.SUCCEEDED
        with configured(istio, "policy:", "polcy:"):
            assert "at most 20 %" in istio.do("/mesh promote api 30").outcome
            ready = call("GET", istio.world.bot_url.replace("/slack/events", "/readyz"))
            assert ready["configuration"].startswith("the last good one is in force")
    assert istio.do("/mesh promote api 30").state is State.SUCCEEDED
