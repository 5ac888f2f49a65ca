"""The one door into mrkdwn: everything Slack parses is a `Markup`, and only this module makes one.

Rules: docs.slack.dev /messaging/formatting-message-text. Exactly `&`, `<` and `>` are escaped, ampersand first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NoReturn

from chat.locales.catalogue import translated
from mesh.domain.persons import is_person

Separator = Literal["", " ", "\n", ", ", ": ", " · "]
"""What may stand between pieces: a closed list, so that no foreign text comes in this way."""
Shown = Literal["{time_secs}", "{date_short_pretty} {time}"]
"""How a moment is written: Slack's own tokens."""
TIME: Shown = "{time_secs}"
DAY_AND_TIME: Shown = "{date_short_pretty} {time}"
FENCE = "```"

_GROUP = re.compile(r"S[A-Z0-9]{1,31}")
_CHANNEL = re.compile(r"[CG][A-Z0-9]{1,31}")
_WEB = re.compile(r"https?://[A-Za-z0-9._~:/?#@!$&'()*+,;=%\[\]-]{1,400}")
_PLACE = re.compile(r"\{(\w+)\}")
_MOMENT = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d) UTC\b", re.ASCII)
"""As `mesh.domain.hours.in_zone` writes it."""
_TORN_ENTITY = re.compile(r"&[a-z]{0,3}$")


@dataclass(frozen=True)
class Markup:
    """Text that Slack may parse. Not a str on purpose: a raw string cannot take its place."""

    text: str
    """Mrkdwn source, already escaped."""

    def __add__(self, other: Markup) -> Markup:
        return Markup(self.text + other.text)

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> NoReturn:
        raise TypeError("Markup is no plain text; put pieces together with join()")


def clean(text: str) -> str:
    """Return `text` on one line and without marks that nobody sees.

    Line breaks and controls become spaces, direction and zero-width marks go, torn surrogates become U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_clean_character(character) for character in text)


def esc(text: str) -> Markup:
    """Escape any text, ours or foreign, for one line; backticks, which could open a code block, are disarmed.

    Moments that a sentence on record names in UTC are shown in the reader's own zone, here and in `prose`.
    """
    return Markup(_moments_shown(_entities(_disarmed(text))))


def code(text: str) -> Markup:
    """Set text in a code span, where nothing is formatted; backticks become apostrophes. Empty text stays empty."""
    inside = _disarmed(text).strip()
    return Markup(f"`{_entities(inside)}`") if inside else Markup("")


def fence(rows: Iterable[str]) -> Markup:
    """Set rows in a preformatted block, one line each, so that columns align."""
    inside = "\n".join(_entities(_disarmed(row).rstrip()) for row in rows)
    return Markup(f"{FENCE}\n{inside}\n{FENCE}")


def prose(text: str) -> Markup:
    """Escape a sentence of ours that holds commands or field names between backticks: those become code spans.

    Where a backtick stands alone, none of them means anything.
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return esc(text)
    pieces = [code(part) if at % 2 else Markup(_moments_shown(_entities(clean(part)))) for at, part in enumerate(parts)]
    return Markup("".join(piece.text for piece in pieces))


def tell(text: str, **pieces: Markup) -> Markup:
    """Say a sentence in the language being spoken, with a piece of markup at each `{name}`.

    `text` is a literal, or came from `mark`; only it is translated. KeyError for a place without a piece.
    """
    parts = _PLACE.split(translated(text))
    return Markup("".join(pieces[part].text if at % 2 else _entities(part) for at, part in enumerate(parts)))


def bold(markup: Markup) -> Markup:
    """Print it bold."""
    return Markup(f"*{markup.text}*") if markup else markup


def user(user_id: str) -> Markup:
    """Mention a person; what is no Slack user id (`cli`, a webhook's name) is shown as code."""
    return Markup(f"<@{user_id}>") if is_person(user_id) else code(user_id)


def group(group_id: str) -> Markup:
    """Mention a usergroup of the configuration; what is no id of one is shown as code."""
    return Markup(f"<!subteam^{group_id}>") if _GROUP.fullmatch(group_id) else code(group_id)


def channel(channel_id: str) -> Markup:
    """Name a channel, so that a press leads there; what is no channel id is shown as code."""
    return Markup(f"<#{channel_id}>") if _CHANNEL.fullmatch(channel_id) else code(channel_id)


def link(url: str, text: str) -> Markup:
    """Lead to a page on the web; what is no plain address of one is shown as code, with its text."""
    if not _WEB.fullmatch(url):
        return code(f"{text} {url}")
    return Markup(f"<{_entities(url)}|{_entities(_disarmed(text))}>")


def date(unix: float, *, shown: Shown = TIME) -> Markup:
    """Show a moment in the reader's own zone, to old clients in UTC. `unix` in seconds."""
    form = "%H:%M:%S UTC" if shown == TIME else "%Y-%m-%d %H:%M UTC"
    plain = datetime.fromtimestamp(int(unix), UTC).strftime(form)
    return Markup(f"<!date^{int(unix)}^{shown}|{plain}>")


def join(separator: Separator, parts: Iterable[Markup]) -> Markup:
    """Put the pieces that are not empty together."""
    return Markup(separator.join(part.text for part in parts if part))


def cut(markup: Markup, most: int) -> Markup:
    """Shorten to `most` characters (at least 8) with an ellipsis, tearing no entity, no `<…>` and no fence apart."""
    if len(markup.text) <= most:
        return markup
    ending = f"…\n{FENCE}"
    kept = markup.text[: most - len(ending)].rstrip("`")
    if kept.rfind("<") > kept.rfind(">"):
        kept = kept[: kept.rfind("<")]
    kept = _TORN_ENTITY.sub("", kept)
    return Markup(kept + (ending if kept.count(FENCE) % 2 else "…"))


def shorten(text: str, most: int) -> str:
    """Shorten plain text to `most` characters with an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _moments_shown(escaped: str) -> str:
    return _MOMENT.sub(_moment_shown, escaped)


def _moment_shown(found: re.Match[str]) -> str:
    try:
        at = datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    except ValueError:
        return found[0]
    return date(at.timestamp(), shown=DAY_AND_TIME).text


def _disarmed(text: str) -> str:
    return clean(text).replace("`", "'")


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clean_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "\ufffd" if category == "Cs" else character
