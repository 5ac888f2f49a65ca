"""Digests in the configuration file: as administrators want them, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

from mesh.domain.digests import Digest
from mesh.domain.scopes import Scope
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
