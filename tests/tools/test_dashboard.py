"""The picture of the dashboard, as it is drawn for the documents."""

from __future__ import annotations

import json
import time
from itertools import pairwise

from matplotlib.backends.backend_agg import FigureCanvasAgg

from tools.draw_dashboard import BOARD, LOOKS, draw

METHODS = ("chat.postMessage", "chat.update", "chat.postEphemeral", "users.info", "usergroups.users.list")
MORE = ("views.publish", "conversations.info", "auth.test")


def test_no_legend_is_cut() -> None:
    """Each stays inside its panel, with eight names as long as Slack's methods."""
    board, now = json.loads(BOARD.read_text()), time.time()
    series = [(name, [(now - 60, "1"), (now, "2")]) for name in METHODS + MORE]
    data = {panel["id"]: series for panel in board["panels"]}
    figure = draw(board, data, LOOKS[0])
    FigureCanvasAgg(figure).draw()
    legends = [
        (panel.get_window_extent(), legend.get_window_extent())
        for panel, inner in pairwise(figure.axes)
        if (legend := inner.get_legend())
    ]
    assert len(legends) == sum(panel["type"] == "timeseries" for panel in board["panels"])
    for panel, legend in legends:
        assert panel.x0 <= legend.x0
        assert legend.x1 <= panel.x1
        assert panel.y0 <= legend.y0
