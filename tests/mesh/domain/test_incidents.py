"""What is heard of alerts, and what a service's incident is after it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from mesh.domain.commands import Target
from mesh.domain.gates import Verdict
from mesh.domain.incidents import (
    ENDED,
    EXPIRES_S,
    REORDERED_S,
    Incident,
    Notification,
    Said,
    changed,
    expire,
    hear,
    in_words,
    judge_incident,
)
from mesh.domain.operations import Card

API = Target("demo", "mesh-demo", "api")
NOW = 10_000.0
_ids = itertools.count(1)


def said(fingerprint: str = "a", *, since: float = 9_900.0, ended_at: float = 0.0, severity: str = "critical") -> Said:
    """What Alertmanager says of one alert: it fires, unless it ended."""
    return Said(fingerprint, not ended_at, f"Alert{fingerprint.upper()}", severity, "it is slow", since, ended_at)


def told(
    former: Incident | None, *alerts: Said, now: float = NOW, group: str = "g", truncated: bool = False
) -> Incident:
    """The incident after one message."""
    blank = Incident(f"in-{next(_ids)}000", API, channel="C0INC")
    return hear(former, blank, Notification(alerts, "g", truncated), now=now)


def opened(*alerts: Said) -> Incident:
    """An incident that one message opened."""
    return told(None, *(alerts or (said(),)))


def test_the_first_firing_alert_opens_an_incident() -> None:
    """It is open since it was heard, and its alert fires since the alert says so."""
    incident = opened()
    assert incident.open
    assert incident.opened_at == NOW
    assert [(one.name, one.since, one.firing) for one in incident.firing] == [("AlertA", 9_900.0, True)]
    assert changed(None, incident) == "opened"


def test_a_second_alert_joins_the_same_incident() -> None:
    """A service has one incident, whatever the number of its alerts."""
    first = opened()
    second = told(first, said("b"), now=NOW + 10)
    assert second.id == first.id
    assert {one.fingerprint for one in second.firing} == {"a", "b"}
    assert changed(first, second) == "changed"


def test_a_repeat_changes_nothing_but_when_it_was_heard() -> None:
    """Alertmanager repeats itself, and a pair of them says all twice."""
    first = opened()
    again = told(first, said(), now=NOW + 60)
    assert changed(first, again) == ""
    assert again == replace(first, alerts=(replace(first.alerts[0], heard_at=NOW + 60),))


def test_it_is_over_when_its_last_alert_ends() -> None:
    """One of two that ends leaves it open."""
    both = opened(said("a"), said("b"))
    one = told(both, said("a", ended_at=NOW + 5), now=NOW + 10)
    assert one.open
    assert changed(both, one) == "changed"
    none = told(one, said("b", ended_at=NOW + 15), now=NOW + 20)
    assert not none.open
    assert changed(one, none) == "closed"
    assert (none.ended_at, none.why_ended) == (NOW + 20, "every alert is resolved")


def test_a_late_firing_does_not_open_what_is_over() -> None:
    """Of a pair, the slower one says "firing" after the quicker one said "resolved"."""
    closed = told(opened(), said(ended_at=NOW + 5), now=NOW + 10)
    late = told(closed, said(), now=NOW + 12)
    assert not late.open
    assert late.id == closed.id
    assert changed(closed, late) == ""


def test_an_end_that_overtakes_its_beginning_is_remembered() -> None:
    """Where "resolved" is the first that is ever heard, the "firing" that follows is late; nobody sees a card."""
    ended = told(None, said(ended_at=NOW - 1))
    assert not ended.open
    assert ended.settled
    assert changed(None, ended) == ""
    assert not told(ended, said(), now=NOW + 1).open


def test_what_is_said_long_after_its_end_is_true() -> None:
    """A straggler comes within minutes: who still says that it fires after that is believed."""
    closed = told(opened(), said(ended_at=NOW + 5), now=NOW + 10)
    assert not told(closed, said(), now=NOW + 10 + REORDERED_S - 1).open
    assert told(closed, said(), now=NOW + 10 + REORDERED_S).open


def test_a_new_round_of_the_same_alert_is_a_new_incident() -> None:
    """It has an id of its own, names the one before it, and gets a card of its own."""
    closed = replace(told(opened(), said(ended_at=NOW + 5), now=NOW + 10), card=Card("C0INC", "1.1"))
    again = told(closed, said(since=NOW + 20), now=NOW + 30)
    assert again.open
    assert (again.id != closed.id, again.former, again.card) == (True, closed.id, None)
    assert changed(closed, again) == "opened"


def test_the_end_of_an_earlier_round_does_not_close_the_later_one() -> None:
    """The resolved of the first round comes after the firing of the second."""
    second = told(opened(said(since=9_900.0)), said(since=9_990.0), now=NOW + 1)
    assert told(second, said(since=9_900.0, ended_at=9_950.0), now=NOW + 2).open


def test_another_alerts_straggler_does_not_join() -> None:
    """What ended before the incident began is none of it, also while it is open."""
    closed = told(opened(said("a")), said("a", ended_at=NOW + 5), now=NOW + 10)
    second = told(closed, said("b", since=NOW + 11), now=NOW + 12)
    late = told(second, said("a"), now=NOW + 13)
    assert [one.fingerprint for one in late.alerts] == ["b"]
    assert changed(second, late) == ""


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_no_order_of_a_pairs_messages_matters(order: tuple[int, ...]) -> None:
    """Two Alertmanagers say firing and resolved: in whatever order that comes, it is over at the end."""
    messages = [said(), said(), said(ended_at=NOW - 1), said(ended_at=NOW - 1)]
    incident: Incident | None = None
    for at, index in enumerate(order):
        incident = told(incident, messages[index], now=NOW + at)
    assert incident is not None
    assert not incident.open


def test_an_end_in_the_future_counts_from_now() -> None:
    """Another machine's clock may be ahead: a true new round must not be taken for late by that."""
    closed = told(opened(), said(ended_at=NOW + 9_000), now=NOW + 10)
    assert told(closed, said(since=NOW + 11), now=NOW + 20).open


def test_what_nobody_repeats_expires() -> None:
    """An alert that is never taken back does not hold promotions for ever."""
    first = opened(said("a"), said("b"))
    repeated = told(first, said("b"), now=NOW + 100)
    half = expire(repeated, now=NOW + EXPIRES_S, after_s=EXPIRES_S)
    assert [one.fingerprint for one in half.firing] == ["b"]
    gone = expire(half, now=NOW + EXPIRES_S + 100, after_s=EXPIRES_S)
    assert not gone.open
    assert gone.why_ended == "nobody repeated it for 5 h"
    assert expire(gone, now=NOW + 1e9, after_s=EXPIRES_S) is gone


def test_a_message_that_leaves_alerts_out_keeps_them() -> None:
    """With `max_alerts` not all of a group are named: those that are not named are as they were."""
    first = opened(said("a"), said("b"))
    cut = told(first, said("a"), now=NOW + 100, truncated=True)
    whole = told(first, said("a"), now=NOW + 100)
    assert {one.heard_at for one in cut.alerts} == {NOW + 100}
    assert {one.heard_at for one in whole.alerts} == {NOW, NOW + 100}


def test_it_is_settled_once_its_card_shows_the_end() -> None:
    """Until then the clock brings it back; without a channel there is nothing to show."""
    closed = told(opened(), said(ended_at=NOW + 5), now=NOW + 10)
    assert not opened().settled
    assert not replace(closed, drawn="0123").settled
    assert replace(closed, drawn=f"{ENDED}0123").settled
    assert replace(closed, channel="").settled


@pytest.mark.parametrize(("policy", "verdict"), [("refuse", Verdict.FAIL), ("warn", Verdict.PASS)])
def test_an_open_incident_is_a_gate(policy: str, verdict: Verdict) -> None:
    """It fails, or only warns, and names the incident; what is over is no gate."""
    [row] = judge_incident(opened(said("a"), said("b")), policy, service="api", at=NOW)
    assert (row.verdict, row.value, row.arm) == (verdict, 2.0, "api")
    assert row.why.startswith("incident in-")
    closed = told(opened(), said(ended_at=NOW + 5), now=NOW + 10)
    assert judge_incident(closed, policy, service="api", at=NOW) == ()
    assert judge_incident(None, policy, service="api", at=NOW) == ()


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("*Approved by* <@U0JIN>", "?Approved_by?_??U0JIN?"),
        ("drill, over. All gates passed. Use --force", "drill?_over?_All_gates_passed?_Use_--force"),
        ("High error rate", "High_error_rate"),
        ("_forged_", "forged"),
        ("a\nb`c`", "a?b?c?"),
        ("\u202e", "?"),
        ("", "an alert"),
        ("High_Error:Rate/5m-v2.1", "High_Error:Rate/5m-v2.1"),
        ("x" * 300, "x" * 80),
    ],
)
def test_a_strangers_word_in_our_sentence_formats_nothing(word: str, named: str) -> None:
    """A refusal is our own sentence: what an alert is called must not look like more than a name in it."""
    incident = opened(replace(said(), name=word, severity=""))
    assert in_words(incident) == f"{incident.id}: {named}"


def test_it_is_named_by_its_oldest_alert() -> None:
    """One line tells id, alert, how grave, and how many more."""
    incident = replace(opened(said("a", since=2.0), said("b", since=1.0, severity="")), id="in-k3v9")
    assert in_words(incident) == "in-k3v9: AlertB and 1 more"
    assert in_words(replace(opened(), id="in-k3v9")) == "in-k3v9: AlertA (critical)"
