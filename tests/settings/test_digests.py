"""Digests in the configuration file: as administrators want them, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from chat.locales import Locale
from mesh.domain.digests import Digest
from mesh.domain.scopes import Scope
from settings.forms import Language
from tests.settings.reading import mistakes, read


def test_a_digest_arrives_whole(tmp_path: Path) -> None:
    """Every key, and what is left out as in the domain."""
    catalog = read(
        tmp_path,
        """
        digests:
          - {name: daily, channel: C0PROD, cron: "0  9 * * MON-FRI", zone: Asia/Seoul, quiet: true,
             clusters: [prod], namespaces: ["shop*"], services: "*"}
          - {name: weekly, channel: C0PROD, cron: "0 9 * * 1"}
        """,
    )
    daily = Digest("daily", "C0PROD", "0 9 * * MON-FRI", "Asia/Seoul", Scope(("prod",), ("shop*",)), quiet=True)
    assert catalog.digests == (daily, Digest("weekly", "C0PROD", "0 9 * * 1"))


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    """Bad times, zones, channels and names, all at once."""
    found = mistakes(
        tmp_path,
        """\
        digests:
          - name: daily
            channel: prod
            cron: "0 9 * * MON-FRY"
            zone: Europe/Berln
          - name: Daily Digest
            channel: C0PROD
            cron: "0 9 * *"
            zoned: UTC
        """,
    )
    assert [line.split(": ")[:2] for line in found] == [
        ["3", "digests[0].channel"],
        ["4", "digests[0].cron"],
        ["5", "digests[0].zone"],
        ["6", "digests[1].name"],
        ["8", "digests[1].cron"],
        ["9", "digests[1].zoned"],
    ]


def test_a_name_is_given_once(tmp_path: Path) -> None:
    """What one has posted would count for the other."""
    one = "{name: daily, channel: C0PROD, cron: 0 9 * * *}"
    assert mistakes(tmp_path, f"digests:\n  - {one}\n  - {one}\n") == [
        "3: digests[1].name: another digest is called daily; give each a name of its own"
    ]


def test_a_language_is_one_that_is_spoken(tmp_path: Path) -> None:
    """The configuration offers the languages that messages come in; a digest may have its own, else it is general."""
    assert set(get_args(Language)) == set(Locale)
    often = "channel: C0OPS, cron: 0 9 * * *"
    told = f"digests: [{{name: a, {often}, language: en}}, {{name: b, {often}}}]"
    found = read(tmp_path, f"slack: {{language: ko}}\n{told}")
    assert (found.language, [digest.language for digest in found.digests]) == ("ko", ["en", ""])
    assert read(tmp_path, "").language == "en"
    assert [line for line in mistakes(tmp_path, "slack: {language: korean}") if "1: slack.language" in line]
