"""What may be sent when, together with what, and in which order: the rules of the sender. Pure."""

from __future__ import annotations

from dataclasses import replace

from chat import letters
from chat.blocks import Message
from chat.calls import without_pictures
from mesh.domain.letters import Fate, Row, Urgency
from mesh.ports import Pace

POST_S = 1.0
POST_BURST = {Urgency.CALL: 8, Urgency.NEWS: 5, Urgency.STORY: 5, Urgency.PROGRESS: 5}
"""Slack takes about one message a second and channel, and a short burst. The rest of it is kept for what is urgent."""
EDIT_S = 1.25
EDIT_BURST = {Urgency.CALL: 48, Urgency.NEWS: 42, Urgency.STORY: 42, Urgency.PROGRESS: 30}
"""It takes about 50 edits a minute of the whole app, so that one channel's progress must not hold up another's end."""
ALONE = Pace("alone", 0.65, 20)
"""It takes about 100 messages a minute that one person alone sees, of the whole app, and the bot answers by them, too.
"""
LOOK_UP_S, LOOK_UP_BURST = 1.5, 8
AGAIN_S, AGAIN_MOST_S = 1.0, 60.0
"""The pause after a failure; it doubles with each."""
LOOKED_OVER_S = (0.5, 1.0, 1.5, 2.0)
"""The pauses in which Slack may look a new picture over; after that the message goes without it."""
LOOKED_OVER = "its picture is looked over"
LOOK_UP = Pace("look-up", LOOK_UP_S, LOOK_UP_BURST)


def conversation(row: Row) -> str:
    """Return what belongs together: a card with its thread, and all lines of a channel."""
    return " lines" if row.letter.joins else row.letter.under or row.letter.key


def follows(row: Row) -> bool:
    """Tell whether a row keeps its place among others: an entry of a thread, or a line."""
    return bool(row.letter.under or row.letter.joins)


def refused(row: Row) -> bool:
    """Tell whether Slack refused to have a message touched: it is lost, or drawn anew since and not tried again yet."""
    waits = row.fate is Fate.POSTED and row.sent < row.drawing
    return row.fate is Fate.LOST or (waits and row.why not in ("", LOOKED_OVER))


def has_picture(row: Row) -> bool:
    """Tell whether a row shows one."""
    return any(block["type"] == "image" for block in letters.message_of(row.letter).blocks)


def together(row: Row, behind: tuple[Row, ...], now: float) -> list[Row]:
    """Return the rows that share a message: lines that wait one after the other."""
    found = [row]
    if not row.letter.joins or row.again or row.attempts:
        return found
    drawn = [letters.message_of(row.letter)]
    for one in behind:
        fresh = one.fate is Fate.WAITING and not one.attempts and one.not_before <= now
        drawn.append(letters.message_of(one.letter))
        if not (one.letter.joins and fresh and letters.fits(drawn)):
            break
        found.append(one)
    return found


def pace_of(row: Row) -> Pace:
    """Return the pace at which such a row is posted, or edited; what is most urgent has the whole burst."""
    urgency = row.letter.urgency
    if row.fate is Fate.POSTED:
        return Pace("edit", EDIT_S, EDIT_BURST[urgency], max(EDIT_BURST.values()))
    if row.letter.alone:
        return ALONE
    return Pace(f"post {row.letter.channel}", POST_S, POST_BURST[urgency], max(POST_BURST.values()))


def pause_s(row: Row) -> float:
    """Return how long to wait after one more failure, in seconds."""
    return float(min(AGAIN_S * 2 ** min(row.failures, 10), AGAIN_MOST_S))


def looked_over(row: Row, now: float) -> Row:
    """Return the row as it waits until Slack has looked its picture over."""
    tries = row.failures if row.why == LOOKED_OVER else 0
    pause = LOOKED_OVER_S[min(tries, len(LOOKED_OVER_S) - 1)]
    return replace(row, failures=tries + 1, not_before=now + pause, why=LOOKED_OVER)


def as_sent(row: Row, drawn: Message) -> Message:
    """Return the drawing without pictures that Slack had its time for, and with what people must know of it.

    That is a word where it may be a repetition, or takes the place of a message that can no longer be edited.
    """
    if row.why == LOOKED_OVER and row.failures >= len(LOOKED_OVER_S):
        drawn = without_pictures(drawn)
    if row.continues:
        drawn = letters.continued(drawn, row.continues)
    return letters.repeated(drawn) if row.again else drawn


def went_well(row: Row) -> Row:
    """Return the row as it is once people see what was sent."""
    return replace(row, sent=row.sending, failures=0, not_before=0.0, why="")
