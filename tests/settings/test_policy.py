"""Roles with limits, freezes and flood bounds in the configuration: what they mean, and every mistake at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.domain.catalog import Flood
from mesh.domain.commands import Target
from mesh.domain.hours import read_hours
from mesh.domain.scopes import Scope
from mesh.domain.stepups import StepUp
from tests.mesh.domain.test_hours import at
from tests.settings.reading import mistakes, read

ROLE = "policy:\n  roles:\n    sre:\n      users: [U0JIN]\n      may: [promote]\n      "
FREEZE = "freezes:\n  - name: weekend\n    reason: nobody is here\n    time_zone: Europe/Berlin\n    "


def test_a_role_has_channels_sizes_and_hours(tmp_path: Path) -> None:
    """One line of hours may stand without its list; what is left out limits nothing."""
    text = (
        ROLE + "channels: [C0PROD]\n      max_step: 10\n      max_share: 50.5\n      hours: mon-fri 09:00-17:00 UTC\n"
    )
    [role] = read(tmp_path, text).policy.roles
    assert (role.channels, role.max_step, role.max_share) == (("C0PROD",), 10.0, 50.5)
    assert role.hours == (read_hours("mon-fri 09:00-17:00 UTC"),)
    assert role.limited
    [plain] = read(tmp_path, ROLE.rstrip()).policy.roles
    assert not plain.limited


def test_a_freeze_has_weekly_hours_or_dates(tmp_path: Path) -> None:
    """A day alone is frozen to its end; a moment is what the wall clock says."""
    text = FREEZE + 'weekly: ["fri 18:00-24:00", "sat-sun 00:00-24:00"]\n    services: [api, "web-*"]\n'
    [closure] = read(tmp_path, text).freezes
    assert closure.weekly == tuple(
        read_hours(one, zone="Europe/Berlin") for one in ("fri 18:00-24:00", "sat-sun 00:00-24:00")
    )
    assert closure.scope == Scope(services=("api", "web-*"))
    assert closure.scope.covers(Target("prod", "shop", "web-1"))
    [days] = read(tmp_path, FREEZE + "since: 2026-12-24\n    until: 2026-12-26\n").freezes
    assert days.spans == ((at("2026-12-24T00:00"), at("2026-12-27T00:00")),)
    [moments] = read(tmp_path, FREEZE + "since: 2026-12-24 18:00\n    until: 2026-12-26T08:30\n").freezes
    assert moments.spans == ((at("2026-12-24T18:00"), at("2026-12-26T08:30")),)
    [seconds] = read(tmp_path, FREEZE + "since: 2026-12-24 18:00:00\n    until: '2026-12-26'\n").freezes
    assert seconds.spans == ((at("2026-12-24T18:00"), at("2026-12-27T00:00")),)


def test_flood_bounds_are_those_of_the_domain(tmp_path: Path) -> None:
    """Each may be set alone."""
    assert read(tmp_path, "flood: {user_per_minute: 5}").flood == Flood(user_per_minute=5)
    assert read(tmp_path, "").flood == Flood()


MISTAKES = [
    (ROLE + "channels: ['#prod']", "6: policy.roles.sre.channels[0]: '#prod' is not a channel id"),
    (ROLE + "max_step: 0", "6: policy.roles.sre.max_step: should be greater than 0"),
    (ROLE + "max_step: .nan", "6: policy.roles.sre.max_step: "),
    (ROLE + "max_share: 101", "6: policy.roles.sre.max_share: should be less than or equal to 100"),
    (ROLE + "max_share: '50'", "6: policy.roles.sre.max_share: should be a valid number"),
    (ROLE + "hours: mon-fri 9-17", "6: policy.roles.sre.hours[0]: 'mon-fri 9-17' are no weekly hours."),
    (
        ROLE + "hours:\n        - mon 09:00-17:00 UTC\n        - mon 09:00-17:00 Moon/Base",
        "8: policy.roles.sre.hours[1]: ",
    ),
    (ROLE + "hours: mon-fri 09:00-17:00", "6: policy.roles.sre.hours[0]: There is no time zone."),
    (FREEZE.rstrip(), "2: freezes[0]: is never; give it `weekly`, or `since` and `until`"),
    (FREEZE + "since: 2026-12-24", "5: freezes[0].since: needs both `since` and `until`"),
    (FREEZE + "until: 2026-12-24", "5: freezes[0].until: needs both `since` and `until`"),
    (FREEZE + "since: 2026-12-24\n    until: 2026-12-23", "6: freezes[0].until: is not after `since`"),
    (FREEZE + "since: 24.12.2026\n    until: 2026-12-26", "5: freezes[0].since: '24.12.2026' is no date"),
    (FREEZE + "since: 2026-12-24T18:00:00+01:00\n    until: 2026-12-26", "5: freezes[0].since: "),
    (FREEZE + "weekly: [mon 09:00-09:00]", "5: freezes[0].weekly[0]: 'mon 09:00-09:00' begins when it ends."),
    (FREEZE + "weekly: [mon 09:00-10:00 UTC]", "5: freezes[0].weekly[0]: names a time zone of its own"),
    (FREEZE + "weekly: [mon 09:00-10:00]\n    clusters: [prud]", "6: freezes[0].clusters[0]: no cluster is called"),
    (FREEZE + "weekly: [mon 09:00-10:00]\n    from: x", "6: freezes[0].from: unknown key `from`"),
    ("freezes: [{name: x, time_zone: UTC, weekly: [mon 09:00-10:00]}]", "1: freezes[0].reason: missing"),
    ("freezes: [{name: x, reason: y, time_zone: Moon, weekly: [mon 09:00-10:00]}]", "1: freezes[0].time_zone: 'Moon'"),
    ("freezes: {weekend: {}}", "1: freezes: should be a list"),
    ("flood: {user_per_minute: 0}", "1: flood.user_per_minute: should be greater than or equal to 1"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_every_mistake_is_named_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    """And nothing else is said."""
    [found] = mistakes(tmp_path, text)
    assert found.startswith(said), found


def test_two_freezes_of_one_name_are_a_mistake(tmp_path: Path) -> None:
    """People are told the name, so it must be one freeze's."""
    twice = FREEZE + "weekly: [mon 09:00-10:00]\n" + FREEZE.partition("\n")[2] + "weekly: [tue 09:00-10:00]\n"
    assert mistakes(tmp_path, twice) == ["6: freezes[1].name: another freeze is called `weekend`"]


def test_a_step_up_check_arrives_whole(tmp_path: Path) -> None:
    """Every key; durations as everywhere."""
    catalog = read(
        tmp_path,
        """
        clusters: {prod: {}}
        policy:
          step_up:
            url: https://sso.example.com/check
            token_file: /run/secrets/step-up
            ca_file: /etc/ssl/own.pem
            clusters: [prod]
            namespaces: [shop]
            services: ["api*"]
            verbs: [promote, approve]
            timeout: 5s
            valid_for: 10m
        """,
    )
    scope = Scope(("prod",), ("shop",), ("api*",))
    assert catalog.step_up == StepUp(
        "https://sso.example.com/check",
        "/run/secrets/step-up",
        "/etc/ssl/own.pem",
        scope,
        ("promote", "approve"),
        timeout_s=5.0,
        valid_for_s=600.0,
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("url: http://sso.example.com/check", "not safe for a token"),
        ("url: sso.example.com", "not an address"),
        ("url: https://x, verbs: [rollback]", "never asked about"),
        ("url: https://x, timeout: 60s", "timeout"),
        ("url: https://x, clusters: [prdo]", "no cluster is called"),
    ],
)
def test_mistakes_in_a_step_up_check_are_named(tmp_path: Path, line: str, said: str) -> None:
    """A token never goes over an open line, and what goes back cannot be barred."""
    text = f"clusters: {{prod: {{}}}}\npolicy: {{step_up: {{token_file: /t, {line}}}}}\n"
    [mistake] = mistakes(tmp_path, text)
    assert said in mistake


def test_this_very_machine_may_be_asked_in_the_open(tmp_path: Path) -> None:
    """A sidecar of the worker's pod needs no certificate."""
    text = "policy: {step_up: {token_file: /t, url: 'http://127.0.0.1:9000/check'}}"
    assert read(tmp_path, text).step_up
