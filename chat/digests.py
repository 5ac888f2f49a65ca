"""What a digest looks like, as a message of its own and on the card of whoever asked for it. Pure.

The order never changes: what is under way, what waits, what is frozen, what is not as it should be, the week. What is
left out is counted, so a channel of a thousand services gets a message that Slack takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chat.blocks import Block, Message, context, header, image, message, section
from chat.digest_words import age, alt_text, bars, changes_in_words
from chat.escape import DAY_AND_TIME, Markup, bold, code, date, esc, fence, join, prose, shorten, tell, user
from chat.freezes import narrowed
from chat.locales import heard, many, mark, tr
from chat.tables import more
from mesh.domain.digests import Digest, Edition, Item, Kind, Part
from mesh.domain.scopes import Scope
from mesh.domain.weeks import Week

TITLES = {
    Kind.ROLLOUTS: (":arrow_upper_right:", mark("Rollouts under way")),
    Kind.WAITING: (":raised_hand:", mark("Waiting for approval")),
    Kind.FREEZES: (":snowflake:", mark("Freezes")),
    Kind.DRIFT: (":warning:", mark("Drift, weights that somebody else wrote")),
    Kind.OFF_REST: (":left_right_arrow:", mark("Off their resting split")),
    Kind.BLIND: (":grey_question:", mark("Gates that could not decide now")),
}
"""Each sign has its words beside it."""
CALM = mark("Nothing to report: every route rests, nothing is under way, and gates can decide.")
_SENTENCE = 200
"""Characters of one foreign sentence."""
_NAME = 120
_MOST_TROUBLES = 5


def digest_message(edition: Edition, *, picture: str = "") -> Message:
    """Draw a digest; `picture` is Slack's id of its uploaded chart, empty for bars of characters."""
    return message(digest_text(edition), [header(_title(edition)), *digest_blocks(edition, picture=picture)])


def digest_text(edition: Edition) -> Markup:
    """Return the digest as sentences, for notifications and screen readers."""
    said = [f"{tr(TITLES[part.kind][1])}: {part.total}." for part in edition.parts]
    if edition.week.total:
        said.append(tr("The last seven days: {changes}", changes=changes_in_words(edition.week.changes)) + ".")
    if edition.troubles:
        said.append(tr("Not all could be read: {count}.", count=len(edition.troubles)))
    return esc(" ".join([f"{_title(edition)}.", *(said or [tr(CALM)])]))


def digest_blocks(edition: Edition, *, picture: str = "") -> Iterator[Block]:
    """Yield the blocks of a digest below its title."""
    yield context([_about(edition)])
    if edition.is_empty:
        yield section(esc(tr(CALM)))
        return
    for trouble in edition.troubles[:_MOST_TROUBLES]:
        told = esc(shorten(heard(trouble), 3 * _SENTENCE))
        yield section(join(" ", [esc(":warning:"), bold(esc(tr("Not known."))), told]))
    for part in edition.parts:
        yield section(_part(part, edition.at))
    if edition.week.total:
        yield from _week(edition.week, picture)


def list_answer(digests: Sequence[tuple[Digest, int | None]], channel: str) -> Message:
    """List the configured digests with their next time; those of the asking channel first."""
    if not digests:
        line = prose(tr("No digest is configured. They are listed under `digests` in the configuration."))
        return message(line, [section(line)])
    ordered = sorted(digests, key=lambda pair: (pair[0].channel != channel, pair[0].name))
    lines = [_entry(digest, upcoming, here=digest.channel == channel) for digest, upcoming in ordered[:40]]
    lines += [esc(line) for line in more(len(ordered) - 40, mark("… and {count} more"))]
    count = many("One digest is configured.", "{count} digests are configured.", len(ordered))
    blocks = [section(join("\n", lines[start : start + 8])) for start in range(0, len(lines), 8)]
    return message(esc(count), [header(tr("Digests")), *blocks])


def _entry(digest: Digest, upcoming: int | None, *, here: bool) -> Markup:
    next_time = tell("next {when}", when=date(upcoming, shown=DAY_AND_TIME)) if upcoming else esc(tr("never comes"))
    quiet = esc(tr("silent when there is nothing to say")) if digest.quiet else Markup("")
    place = esc(tr("in this channel")) if here else tell("in {channel}", channel=code(digest.channel))
    limits = esc(shorten(_limits(digest.scope), _SENTENCE))
    times = join(" ", [code(digest.cron), esc(digest.zone)])
    return join(" · ", [bold(esc(digest.name)), next_time, times, place, limits, quiet])


def _title(edition: Edition) -> str:
    return tr("Digest {name}", name=edition.name).strip()


def _about(edition: Edition) -> Markup:
    count = many("{count} service with weights", "{count} services with weights", edition.services)
    limits = _limits(edition.scope)
    what = count + (f" ({limits})" if limits else "")
    return join(" · ", [date(edition.at, shown=DAY_AND_TIME), esc(shorten(what, _SENTENCE))])


def _limits(scope: Scope) -> str:
    return "; ".join(narrowed(clusters=scope.clusters, namespaces=scope.namespaces, services=scope.services))


def _part(part: Part, at: float) -> Markup:
    emoji, title = TITLES[part.kind]
    lines = [_grouped(item) if part.kind is Kind.BLIND else _line(item, at) for item in part.items]
    said = mark("… and {count} more reasons") if part.kind is Kind.BLIND else mark("… and {count} more")
    left = [join(": ", [esc(line), code("/mesh status")]) for line in more(part.more, said)]
    return join("\n", [join(" ", [esc(emoji), bold(esc(f"{tr(title)} ({part.total})"))]), *lines, *left])


def _line(item: Item, at: float) -> Markup:
    since = Markup("")
    if item.since:
        when = date(item.since, shown=DAY_AND_TIME)
        since = tell("for {age}, since {when}", age=esc(age(at - item.since)), when=when)
    who = tell("by {person}", person=user(item.by)) if item.by else Markup("")
    named = code(shorten(item.what, _NAME))
    return join(" · ", [named, prose(shorten(heard(item.text), _SENTENCE)), since, who, code(item.operation)])


def _grouped(item: Item) -> Markup:
    """Return a reason, and whom it is about: names lie in a code span, for they are not ours."""
    return join(": ", [esc(shorten(heard(item.what), _SENTENCE)), code(shorten(item.text, 3 * _SENTENCE))])


def _week(week: Week, picture: str) -> Iterator[Block]:
    heading = bold(esc(tr("The last seven days: {changes}", changes=changes_in_words(week.changes))))
    lines = [
        join(": ", [code(shorten(one.service, _NAME)), esc(changes_in_words(one.changes))]) for one in week.services
    ]
    lines += [esc(line) for line in more(week.more, mark("… and {count} more services"))]
    yield section(join("\n", [join(" ", [esc(":calendar:"), heading]), *lines]))
    yield image(picture, alt_text(week)) if picture else section(fence(bars(week)))
