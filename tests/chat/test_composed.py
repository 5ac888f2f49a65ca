"""Sentences as the rooms put them together, from a gate to a digest: no word of English is left in Korean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chat.digests import digest_message
from chat.locales import Locale, heard, speaking
from mesh.domain.burning import judge_burn
from mesh.domain.digests import Edition, Kind, part
from mesh.domain.due import Sight, due
from mesh.domain.gates import GateResult, Verdict
from mesh.domain.incidents import REFUSE, Alert, Incident, judge_incident, unknown_incident
from mesh.domain.measures import Burn
from mesh.domain.operations import Operation
from mesh.domain.rollouts import Happening
from mesh.domain.scopes import Scope
from mesh.operations import telling
from mesh.operations.digests import _under_way
from mesh.operations.refusing import gates_failed
from tests.chat.rolling import QUARTER, canary, rolled
from tests.chat.samples import API, AT
from tests.chat.test_korean import HANGUL, english, texts_of

H = Happening
BEGUN = (H.MOVED, H.RIPE, H.MOVED)
ALERTS = tuple(Alert(f"f{number}", "HighErrorRate", "critical", "", AT, AT) for number in range(3))
OPEN = Incident("in-k3v9x2m4ta", API, AT, alerts=ALERTS)
NAMED = replace(OPEN, alerts=(Alert("f1", "Too many 500s (EU)", "critical", "", AT, AT),))
ROWS: dict[str, tuple[GateResult, ...]] = {
    "burns_in_an_hour": judge_burn(Burn(0.02, 0.02, 0.02, 0.001), slo=99.9, service="api"),
    "burns_in_six_hours": judge_burn(Burn(0.007, 0.007, 0.007, 0.007), slo=99.9, service="api"),
    "alerts": judge_incident(OPEN, REFUSE, service="api", at=AT),
    "alerts_of_several_words": judge_incident(NAMED, REFUSE, service="api", at=AT),
    "alerts_unknown": unknown_incident("Redis did not answer.", service="api", at=AT),
}
"""What gates say of a whole service."""
KNOWN = frozenset({"HighErrorRate", "Too", "many", "EU", "critical", "Redis"})
"""Names, and what those who wrote the alerts call them."""


def assert_korean(said: str) -> None:
    """Fail on any word that is neither Korean nor a name, a unit or a command."""
    assert HANGUL.search(said), said
    assert [word for word in english(said) if word not in KNOWN] == [], said


def held(rows: tuple[GateResult, ...]) -> Operation:
    """Return a canary that is held by what these gates say, in the words that a worker finds for it."""
    rollout = rolled(*BEGUN)
    found = due(rollout, Sight(tuple(replace(row, verdict=Verdict.FAIL) for row in rows)), canary="v2", now=AT + 400)
    assert found
    return canary(rolled(*BEGUN, found), QUARTER, rows)


@pytest.mark.parametrize("name", ROWS)
def test_what_a_gate_says_of_a_service(name: str) -> None:
    """By itself, where it refuses a change, and where one was forced past it."""
    [row] = ROWS[name]
    why = f"{row.arm} {row.name}: {row.why}"
    refused = gates_failed(held(ROWS[name]), ROWS[name], why)
    with speaking(Locale.KO):
        for text in (row.why, refused.message, f"gates said fail ({why})"):
            assert_korean(heard(text))


@pytest.mark.parametrize("name", ROWS)
def test_what_holds_a_rollout(name: str) -> None:
    """In its thread, and where it goes back."""
    rollout = held(ROWS[name]).rollout
    assert rollout
    with speaking(Locale.KO):
        for text in (telling.reason(rollout), f"all traffic goes back to v1: {telling.reason(rollout)}"):
            assert_korean(heard(text))


@pytest.mark.parametrize("name", ROWS)
def test_a_digest_says_why_a_rollout_is_held(name: str) -> None:
    """The line of a rollout that stands still has its reason in the language of the digest."""
    item = _under_way(held(ROWS[name]))
    edition = Edition("daily", AT, "UTC", Scope(), 1, parts=(part(Kind.ROLLOUTS, [item]),))
    with speaking(Locale.KO):
        drawn = digest_message(edition)
        assert_korean(heard(item.text))
    for text in texts_of(drawn):
        assert [word for word in english(text) if word not in KNOWN] == [], text
