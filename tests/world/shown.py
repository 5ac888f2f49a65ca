"""What Slack shows, held against the outbox: each letter is a message of its own, said once, as it was drawn last.

A message is one of the transcript of the playground. Each check yields its complaints; none of them asks anybody.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chat.blocks import Block, Message
from chat.calls import without_pictures
from chat.letters import REPEATED, message_of, repeated
from mesh.domain.letters import Fate, Row

Shown = Mapping[str, Any]
_WRITTEN_FIRST = ("voted ", "proof ")
"""Keys of what is told to one person by a letter only; an answer may have been given on the spot as well."""
_PROMISE = re.compile("Queued as `([^`]+)`")
_FILLED_IN = frozenset({"block_id", "action_id"})
"""What Slack adds to the blocks that it is given."""


@dataclass(frozen=True)
class Asked:
    """One thing that a person asked for in a channel, however often that was heard."""

    channel: str
    person: str
    times: int
    """How often a bot may have answered it: once, and for each retry and each repetition."""


def badly_shown(rows: Mapping[str, Row], told: Iterable[Shown]) -> Iterator[str]:
    """Each letter for everybody is posted, and people see just what was drawn last, with its buttons or without."""
    seen = {(one["channel"], one["ts"]): one for one in told}
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key, row in rows.items():
        if row.letter.alone:
            continue
        place = row.channel, row.ts
        if row.fate is not Fate.POSTED or not row.settled or place not in seen or seen[place].get("deleted"):
            yield f"{key} is {row.fate}, drawing {row.sent} of {row.drawing}, at {row.ts or 'no place'}: {row.why}"
        else:
            places[place].append(key)
    for place, keys in places.items():
        if len(keys) > 1 and not all(rows[key].letter.joins for key in keys):
            yield f"{keys} are one message"
        elif not _is_as_drawn(seen[place], [rows[key] for key in keys]):
            wanted = [_drawn(rows[key]) for key in keys]
            yield f"{keys} say {wanted}, people see {seen[place]['text']!r} {seen[place]['blocks']}"


def astray(rows: Mapping[str, Row], told: Iterable[Shown]) -> Iterator[str]:
    """Each message is that of a letter, or one of before that was marked as a repetition because nobody knew.

    Only the first of all posts bears no mark. Edits are tries as well, so those that people saw are taken off.
    """
    seen = {(one["channel"], one["ts"]): one for one in told}
    found = {seen[place]["ts"]: row for row in rows.values() if (place := (row.channel, row.ts)) in seen}
    repeats = {ts: row for ts, row in found.items() if row.again}
    left: Counter[tuple[str, bool]] = Counter()
    for ts, row in repeats.items():
        posts = row.attempts - len(seen[row.channel, ts]["edits"])
        left[ts, False], left[ts, True] = min(1, posts - 1), posts - 2
    for (channel, ts), one in seen.items():
        if ts in found and found[ts].channel == channel:
            continue
        marked = _is_marked(one)
        mates = (
            at for at, row in repeats.items() if left[at, marked] > 0 and _is_earlier(one, seen[row.channel, at], row)
        )
        if mate := next(mates, ""):
            left[mate, marked] -= 1
        else:
            yield f"no letter knows {ts} in {channel}, and none like it is marked: {one['text']!r}"


def badly_whispered(rows: Mapping[str, Row], heard: Sequence[Shown]) -> Iterator[str]:
    """Each letter for one person was shown to that person alone, once; else each time but the first is marked.

    Slack gives no place of it, so those that say the same are counted together.
    """
    groups: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for key, row in rows.items():
        if row.letter.alone:
            groups[row.letter.channel, row.letter.alone, row.letter.body].append(row)
            # What may not be said a third time may stay unknown.
            ends = {Fate.POSTED} if row.letter.repeats else {Fate.POSTED, Fate.UNKNOWN}
            if row.fate not in ends or not row.settled:
                yield f"{key} for {row.letter.alone} is {row.fate}: {row.why}"
    for (channel, person, body), alike in groups.items():
        theirs = [one for one in heard if (one["channel"], one["ephemeral_to"]) == (channel, person)]
        if REPEATED in body:
            # Said on the spot before, with an unknown outcome: only the letter bears the mark.
            times = sum(_is_as_drawn(one, alike[:1], marked=False) for one in theirs)
            if not sum(row.fate is Fate.POSTED for row in alike) <= times <= len(alike):
                yield f"{[row.letter.key for row in alike]} were shown to {person} {times} times: {body}"
            continue
        found = [one for one in theirs if _is_as_drawn(one, alike[:1], marked=_is_marked(one))]
        marked = sum(map(_is_marked, found))
        again, tries = sum(row.again for row in alike), sum(row.attempts for row in alike)
        spare = sum(not row.letter.key.startswith(_WRITTEN_FIRST) for row in alike)
        # The last one of each that was said again bears the mark, and only the first of each need not.
        plain = range(len(alike) - again, len(alike) + spare + 1)
        if len(found) - marked not in plain or not again <= marked <= tries - len(alike):
            names = sorted(row.letter.key for row in alike)
            yield f"{names} were shown to {person} {len(found)} times, {marked} of them marked: {body}"


def badly_answered(rows: Mapping[str, Row], heard: Sequence[Shown], asked: Iterable[Asked]) -> Iterator[str]:
    """Whatever one person alone was shown without a mark is an answer, one for each time that something was heard.

    Those that were given on the spot are no letters, so that is all that is known of them; but that an operation was
    queued is said once, whoever asks for it again. What is written as a letter first comes on top.
    """
    plain = [one for one in heard if not _is_marked(one)]
    told = Counter((one["channel"], one["ephemeral_to"]) for one in plain)
    first = [row.letter for key, row in rows.items() if key.startswith(_WRITTEN_FIRST)]
    most = Counter((letter.channel, letter.alone) for letter in first)
    for one in asked:
        most[one.channel, one.person] += one.times
    for (channel, person), times in told.items():
        if times > most[channel, person]:
            yield f"{person} was answered {times} times in {channel}, for {most[channel, person]} times of asking"
    promised = Counter(name for one in plain for name in set(_PROMISE.findall(one["text"])))
    yield from (f"{name} was queued {times} times" for name, times in promised.items() if times > 1)


def badly_timed(slots: Mapping[int, str], posted: Collection[int], recorded: Mapping[int, int]) -> Iterator[str]:
    """Each minute that was due is one letter, and one entry of the audit log: `recorded` counts those.

    `slots` is by Unix time how far each got; empty for one that nobody ever took. Who dies with a slot in its hands
    keeps it for longer than until the next one, which takes its place: so few may have ended like that.
    """
    if set(recorded) != set(posted) or set(recorded.values()) - {1}:
        yield f"{sorted(posted)} were posted, on record are {dict(recorded)}"
    holes = {at: state for at, state in slots.items() if at not in posted}
    yield from (f"nobody ever took the digest of {at}" for at, state in holes.items() if not state)
    begun = {at: state for at, state in holes.items() if state}
    if len(begun) > 1 + len(slots) // 4 or set(begun.values()) - {"claimed", "missed"}:
        yield f"digests were begun and never posted: {begun}"


def _is_as_drawn(shown: Shown, rows: Sequence[Row], *, marked: bool | None = None) -> bool:
    """Tell whether a message says what these letters say, one below the other in any order."""
    drawn = [_drawn(row, marked=marked) for row in rows]
    if len(drawn) == 1 and shown["text"] != drawn[0].text:
        return False
    left = list(shown["blocks"])
    for one in sorted(drawn, key=lambda one: str(shown["text"]).find(one.text)):
        # Slack may have had no picture yet, or refused it: then the message goes without.
        size = next((len(less) for less in _forms(one) if _alike(left[: len(less)], less)), None)
        if size is None or one.text not in shown["text"]:
            return False
        left = left[size:]
    return not left


def _drawn(row: Row, *, marked: bool | None = None) -> Message:
    drawn = message_of(row.letter)
    return repeated(drawn) if (row.again if marked is None else marked) else drawn


def _forms(drawn: Message) -> Iterator[Sequence[Block]]:
    yield drawn.blocks
    yield without_pictures(drawn).blocks


def _alike(shown: Any, drawn: Any) -> bool:
    """Compare what stands in blocks, without what Slack fills in."""
    if isinstance(drawn, Mapping) and isinstance(shown, Mapping):
        names = set(shown) - (_FILLED_IN - set(drawn))
        return names == set(drawn) and all(_alike(shown[name], drawn[name]) for name in drawn)
    if isinstance(drawn, list | tuple) and isinstance(shown, list | tuple):
        return len(drawn) == len(shown) and all(map(_alike, shown, drawn))
    return bool(shown == drawn)


def _is_earlier(shown: Shown, last: Shown, row: Row) -> bool:
    """Tell whether this is what was posted for `row` when nobody knew; a card may have been drawn anew between."""
    if any(shown[what] != last[what] for what in ("channel", "thread_ts")):
        return False
    if row.letter.once:
        return message_of(row.letter).text in shown["text"]
    return row.letter.key.split()[-1] in str(shown["blocks"])


def _is_marked(shown: Shown) -> bool:
    return REPEATED in str(shown["blocks"])
