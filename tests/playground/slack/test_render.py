"""Messages as a person reads them in a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from playground.slack.render import plain, render_text
from tests.playground.slack.stage import Stage

NAMES = {"U0JIN": "jin", "C0PROD": "prod"}


@pytest.mark.parametrize(
    ("mrkdwn", "read"),
    [
        ("*bold* _slanted_ ~gone~ `code`", "bold slanted gone code"),
        ("2 * 3 * 4, snake_case_name", "2 * 3 * 4, snake_case_name"),
        ("<@U0JIN> in <#C0PROD|> and <#C1|x>", "@jin in #prod and #x"),
        ("<!subteam^S0SRE|@sre> <!here> <@U9|zoe>", "@sre @here @zoe"),
        ("<!date^1700000000^{time}|22:13>", "22:13"),
        ("<https://x.test/a|graph> <https://x.test>", "graph https://x.test"),
        ("a &lt;b&gt; &amp;amp;", "a <b> &amp;"),
    ],
)
def test_marks_become_plain_words(mrkdwn: str, read: str) -> None:
    """Marks, links, mentions and dates read as they look, and only they."""
    assert plain(mrkdwn, NAMES) == read


def test_blocks_read_from_top_to_bottom() -> None:
    """Each block gives its lines, buttons in brackets; the notification text is not repeated."""

    def words(text: str, kind: str = "plain_text") -> dict[str, Any]:
        return {"type": kind, "text": text}

    cells = [[{"type": "raw_text", "text": text} for text in row] for row in (("gate", "value"), ("p99", "182 ms"))]
    blocks = [
        {"type": "header", "text": words("Promoting api")},
        {"type": "section", "text": words("*90 %*", "mrkdwn"), "fields": [words("v1"), words("v2")]},
        {"type": "divider"},
        {"type": "table", "rows": cells},
        {"type": "context", "elements": [words("by <@U0JIN>", "mrkdwn")]},
        {"type": "actions", "elements": [{"type": "button", "text": words(t)} for t in ("Roll back", "Undo")]},
    ]
    assert render_text({"text": "summary", "blocks": blocks}, NAMES) == (
        "Promoting api\n90 %\nv1\nv2\n----\ngate  value\np99   182 ms\nby @jin\n[ Roll back ] [ Undo ]"
    )


def test_the_driver_knows_the_names(stage: Stage) -> None:
    """Ids in a message are read as the names of this workspace."""
    stage.client.chat_postMessage(channel="C0PROD", text="asked by <@U0JIN> in <#C0INC>")
    assert stage.driver.render_text(stage.driver.messages("C0PROD")[0]) == "asked by @jin in #incident-api"


def test_waiting_in_vain_shows_what_was_there(stage: Stage) -> None:
    """The time-out quotes the last messages; an unknown button names the known ones."""
    stage.client.chat_postMessage(channel="C0PROD", text="something else")
    with pytest.raises(TimeoutError, match="something else"):
        stage.driver.wait_for_text("a card", timeout_s=0.1)
    with pytest.raises(LookupError, match=r"has no element 'go'; it has \[\]"):
        stage.driver.click("U0JIN", stage.driver.messages("C0PROD")[0], "go")
