"""The world as data, and how typed text is encoded in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.slack.escaping import escape_command, escape_message
from playground.slack.world import default_world, load_world

WORLD = default_world()
YAML = """
people: [{id: U1, name: kim, real_name: Kim, flags: [guest]}]
channels: [{id: C1, name: ops, members: [U1, UMESHBOT], kind: private}]
commands: [{command: /mesh, description: move traffic}]
bot: {signing_secret: other}
"""


def test_a_world_comes_from_yaml(tmp_path: Path) -> None:
    """Keys are the fields; what is left out has its default."""
    path = tmp_path / "world.yaml"
    path.write_text(YAML)
    world = load_world(path)
    assert (world.people[0].flags, world.channels[0].kind) == (frozenset({"guest"}), "private")
    assert (world.bot.signing_secret, world.bot.user_id) == ("other", "UMESHBOT")


@pytest.mark.parametrize(
    ("old", "new"), [("kind: private", "kind: secret"), ("[U1, UM", "[U2, UM"), ("[guest]", "[king]")]
)
def test_a_world_that_contradicts_itself_is_refused(tmp_path: Path, old: str, new: str) -> None:
    """Unknown kinds, members and flags are named."""
    path = tmp_path / "world.yaml"
    path.write_text(YAML.replace(old, new))
    with pytest.raises(ValueError, match="contradicts itself"):
        load_world(path)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("@jin, please", "<@U0JIN|jin>, please"),
        ("page @sre and @here", "page <!subteam^S0SRE|@sre> and <!here>"),
        ("#prod #sre-private #none", "<#C0PROD|prod> <#C0PRIV|> #none"),
        ("see https://x.test/a?b=1&c=2", "see <https://x.test/a?b=1&amp;c=2>"),
        ("mail me@jin <@U0JIN> a & b", "mail me@jin &lt;@U0JIN&gt; a &amp; b"),
    ],
)
def test_command_text_is_encoded(typed: str, sent: str) -> None:
    """Known names become ids with labels, everything else is escaped: a typed id is no mention."""
    assert escape_command(WORLD, typed) == sent


def test_message_text_mentions_without_labels() -> None:
    """In messages a person is the bare id."""
    assert escape_message(WORLD, "@mesh ask @jin") == "<@UMESHBOT> ask <@U0JIN>"
