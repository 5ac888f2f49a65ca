"""People are answered in the language of their own Slack, whatever way they ask; command words stay English."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from bot.chores import Chores
from chat.buttons import UNDO
from chat.memory import FixedDirectory
from mesh.domain.catalog import Catalog
from mesh.domain.errors import Unavailable
from mesh.domain.outsiders import Outsider
from mesh.domain.policy import Policy
from tests.bot.bench import SRE, Bench
from tests.bot.senders import button, event, fields, home_opened, slash, submission
from tests.bot.test_surface import CATALOG

HANGUL = re.compile("[가-힣]")
SOO, JIN, LEE = "U0SOO", "U0JIN", "U0LEE"


def bench(**more: Any) -> Bench:
    """A bot that knows of one Korean person."""
    return Bench(locales={SOO: "ko-KR", JIN: "en-US", LEE: "fr-FR"}, **more)


def _for(*users: str) -> Policy:
    """A policy that lets these people do everything."""
    return Policy((replace(SRE, users=users),))


def is_korean(told: object) -> bool:
    """Whether there is Korean in what somebody was told."""
    return HANGUL.search(json.dumps(told, ensure_ascii=False)) is not None


@pytest.mark.parametrize(
    "text", ["promote api lots", "dance", "help", "help promote", "freezes", "whoami", "history api"]
)
def test_a_command_is_answered_in_ones_own_language(text: str) -> None:
    """Errors, help and readings are Korean for a Korean, English for others, and for whose language we do not speak."""
    bot = bench()
    korean, english, french = (bot.send(slash(text, user_id=user)).json for user in (SOO, JIN, LEE))
    assert is_korean(korean)
    assert not is_korean(english)
    assert not is_korean(french)


def test_command_words_stay_english() -> None:
    """What a Korean reads can be typed as it stands."""
    told = json.dumps(bench().send(slash("help", user_id=SOO)).json, ensure_ascii=False)
    for words in ("/mesh promote &lt;service&gt;", "--reason", "/mesh help promote"):
        assert words in told


def test_who_is_turned_away_reads_why() -> None:
    """A refusal at the door, by policy, and one of Slack's silence, are in the language of whoever hears them."""
    bot = bench()
    denied = bot.send(slash("promote api 50", user_id=SOO)).json
    assert is_korean(denied)
    assert "/mesh whoami" in json.dumps(denied)
    bot = bench(directory=FixedDirectory({}, outsiders={SOO: Outsider.GUEST}))
    assert is_korean(bot.send(slash("status api", user_id=SOO)).json)


def test_one_card_two_languages() -> None:
    """Pressing a button of the same card, a Korean hears Korean and the other English; the record says who asked."""
    bot = bench(catalog=Catalog(policy=_for(SOO, JIN)))
    bot.send(slash("promote api 50", user_id=SOO))
    (asked,) = bot.started
    assert asked.origin.locale == "ko-KR"
    for user in (SOO, JIN):
        bot.send(button(UNDO, asked.id, user={"id": user, "team_id": "T0MESH"}))
    assert [is_korean(message.blocks) for _, message in bot.notes.sent] == [True, False]
    assert [one.origin.locale for one in bot.started[1:]] == ["ko-KR", "en-US"]


def test_a_mention_a_form_and_the_home() -> None:
    """The answer to a mention, the modal, what stands beside its fields, and the Home speak as their person does."""
    bot = bench(catalog=replace(CATALOG, policy=_for(SOO)))
    bot.send(event("<@UMESHBOT> promote api lots", event={"user": SOO}))
    assert is_korean(bot.notes.sent[-1][1].blocks)
    bot.send(slash("", user_id=SOO))
    assert is_korean(bot.screens.opened[-1][1])
    wrong = {"cluster": "prod", "service": "prod/shop/api", "amount": "lots"}
    back = bot.send(submission(user={"id": SOO, "team_id": "T0MESH"}, view={"state": fields(**wrong)}))
    assert is_korean(back.json["errors"]["amount"])


def test_a_home_is_drawn_elsewhere_and_later() -> None:
    """Whoever draws a Home, in another thread, knows whose it is."""
    chores = Chores()
    bot = bench(chores=chores)
    bot.send(home_opened(event={"user": SOO}))
    bot.send(home_opened(event={"user": JIN}))
    chores.close()
    homes = dict(bot.screens.published)
    assert [is_korean(homes[user]) for user in (SOO, JIN)] == [True, False]


def test_what_is_not_known_is_not_waited_for() -> None:
    """Of whom nothing is remembered is answered at once: in the language of the configuration, which is English."""
    bot = bench()
    bot.locales.clear()
    assert not is_korean(bot.send(slash("dance", user_id=SOO)).json)
    ours = Bench(catalog=replace(Catalog(), language="ko"))
    assert is_korean(ours.send(slash("dance", user_id=SOO)).json)


def test_when_slack_is_silent_the_answer_comes_all_the_same() -> None:
    """Slack not saying who somebody is does not keep them from being told so, in the language known of them."""
    bot = bench()

    def silent(*_: object) -> None:
        raise Unavailable("Slack did not say who is who (users.info: ratelimited).", hint="Repeat it in a minute.")

    bot.directory.outsider = silent
    assert is_korean(bot.send(slash("status api", user_id=SOO)).json)


def test_another_language_counts_from_the_next_word() -> None:
    """Once it is known that somebody changed their language, the next answer is in the new one."""
    bot = bench()
    assert not is_korean(bot.send(slash("help", user_id=JIN)).json)
    bot.locales[JIN] = "ko-KR"
    assert is_korean(bot.send(slash("help", user_id=JIN)).json)
