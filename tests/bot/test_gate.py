"""Threat 14: what Slack did not send, or sent once before, does nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.gate import MAX_BODY, Gate, Letter, Turned
from tests.bot.bench import Bench
from tests.bot.senders import FORM, SECRET, Mail, home_opened, signed, slash, submission, suggestion

GOOD = slash("promote api 50")
FORGED: dict[str, Callable[[], Mail]] = {
    "wrong secret": lambda: signed(GOOD.body, secret="guessed"),
    "301 s old": lambda: signed(GOOD.body, age_s=301),
    "301 s ahead": lambda: signed(GOOD.body, age_s=-310),
    "no number": lambda: GOOD.with_headers(x_slack_request_timestamp="soon"),
    "no timestamp": lambda: GOOD.with_headers(x_slack_request_timestamp=None),
    "no signature": lambda: GOOD.with_headers(x_slack_signature=None),
    "form with another form's signature": lambda: Mail(submission().body, GOOD.headers),
    "unsigned suggestion": lambda: Mail(suggestion().body, {"content-type": FORM}),
    "unsigned Home": lambda: Mail(home_opened().body, {"content-type": "application/json"}),
}


@pytest.mark.parametrize("name", FORGED)
def test_threat_14_a_forged_request_is_turned_away(name: str) -> None:
    """401 before anything reads the body, on every kind of payload: no operation, no view, no audit entry."""
    bench = Bench()
    assert bench.send(FORGED[name]()).status == 401
    assert (bench.started, bench.screens.published, list(bench.operations.log.entries())) == ([], [], [])


@pytest.mark.parametrize("make", [lambda: slash("promote api 50"), submission], ids=["slash", "modal"])
def test_threat_14_a_replay_within_the_window_starts_nothing(make: Callable[[], Mail]) -> None:
    """The very same request, signature and all, a second time: the first operation is given back, none is made."""
    bench, mail = Bench(), make()
    first, second = bench.send(mail), bench.send(mail)
    [operation] = bench.started
    assert operation.id in first.text
    assert operation.id in second.text
    assert len(list(bench.operations.log.entries())) == 1


def test_threat_14_a_huge_body_is_not_read() -> None:
    """More than a megabyte is refused by its announced length."""
    bench = Bench()
    assert bench.send(GOOD.with_headers(content_length=str(MAX_BODY + 1))).status == 413
    assert bench.started == []


@pytest.mark.parametrize("length", [str(MAX_BODY + 1), "0" * 20 + str(10**9), "0" * 5000, "9" * 5000], ids=len)
def test_threat_14_no_length_gets_around_the_limit(length: str) -> None:
    """However it is written, what is announced beyond the limit is refused, and not a byte is read for it."""
    read: list[int] = []

    def never(most: int) -> bytes:
        read.append(most)
        return b""

    turned = Gate((SECRET,)).open(Letter(FORM, length, "1", "v0=", never))
    assert (turned, read) == (Turned(413, f"More than {MAX_BODY} bytes."), [])


def test_threat_14_a_probe_does_no_work() -> None:
    """ssl_check is answered without a signature, empty, and runs nothing that stands beside it."""
    bench = Bench()
    back = bench.send(Mail(b"ssl_check=1&" + GOOD.body, {"content-type": FORM}))
    assert (back.status, back.text, bench.started) == (200, "", [])


READINGS = ("help", "whoami", "history api", "freezes", "approvals", "can promote api 50", "status api")


@pytest.mark.parametrize("text", READINGS)
def test_threat_14_a_replay_of_a_reading_changes_nothing(text: str) -> None:
    """It is answered again, to whoever sent it and as before; nothing is started, told or noted a second time."""
    bench, mail = Bench(), slash(text)
    first = bench.send(mail)
    made, noted = len(bench.started), len(list(bench.operations.log.entries()))
    again = bench.send(mail)
    assert (again.status, len(bench.started), len(list(bench.operations.log.entries()))) == (200, made, noted)
    assert again.text == first.text or made == 1
    assert bench.told == []
