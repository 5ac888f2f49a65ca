"""Digests in the configuration file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from mesh.domain.digests import Digest
from settings.cron import check_cron, check_zone
from settings.forms import ChannelId, Label, Language, Scoped, scope_of
from settings.lines import Path


def _cron(value: str) -> str:
    check_cron(value)
    return " ".join(value.split())


def _zone(value: str) -> str:
    check_zone(value)
    return value


class DigestSection(Scoped):
    """What one channel is told at set times."""

    name: Annotated[Label, Field(description="Its name, unlike that of any other digest.")]
    channel: Annotated[ChannelId, Field(description="Channel id (`C…`) that it is posted in.")]
    cron: Annotated[
        str,
        AfterValidator(_cron),
        Field(
            description="When: minute, hour, day of the month, month and day of the week, such as `0 9 * * MON-FRI`."
        ),
    ]
    zone: Annotated[
        str,
        AfterValidator(_zone),
        Field(description="Time zone of `cron` and of the days it counts by, an IANA name such as `Europe/Berlin`."),
    ] = Digest("", "", "").zone
    language: Annotated[Language | None, Field(description="Overrides `slack.language`.")] = None
    quiet: Annotated[bool, Field(description="Post nothing when there is nothing to say.")] = Digest("", "", "").quiet


def digest_of(section: DigestSection) -> Digest:
    """Turn a checked section into the value that the rules work with."""
    language = section.language or ""
    return Digest(section.name, section.channel, section.cron, section.zone, scope_of(section), section.quiet, language)


def contradictions(sections: Sequence[DigestSection]) -> Iterator[tuple[Path, str]]:
    """Find two digests of one name: what one has posted would count for the other."""
    seen: set[str] = set()
    for index, section in enumerate(sections):
        if section.name in seen:
            yield (index, "name"), f"another digest is called {section.name}; give each a name of its own"
        seen.add(section.name)
