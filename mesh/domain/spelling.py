"""From text as people type it, on phones too, to plain words. What the words mean is the grammar's."""

from __future__ import annotations

import re
import shlex
import unicodedata

from mesh.domain.errors import Refused

LONGEST = 1000
"""Characters accepted in one request; Slack sends up to 4,000, nobody means more than this."""

_MENTION = re.compile(r"<@[A-Z0-9]+(\|[^>]*)?>")
_GREETINGS = frozenset({"hey", "hi", "hello", "ok", "okay", "please", "dear", "now", "and", "so", "then"})
"""What may stand before our name; anything else ("don't @mesh …") may turn the meaning round."""
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'"})
_HYPHENS = str.maketrans("\u2010\u2011", "--")
_PER_CENT = re.compile(r"%[%,.\d]*")


def words_of(text: str) -> list[str]:
    """Return the words after our name; quotes keep words together, as in a shell.

    Raises Refused for text that is too long, holds control characters or leaves a quote open.
    """
    return _lead_off(_words(normalised(text)))


def normalised(text: str) -> str:
    """Undo what phones and word processors do to typed text; raise Refused for what nobody types.

    What is to be quoted in a command must be in this form before: a curved quote would end the quotes around it.
    """
    if len(text) > LONGEST:
        raise Refused(f"That is {len(text)} characters; at most {LONGEST} are read.", hint="Shorten the reason.")
    plain = unicodedata.normalize("NFKC", text).translate(_QUOTES).translate(_HYPHENS)
    plain = "".join(char for char in plain if unicodedata.category(char) != "Cf")  # zero-width and direction marks
    if any(unicodedata.category(char) == "Cc" and not char.isspace() for char in plain):
        raise Refused("There is a control character in that.", hint="Type the command again instead of pasting it.")
    # "--" becomes a dash on many phones; an option always follows white space.
    return re.sub(r"(?<!\S)[—–](?=[a-z])", "--", plain)


def _words(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError:
        return _with_loose_apostrophes(text)
    return _joined_percent(words)


def _with_loose_apostrophes(text: str) -> list[str]:
    """Read `--reason it's slow` as typed: an apostrophe inside a word is not a quote."""
    try:
        return _joined_percent(shlex.split(re.sub(r"(?<=\w)'(?=\w)", r"\'", text)))
    except ValueError:
        raise Refused("A quote is not closed.", hint='Write the reason as --reason "why".') from None


def _joined_percent(words: list[str]) -> list[str]:
    """Read `50 %` as `50%`, and `5 %, 25 %` as `5%, 25%`."""
    joined: list[str] = []
    for word in words:
        if joined and _PER_CENT.fullmatch(word):
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _lead_off(words: list[str]) -> list[str]:
    """Drop the name we were called by, what was said before it ("hey @mesh"), and a "please" after it."""
    called = next((at for at, word in enumerate(words) if _MENTION.fullmatch(word)), None)
    if called is not None and all(word.lower().strip(",.!:") in _GREETINGS for word in words[:called]):
        words = words[called + 1 :]
    elif words and words[0].startswith("/"):
        words = words[1:]
    return words[1:] if words and words[0].lower() == "please" else words
