"""Limits of gates, the built-in ones and those of administrators."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.domain.catalog import Catalog
from mesh.domain.commands import Target
from mesh.domain.gates import CustomGate, Limits
from tests.settings.reading import mistakes, read

API = Target("", "", "api")


def limits(tmp_path: Path, text: str) -> Limits:
    """Return the limits of api whose `gates` are `text`."""
    return read(tmp_path, f"services: {{api: {{gates: {text}}}}}").service(API).limits


def test_every_limit_arrives(tmp_path: Path) -> None:
    """Each key of `gates` is the limit of its name."""
    old = "success_min: 98, p99_max_ms: 7, requests_min: 3, window: 20, max_age: 30, load_max: 0"
    new = "compare: false, slow_ms: 250, warm_up: 30s, slo: 99.5, first_max: 10"
    assert limits(tmp_path, f"{{{old}, {new}}}") == Limits(98, 7, 3, 20, 30, 0, False, 250, 30, 99.5, 10)


def test_without_a_word_the_domains_defaults_hold(tmp_path: Path) -> None:
    """No key has a default of its own here."""
    assert limits(tmp_path, "{}") == Limits() == Catalog().service(API).limits


def test_conditions_of_administrators_arrive_in_the_order_written(tmp_path: Path) -> None:
    """Name, query, bounds and unit."""
    text = """
        services:
          api:
            gates:
              custom:
                queue: {query: 'max(queue_length{app={{service}}})', at_most: 100, unit: jobs}
                hits: {query: "sum(rate(hits{v={{version}}}[{{window}}]))", at_least: 0.5, at_most: 0.9}
        """
    assert read(tmp_path, text).service(API).limits.custom == (
        CustomGate("queue", "max(queue_length{app={{service}}})", None, 100.0, "jobs"),
        CustomGate("hits", "sum(rate(hits{v={{version}}}[{{window}}]))", 0.5, 0.9),
    )


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{slo: 100}", "slo: should be less than 100"),
        ("{first_max: 0}", "first_max: should be greater than 0"),
        ("{warm_up: 2h}", "warm_up: should be less than or equal to 3600"),
        ("{compare: 1}", "compare: should be a valid boolean"),
        ("{slow_ms: -1}", "slow_ms: should be greater than or equal to 0"),
        ("{custom: {queue: {at_most: 1}}}", "custom.queue.query: missing; expected: PromQL that gives one number"),
        ("{custom: {queue: {query: '', at_most: 1}}}", "custom.queue.query: should have at least 1 character"),
        ("{custom: {queue: {query: ' ', at_most: 1}}}", "custom.queue.query: The query is empty. Write PromQL"),
        ("{custom: {q: {query: 'up{a={{servce}}}', at_most: 1}}}", "custom.q.query: The query names {{servce}}, which"),
        (
            "{custom: {q: {query: 'up{a=\"{{arm}}\"}', at_most: 1}}}",
            "custom.q.query: A placeholder stands inside quotes",
        ),
        ("{custom: {queue: {query: up}}}", "custom.queue: judges nothing; give it `at_least` or `at_most`"),
        ("{custom: {queue: {query: up, at_least: 2, at_most: 1}}}", "custom.queue.at_least: is above `at_most`"),
        ("{custom: {queue: {query: up, at_most: .inf}}}", "custom.queue.at_most: should be a finite number"),
        ("{custom: {p99: {query: up, at_most: 1}}}", "custom.p99: `p99` is the name of a gate that is always there"),
        ("{custom: {Queue: {query: up, at_most: 1}}}", "custom.Queue: 'Queue' is not a name"),
    ],
)
def test_a_mistake_about_limits_is_named(section: str, said: str, tmp_path: Path) -> None:
    """Out of range, without a bound, or called like a built-in gate: each is named at its line."""
    found = mistakes(tmp_path, f"services:\n  api:\n    gates: {section}\n")
    assert found[0].startswith(f"3: services.api.gates.{said}")
