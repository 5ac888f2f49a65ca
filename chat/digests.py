"""What a digest looks like, as a message of its own and on the card of whoever asked for it. Pure.

The order never changes: what is under way, what waits, what is frozen, what is not as it should be, the week. What is
left out is counted, so a channel of a thousand services gets a message that Slack takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chat.blocks import Block, Message, context, header, image, message, section
from chat.digest_words import age, alt_text, bars, changes_in_words
from chat.escape import DAY_AND_TIME, Markup, bold, code, date, esc, fence, join, prose, shorten, user
from mesh.domain.digests import Digest, Edition, Item, Kind, Part
from mesh.domain.weeks import Week

TITLES = {
    Kind.ROLLOUTS: (":arrow_upper_right:", "Rollouts under way"),
    Kind.WAITING: (":raised_hand:", "Waiting for approval"),
    Kind.FREEZES: (":snowflake:", "Freezes"),
    Kind.DRIFT: (":warning:", "Drift, weights that somebody else wrote"),
    Kind.OFF_REST: (":left_right_arrow:", "Off their resting split"),
    Kind.BLIND: (":grey_question:", "Gates that could not decide now"),
}
"""Each sign has its words beside it."""
CALM = "Nothing to report: every route rests, nothing is under way, and gates can decide."
_SENTENCE = 200
"""Characters of one foreign sentence."""
_NAME = 120
_MOST_TROUBLES = 5


def digest_message(edition: Edition, *, picture: str = "") -> Message:
    """Draw a digest; `picture` is Slack's id of its uploaded chart, empty for bars of characters."""
    return message(digest_text(edition), [header(_title(edition)), *digest_blocks(edition, picture=picture)])


def digest_text(edition: Edition) -> Markup:
    """Return the digest as sentences, for notifications and screen readers."""
    said = [f"{TITLES[part.kind][1]}: {part.total}." for part in edition.parts]
    said += [f"This week: {changes_in_words(edition.week.changes)}."] if edition.week.total else []
    said += [f"Not all could be read: {len(edition.troubles)}."] if edition.troubles else []
    return esc(" ".join([f"{_title(edition)}.", *(said or [CALM])]))


def digest_blocks(edition: Edition, *, picture: str = "") -> Iterator[Block]:
    """Yield the blocks of a digest below its title."""
    yield context([_about(edition)])
    if edition.is_empty:
        yield section(esc(CALM))
        return
    for trouble in edition.troubles[:_MOST_TROUBLES]:
        told = esc(shorten(trouble, 3 * _SENTENCE))
        yield section(join(" ", [esc(":warning:"), bold(esc("Not known.")), told]))
    for part in edition.parts:
        yield section(_part(part, edition.at))
    if edition.week.total:
        yield from _week(edition.week, picture)


def list_answer(digests: Sequence[tuple[Digest, int | None]], channel: str) -> Message:
    """List the configured digests with their next time; those of the asking channel first."""
    if not digests:
        line = prose("No digest is configured. They are listed under `digests` in the configuration.")
        return message(line, [section(line)])
    ordered = sorted(digests, key=lambda pair: (pair[0].channel != channel, pair[0].name))
    lines = [_entry(digest, upcoming, here=digest.channel == channel) for digest, upcoming in ordered[:40]]
    lines += [esc(f"… and {len(ordered) - 40} more")] if len(ordered) > 40 else []
    count = f"{len(ordered)} digests are configured." if len(ordered) > 1 else "One digest is configured."
    blocks = [section(join("\n", lines[start : start + 8])) for start in range(0, len(lines), 8)]
    return message(esc(count), [header("Digests"), *blocks])


def _entry(digest: Digest, upcoming: int | None, *, here: bool) -> Markup:
    when = join(" ", [esc("next"), date(upcoming, shown=DAY_AND_TIME)]) if upcoming else esc("never comes")
    quiet = esc("silent when there is nothing to say") if digest.quiet else Markup("")
    place = esc("in this channel") if here else join(" ", [esc("in"), code(digest.channel)])
    limits = esc(shorten(digest.scope.in_words, _SENTENCE))
    times = join(" ", [code(digest.cron), esc(digest.zone)])
    return join(" · ", [bold(esc(digest.name)), when, times, place, limits, quiet])


def _title(edition: Edition) -> str:
    return f"Digest {edition.name}".strip()


def _about(edition: Edition) -> Markup:
    count = f"{edition.services} services" if edition.services != 1 else "1 service"
    what = f"{count} with weights" + (f" ({edition.scope.in_words})" if edition.scope.in_words else "")
    return join(" · ", [date(edition.at, shown=DAY_AND_TIME), esc(shorten(what, _SENTENCE))])


def _part(part: Part, at: float) -> Markup:
    emoji, title = TITLES[part.kind]
    lines = [_grouped(item) if part.kind is Kind.BLIND else _line(item, at) for item in part.items]
    what = "more reasons" if part.kind is Kind.BLIND else "more"
    left = join(" ", [esc(f"… and {part.more} {what}:"), code("/mesh status")]) if part.more else Markup("")
    return join("\n", [join(" ", [esc(emoji), bold(esc(f"{title} ({part.total})"))]), *lines, left])


def _line(item: Item, at: float) -> Markup:
    since = Markup("")
    if item.since:
        since = join(" ", [esc(f"for {age(at - item.since)}, since"), date(item.since, shown=DAY_AND_TIME)])
    who = join(" ", [esc("by"), user(item.by)]) if item.by else Markup("")
    named = code(shorten(item.what, _NAME))
    return join(" · ", [named, esc(shorten(item.text, _SENTENCE)), since, who, code(item.operation)])


def _grouped(item: Item) -> Markup:
    """Return a reason, and whom it is about: names lie in a code span, for they are not ours."""
    return join(": ", [esc(shorten(item.what, _SENTENCE)), code(shorten(item.text, 3 * _SENTENCE))])


def _week(week: Week, picture: str) -> Iterator[Block]:
    heading = bold(esc(f"The last seven days: {changes_in_words(week.changes)}"))
    lines = [
        join(": ", [code(shorten(one.service, _NAME)), esc(changes_in_words(one.changes))]) for one in week.services
    ]
    lines += [esc(f"… and {week.more} more services")] if week.more else []
    yield section(join("\n", [join(" ", [esc(":calendar:"), heading]), *lines]))
    yield image(picture, alt_text(week)) if picture else section(fence(bars(week)))
