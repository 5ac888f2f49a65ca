"""Previews in a modal, against the stand-in Slack."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from chat.form import form
from chat.in_views import CardsInViews
from chat.memory import RecordedCards
from chat.screens import Screens
from mesh.domain.errors import Unavailable
from mesh.domain.operations import Operation, Origin
from mesh.ports import Cards
from tests.chat.conftest import Slack
from tests.chat.samples import SAMPLES

CLUSTERS = ("prod", "lab")


def opened(slack: Slack) -> dict[str, Any]:
    """The form on Jin's screen."""
    trigger = slack.tickets.new_trigger("U0JIN")
    Screens(slack.client).open(trigger, form(CLUSTERS, channel="C0PROD"))
    [view] = slack.driver.views("U0JIN")
    return view


def asked(sample: str, view: dict[str, Any]) -> Operation:
    """A sample that was asked for in that modal, in that state."""
    origin = Origin("modal", channel="C0PROD", view=view["id"], view_hash=view["hash"])
    return replace(SAMPLES[sample], origin=origin, card=None)


def shown(slack: Slack) -> str:
    """What Jin's modal shows."""
    [view] = slack.driver.views("U0JIN")
    return json.dumps(view["blocks"], ensure_ascii=False)


def test_a_preview_is_shown_in_its_modal_and_nowhere_else(slack: Slack) -> None:
    """The plan stands below the fields, first as it is made and then as it came out; no channel sees a card."""
    inner, view = RecordedCards(), opened(slack)
    cards: Cards = CardsInViews(inner, Screens(slack.client), CLUSTERS)
    during = cards.show(asked("checking", view))
    assert "Checking" in shown(slack)
    cards.show(replace(asked("plan", view), card=during.card))
    after = shown(slack)
    assert "Checking" not in after
    assert "90 %" in after
    assert '"block_id": "amount"' in after
    assert inner.cards == {}
    assert slack.driver.messages("C0PROD") == []


def test_a_preview_does_not_overwrite_what_is_newer(slack: Slack) -> None:
    """A modal that changed since it was asked, or was closed, is left alone; that counts as shown."""
    view = opened(slack)
    cards = CardsInViews(RecordedCards(), Screens(slack.client), CLUSTERS)
    Screens(slack.client).update(view["id"], view["hash"], form(("newer",), channel="C0PROD"))
    assert cards.show(asked("plan", view)).card is None
    assert "newer" in shown(slack)
    slack.driver.close_view("U0JIN", view["id"])
    assert cards.show(asked("plan", view)).card is None


def test_an_absent_slack_is_tried_again(slack: Slack) -> None:
    """Any other refusal is trouble: somebody still waits for the preview."""
    view = opened(slack)
    slack.driver.trouble("ratelimit", method="views.update", retry_after=30)
    with pytest.raises(Unavailable):
        CardsInViews(RecordedCards(), Screens(slack.client), CLUSTERS).show(asked("plan", view))


def test_every_card_fits_into_the_modal(slack: Slack) -> None:
    """Slack takes each kind of card below the fields."""
    view = opened(slack)
    for name, sample in SAMPLES.items():
        if sample.rollout is not None:
            continue
        place = asked(name, view)
        made = CardsInViews(RecordedCards(), Screens(slack.client), CLUSTERS).show(place)
        assert made.card, name
        view = slack.driver.views("U0JIN")[0]


def test_other_cards_go_where_cards_go() -> None:
    """What was not asked for in a modal is a card."""
    inner = RecordedCards()
    cards = CardsInViews(inner, Screens(None), CLUSTERS)  # type: ignore[arg-type]  # never asked
    made = cards.show(SAMPLES["promoted"])
    cards.announce(made, "1 abc")
    assert (len(inner.cards), len(inner.announcements)) == (1, 1)
    assert cards.picture(made, []) == made
