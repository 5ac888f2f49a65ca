"""What Slack made of the typed words is undone, and nothing else."""

from __future__ import annotations

import pytest

from bot.requests import unescaped


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("see <https://jira.example/OPS-12>", "see https://jira.example/OPS-12"),
        ("see <https://jira.example/OPS-12|jira.example/OPS-12>", "see https://jira.example/OPS-12"),
        ("asked by <@U0ANA|ana> in <#C0INC|incident-api>", "asked by @ana in #incident-api"),
        ("<@U0MESHBOT> promote api 50", "<@U0MESHBOT> promote api 50"),
        ("p99 &lt; 300 &amp; falling", "p99 < 300 & falling"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("<!channel> hi", "<!channel> hi"),
    ],
)
def test_links_and_names_are_read_as_typed(sent: str, typed: str) -> None:
    """Links become addresses, labelled people and channels their names; the rest stays for the escaping on cards."""
    assert unescaped(sent) == typed
