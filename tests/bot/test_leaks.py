"""Threat 20: nothing leaves by a side door: suggestions, Homes, logs, what apps can read."""

from __future__ import annotations

import json
import logging

import pytest

from chat.form import form
from chat.memory import FixedDirectory
from mesh.domain.catalog import Catalog, Cluster, Service
from mesh.domain.outsiders import Outsider
from telemetry.logs import OneLine
from tests.bot.bench import Bench
from tests.bot.senders import home_opened, slash, submission, suggestion

CATALOG = Catalog(clusters=(Cluster("default"),), services=(Service("secretsvc"),))
GUEST = {"user": {"id": "U0MIA", "team_id": "T0MESH"}}


def bench() -> Bench:
    """A bot that Mia, a guest, has nothing to expect of."""
    return Bench(directory=FixedDirectory({}, outsiders={"U0MIA": Outsider.GUEST}), catalog=CATALOG)


def test_threat_20_a_guests_suggestions_are_empty() -> None:
    """A member is offered the service, a guest nothing, whatever is typed."""
    for typed in ("", "secret", "secretsvc"):
        assert bench().send(suggestion(value=typed, **GUEST)).json == {"options": []}
    assert "secretsvc" in bench().send(suggestion(value="secret")).text


def test_threat_20_a_guests_home_names_nothing() -> None:
    """The Home holds the reason alone."""
    bot = bench()
    bot.send(home_opened(event={"user": "U0MIA"}))
    [(user, view)] = bot.screens.published
    assert user == "U0MIA"
    assert len(view["blocks"]) == 1
    assert "secretsvc" not in json.dumps(view)


def test_threat_20_a_home_is_emptied_when_its_owner_became_a_guest() -> None:
    """What was drawn before is replaced at the next drawing."""
    bot = bench()
    bot.send(home_opened())
    bot.directory._outsiders["U0JIN"] = Outsider.GUEST
    bot.send(home_opened())
    assert len(bot.screens.published[-1][1]["blocks"]) == 1


def test_threat_20_a_modal_keeps_no_secret() -> None:
    """What the form remembers is where it was opened: no response_url, no token, no name of a person."""
    assert json.loads(form(("prod",), channel="C0PROD")["private_metadata"]) == {"channel": "C0PROD", "thread": ""}


def test_threat_20_foreign_text_cannot_forge_a_log_line() -> None:
    r"""A line break and a JSON object in what somebody typed stay one line: `\\n{"level"…` is text."""
    record = logging.LogRecord(
        "x", logging.INFO, "f", 1, "asked: %s", ('a\n{"level":"error","msg":"forged"}\r\nb',), None
    )
    shown = OneLine("%(levelname)s %(message)s").format(record)
    assert "\n" not in shown
    assert "\r" not in shown
    assert shown.startswith("INFO asked: a\\n{")


def test_threat_20_logs_hold_no_words_and_no_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """Neither what was typed nor where answers go is logged, when all is well and when it is not."""
    caplog.set_level(logging.DEBUG)
    bot = bench()
    bot.screens.fails = ConnectionError("https://hooks.slack.com/secretpath xoxb-secret")
    bot.send(slash("", response_url="https://hooks.slack.com/commands/secretpath"))
    bot.send(slash("promote secretword 50", user_id="U0MIA"))
    bot.send(submission(view={"private_metadata": "xoxb-secret"}))
    assert not [word for word in ("secretword", "secretpath", "xoxb-secret") if word in caplog.text]
