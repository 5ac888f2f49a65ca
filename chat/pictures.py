"""When a rollout gets a new picture, and what stands in for one where Slack takes none."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

from slack_sdk import WebClient

from chat.blocks import Block, image, section
from chat.chart_words import MOST_ALT, alt_text, sparkline
from chat.escape import fence, shorten
from chat.uploads import UploadRefused, upload
from mesh.domain.operations import Operation
from mesh.domain.points import Point

PACE_S = 30.0
"""A rollout gets no more than one picture in so many seconds, but always one of its end."""
SULKING_S = 900.0
"""For how long no upload is tried after one was refused; somebody may mend the app's scopes meanwhile."""
REMEMBERED = 2000
"""Rollouts whose last picture is remembered."""

Draw = Callable[[Operation, Sequence[Point]], bytes]
"""Draws a chart as a PNG: `chat.drawing.chart`, which not every process shall import."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """A chart that is ready to be shown."""

    block: Block
    file_id: str = ""
    """Slack's id of the uploaded picture; empty for what is drawn with characters."""


class Pictures:
    """Draws and uploads pictures at a decent pace, and remembers for a while that Slack takes none."""

    def __init__(self, client: WebClient, draw: Draw | None) -> None:
        """Without `draw` every chart is made of characters."""
        self._client = client
        self._draw = draw
        self._refused_until = 0.0
        self._made_at: OrderedDict[str, float] = OrderedDict()

    def make(self, operation: Operation, points: Sequence[Point]) -> Picture | None:
        """Return the chart as it is now, nowhere shown yet; None when it is not due, or there is nothing to show.

        Raises what `chat.trouble.TROUBLE` lists, when Slack does not take the picture now.
        """
        if not any(point.canary.requests or point.stable.requests for point in points) or not self._due(operation):
            return None
        try:
            file_id = self._upload(operation, points)
        except UploadRefused as error:
            self._refused_until = monotonic() + SULKING_S
            log.warning("Slack takes no pictures (%s): charts are drawn with characters for a while", error)
            file_id = ""
        if file_id:
            return Picture(image(file_id, alt_text(operation, points)), file_id)
        return Picture(section(fence(sparkline(points).split("\n"))))

    def shown(self, operation: Operation) -> None:
        """Remember that the picture was shown: the last one of a rollout that has ended."""
        self._made_at[operation.id] = float("inf") if _ended(operation) else monotonic()

    def _due(self, operation: Operation) -> bool:
        last = self._made_at.get(operation.id, -PACE_S)
        if last == float("inf") or (monotonic() - last < PACE_S and not _ended(operation)):
            return False
        # A failure counts, too: Slack's trouble is not made smaller by drawing again at once.
        self._made_at[operation.id] = monotonic()
        self._made_at.move_to_end(operation.id)
        while len(self._made_at) > REMEMBERED:
            self._made_at.popitem(last=False)
        return True

    def _upload(self, operation: Operation, points: Sequence[Point]) -> str:
        if self._draw is None or monotonic() < self._refused_until:
            return ""
        name = f"{operation.target.service or 'rollout'}-{operation.id}.png"
        spoken = shorten(alt_text(operation, points), MOST_ALT)
        return upload(self._client, self._draw(operation, points), name=name, spoken=spoken)


def _ended(operation: Operation) -> bool:
    return operation.rollout is not None and not operation.rollout.active
