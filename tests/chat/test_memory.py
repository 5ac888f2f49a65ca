"""The in-memory twins."""

from __future__ import annotations

from chat.memory import FixedDirectory, RecordedCards
from mesh.domain.policy import Actor
from mesh.ports import Cards, Directory
from tests.chat.samples import SAMPLES


def test_cards_are_kept() -> None:
    """Each different drawing is kept once, and the card has one place from its first drawing on."""
    twin = RecordedCards()
    cards: Cards = twin
    first = cards.show(SAMPLES["queued"])
    assert first.card
    assert cards.show(first).card == first.card
    cards.show(SAMPLES["promoted"])
    cards.announce(SAMPLES["promoted"], "1 abc")
    assert len(twin.cards["op-k3v9x2m4ta"]) == 2
    assert "promote api" in twin.announcements[0].text


def test_groups_are_fixed() -> None:
    """Only named groups count, and nobody who is gone is in one."""
    directory: Directory = FixedDirectory({"S1": {"U1", "U2"}, "S2": {"U1"}}, gone=frozenset({"U2"}))
    assert directory.groups(Actor("U1"), frozenset({"S1", "S3"})) == {"S1"}
    assert directory.groups(Actor("U2"), frozenset({"S1"})) == frozenset()
