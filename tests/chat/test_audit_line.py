"""The audit channel's line."""

from __future__ import annotations

import pytest

from chat.audit_line import audit_line
from tests.chat.checking import assert_accepted, assert_inert
from tests.chat.rolling import ROLLOUTS
from tests.chat.samples import SAMPLES, hostile
from tests.chat.test_cards import HOSTILE

ENTRY = "17 " + "0123456789abcdef" * 4


def test_a_change_in_one_line() -> None:
    """Who, what, where, from what to what, result, force, reason, operation, entry and the first of its hash."""
    assert audit_line(SAMPLES["forced"], ENTRY).text == (
        ":white_check_mark: *Verified* · <@U0JIN> promote api to v2 50 % · prod / mesh-demo"
        " · v1 90 %, v2 10 % -&gt; v1 50 %, v2 50 % · :rotating_light: *FORCED*"
        " · reason `customer is down, &lt;!channel&gt; knows` · `op-k3v9x2m4ta` · audit `#17 0123456789ab`"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("refused_by_gate", "stays v1 90 %, v2 10 %"),
        ("failed_unsure", "v1 90 %, v2 10 % -&gt; v1 50 %, v2 50 % ?"),
        ("refused_unclear", "no plan was made"),
        ("adopted", "stays v1 70 %, v2 30 %"),
        ("unaccepted", "v1 90 %, v2 10 % -&gt; v1 50 %, v2 50 %"),
    ],
)
def test_what_was_not_written_is_not_claimed(name: str, said: str) -> None:
    """A change that was not written says so, and one that nobody knows about carries a question mark."""
    assert f" · {said} · " in audit_line(SAMPLES[name], ENTRY).text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "canary_completed",
            "*Completed* · <@U0JIN> canary api to v2 by 5, 25, 50, 100 %"
            " · prod / mesh-demo · v2 reached 100 %, step 4 of 4",
        ),
        (
            "canary_turned_back",
            "*Turned back* · <@U0JIN> canary api to v2 by 5, 25, 50, 100 %"
            " · prod / mesh-demo · v2 reached 25 %, step 2 of 4",
        ),
        ("steered", "*Done* · <@U0JIN> pause the canary of api · prod / mesh-demo · reason `lunch`"),
    ],
)
def test_a_rollout_in_one_line(name: str, said: str) -> None:
    """A rollout says how it ended and how far it came; what was said to one claims no weights."""
    assert said in audit_line(ROLLOUTS[name], ENTRY).text


@pytest.mark.parametrize("word", HOSTILE, ids=lambda word: repr(word[:20]))
def test_hostile_words(word: str) -> None:
    """Whatever stands in any field, the line stays one inert line."""
    for wish in hostile(word):
        line = audit_line(wish, word)
        assert_accepted(line)
        assert_inert(line)
        assert "\n" not in line.text
