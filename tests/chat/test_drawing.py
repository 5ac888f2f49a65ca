"""The picture itself: what it is drawn with, and that everything can be drawn."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Sequence

import pytest
from matplotlib.image import imread
from numpy import ndarray

from chat import drawing
from chat.drawing import HEIGHT_PX, WIDTH_PX, chart
from mesh.domain.operations import Operation
from mesh.domain.points import Point
from tests.chat.plotted import BAKING, TURNED_BACK, odd, points

ODD = odd()


def pixels(operation: Operation, drawn: Sequence[Point]) -> ndarray:
    """Return the picture as rows of colours from 0 to 255."""
    return (imread(io.BytesIO(chart(operation, drawn)))[:, :, :3] * 255).round().astype(int)


def count(picture: ndarray, colour: str) -> int:
    """Count the pixels of exactly this colour."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((picture == wanted).all(axis=2).sum())


@pytest.mark.parametrize("name", ODD)
def test_everything_can_be_drawn(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the points are, there is a picture of the size that Slack shows well, without a word of complaint."""
    picture = pixels(*ODD[name])
    assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_picture_has_its_own_ground() -> None:
    """No pixel is transparent, so it reads the same on a light and on a dark page."""
    assert (imread(io.BytesIO(chart(BAKING, points(20))))[:, :, 3] == 1).all()


def test_both_arms_are_drawn() -> None:
    """Each arm has its line; an arm that was never measured has none."""
    both = pixels(BAKING, points(60, stable=lambda _: (99.5, 300.0)))
    assert count(both, drawing._CANARY.colour) > 2000
    assert count(both, drawing._STABLE.colour) > 2000
    alone = pixels(BAKING, points(60, stable=lambda _: (None, None)))
    assert count(alone, drawing._STABLE.colour) == 0


def test_a_gap_is_drawn_as_a_gap() -> None:
    """Between two stretches that were measured there is a hole in the line."""
    whole = pixels(BAKING, points(60))
    broken = pixels(BAKING, points(60, canary=lambda at: (None, None) if 100 < at < 200 else (99.95, 180.0)))
    assert count(broken, drawing._CANARY.colour) < count(whole, drawing._CANARY.colour) - 500


def test_the_failure_is_marked() -> None:
    """Only a rollout that went wrong has a mark in the colour of failure."""
    assert count(pixels(TURNED_BACK, points(66)), drawing._FAIL) > 200
    assert count(pixels(BAKING, points(66)), drawing._FAIL) == 0


def test_the_same_chart_is_the_same_picture() -> None:
    """Nothing random and no moment of drawing is in it."""
    assert chart(BAKING, points(20)) == chart(BAKING, points(20))


def test_labels_keep_apart() -> None:
    """Two lines that end at the same value have labels that do not cover each other."""
    for low, high in ((0.1, 0.1), (0.9, 0.9), (0.0, 1.0), (0.45, 0.55)):
        lower, upper = drawing._apart([low, high])
        assert upper - lower >= drawing._TALL - 1e-9
        assert lower >= drawing._TALL / 2 - 1e-9
        assert upper <= 1 - drawing._TALL / 2 + 1e-9


def test_ticks_are_round_and_few() -> None:
    """Along both sides there are a few round numbers, whatever the range."""
    for least, most in ((0.0, 1.0), (99.8, 100.0), (0.0, 640_000.0), (37.3, 100.0)):
        assert 2 <= len(drawing._ticks(least, most)) <= 4
    assert drawing._ticks(99.0, 100.0) == pytest.approx([99.0, 99.5, 100.0])
    for length in (0.0, 1.0, 5.0, 119.0, 179.0, 24.0, 96.0):
        assert 1 <= len(drawing._moments(length)) <= 8


def test_only_the_workers_draw() -> None:
    """Who speaks without drawing, as the bot does, never imports the plotting library."""
    looked = "import chat.outbox, chat.chart_words, chat.memory, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", looked], check=False).returncode == 0
    looked = "import chat.drawing, sys; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", looked], check=False).returncode == 0
