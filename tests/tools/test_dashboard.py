"""The picture of the dashboard, as it is drawn for the documents."""

from __future__ import annotations

import json
import time
from itertools import pairwise

from matplotlib.backends.backend_agg import FigureCanvasAgg

from tools.draw_dashboard import BOARD, LOOKS, draw

METHODS = ("chat.postMessage", "chat.update", "chat.postEphemeral", "users.info", "usergroups.users.list")
MORE = ("files.completeUploadExternal", "files.getUploadURLExternal", "conversations.info", "auth.test")


def test_no_legend_is_cut() -> None:
    """Each stays inside its panel, with nine names as long as Slack's methods."""
    board, now = json.loads(BOARD.read_text()), time.time()
    series = [(name, [(now - 60, "1"), (now, "2")]) for name in METHODS + MORE]
    data = {panel["id"]: series for panel in board["panels"]}
    figure = draw(board, data, LOOKS[0])
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]  # typed in part
    legends = [
        (panel.get_window_extent(), legend.get_window_extent())
        for panel, inner in pairwise(figure.axes)
        if (legend := inner.get_legend())
    ]
    assert len(legends) == sum(panel["type"] == "timeseries" for panel in board["panels"])
    for place, names in legends:
        assert place.x0 <= names.x0
        assert names.x1 <= place.x1
        assert place.y0 <= names.y0
