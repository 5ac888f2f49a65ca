"""What other rooms wrote in English, heard in Korean: sentence by sentence, names and people's words left alone."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from chat.locales import Locale, heard, locale_of, speaking, spoken, tr
from chat.locales.catalogue import templates
from chat.locales.hearing import _MOST_TEXTS, _Listener
from chat.locales.template import PLACE

HANGUL = re.compile("[가-힣]")
ENGLISH = re.compile(r"[a-z]{3,} [a-z]{2,} [a-z]{2,}")
"""Three English words in a row: something was left out."""

SAID = [
    "api has no arm v9.",
    "You may not promote api: your roles a, b do not allow promote of prod/shop/api.",
    "No longer allowed: this meshbot has no policy, so nobody may change traffic.",
    "Gates failed: v2 success: v2 fails in 5.1 % of its requests; at most 1 % may; v2 p99: v2 takes over 500 ms in 9 % "
    "of its requests; at most 1 % may.",
    "all traffic goes back to v1: success of v2: v2 fails in 20 % of its requests; at most 1 % may; errors of v2: v2 "
    "fails 400.0x as often as v1 (20 % against 0.05 %)",
    "Gates could not decide: v2 requests: 2 100 more requests of v1 needed, about 3 min.",
    "Gates could not decide: v2 first share: v2 had no traffic yet, so nothing is known of it; begin with 25 % or less",
    "gates said fail (v1 ready: no ready endpoint can serve v1: 2 of the pods carry the labels of subset v1 (app=api, "
    "version=v1), and none of them is ready)",
    "promote takes no --route: a service has one rollout. Leave it out.",
    "rollback takes no --version: it is for canary and promote.",
    "sre: 1 of 2 approvals, ops: 0 of 1 approval",
    "op-vrt6c3m2ee was decided before: approved (1 of 1 approval). It is succeeded now.",
    "op-dvrtvrnnhb is void: What people were asked about is not what would be done now: VirtualService "
    "mesh-demo/api-vs stands at v1 80 % / v2 20 %.",
    "A canary is under way: step 2 of 4 (v2 at 25 %), baking, op-k3v9x2m4ta",
    "api is frozen until 2026-11-30 04:00 UTC (op-k3v9x2m4ta, demo/*/api).",
    "2 routes of api carry weights, and nothing says which one is meant. Nothing was changed.",
    "Redis did not answer, so nothing was started. Try again in a minute; if it stays, check that Redis runs and is "
    "reachable.",
    "Redis is full and takes no writes, so nothing was started. Tell whoever runs Redis: it needs more memory, or the "
    "audit log must be trimmed: docs/redis.md.",
    "Slack could not say who you are: Slack did not say who is who (users.info: ratelimited).",
    "Beyond your limits: role small allows at most 20 points a step, and v2 would rise 25.",
]


@pytest.mark.parametrize("text", SAID)
def test_a_whole_text_is_heard(text: str) -> None:
    """Sentences, sentences in sentences, lists and what is said of something leave no English sentence behind."""
    with speaking(Locale.KO):
        found = heard(text)
    assert HANGUL.search(found), found
    assert not ENGLISH.search(found), found


@pytest.mark.parametrize("template", sorted(templates(Locale.KO, "rooms")))
def test_every_sentence_of_the_catalogue_is_heard(template: str) -> None:
    """With names in its places each template is found again, and none of the names is lost."""
    words = {"does": "fails", "step": "approved", "state": "void", "phase": "paused", "verdict": "pass"}
    places = PLACE.findall(template)
    values = {place: words.get(place, f"{number}x{place}") for number, place in enumerate(places, 1)}
    text = template.format(**values) if places else template
    with speaking(Locale.KO):
        found = heard(text)
    assert found != text or templates(Locale.KO, "rooms")[template] == template
    assert all(value in found for value in values.values() if value not in words.values()), found


@pytest.mark.parametrize(
    ("text", "korean"),
    [
        ("Agreed to op-43wafe2yad: 1 of 2 approvals", "op-43wafe2yad 작업에 동의했습니다: 승인 2건 중 1건"),
        ("step 1 of 3: v2 to 25 %", "3단계 중 1단계: v2 25 %로"),
        (
            "Gates failed: v2 success: v2 fails in 10 % of its requests; at most 1 % may",
            "게이트를 통과하지 못했습니다: v2 success: v2: 요청의 10 %에서 실패; 최대 1 %까지 허용됩니다",
        ),
        (
            "Not now: role day gives arms more only mon-fri 09:00-17:00 Europe/Berlin (next 2026-12-01 09:00 CET).",
            "지금은 안 됩니다: 역할 day: 트래픽을 더 주는 것은 mon-fri 09:00-17:00 Europe/Berlin 시간에만 허용합니다"
            "(다음: 2026-12-01 09:00 CET).",
        ),
        (
            "op-vrt6c3m2ee was decided before: approved (1 of 1 approval). It is succeeded now.",
            "op-vrt6c3m2ee 작업은 이미 결정되었습니다: 승인됨 (승인 1건 중 1건). 현재 상태: 성공.",
        ),
        (
            "promote v1 90 % / v2 10 % -> v1 50 % / v2 50 %, 0 of 2 approvals",
            "promote v1 90 % / v2 10 % -> v1 50 % / v2 50 %, 승인 2건 중 0건",
        ),
        ("flagger, 0 of 2 approvals", "flagger, 승인 2건 중 0건"),
    ],
)
def test_a_sentence_is_not_torn_apart_by_one_inside_it(text: str, korean: str) -> None:
    """The template of a part never takes the words around it for the number or the word that stands in its place."""
    with speaking(Locale.KO):
        assert heard(text) == korean


def test_places_keep_what_people_wrote() -> None:
    """What stands between quotes is somebody's own words, even if they are ours, and a stranger's text stays whole."""
    with speaking(Locale.KO):
        found = heard("Reason: `the gates pass`. --force does not pass a freeze. Going back stays possible: "
                      "/mesh rollback api. /mesh freezes shows what holds.")  # fmt: skip
        assert "`the gates pass`" in found
        assert HANGUL.search(found)
        for text in (
            "I like it, but no",
            "take 5 to go",
            "customers complain",
            "the API server of demo is slow, says Ana",
        ):
            assert heard(text) == text


def test_a_hostile_text_is_soon_given_up() -> None:
    """However a text is made, templates are laid on a bounded number of its parts."""
    for text in (
        "a and " * 400,
        "x y, " * 500,
        "x. " * 900,
        "a b: " * 500,
        "is frozen until " * 150,
        "a: b c; d e of f, " * 100,
    ):
        listener = _Listener(Locale.KO)
        listener.whole(text)
        listener.partly(text)
        assert len(listener._seen) <= _MOST_TEXTS


def test_english_is_left_as_it_is() -> None:
    """Who speaks English hears every sentence to the letter, and so does whoever is not spoken to at all."""
    assert [heard(text) for text in SAID] == SAID
    with speaking(Locale.KO), ThreadPoolExecutor(1) as other:
        # Context does not go along into another thread.
        assert other.submit(spoken).result() is Locale.EN
    assert spoken() is Locale.EN


@pytest.mark.parametrize(
    ("slack", "ours"),
    [("ko-KR", "ko"), ("ko", "ko"), ("en-GB", "en"), ("fr-FR", "en"), ("", "en"), ("korean", "en"), ("KO_kr", "ko")],
)
def test_a_language_that_is_not_spoken_is_english(slack: str, ours: str) -> None:
    """Slack's names of languages are understood, and what meshbot does not speak is English."""
    assert locale_of(slack) == ours


def test_what_is_spoken_may_be_learnt_meanwhile() -> None:
    """A language that is known only later counts from the next sentence on."""
    known = [Locale.EN]
    with speaking(lambda: known[0]):
        assert tr("Freezes") == "Freezes"
        known[0] = Locale.KO
        assert tr("Freezes") == templates(Locale.KO, "chat")["Freezes"] != "Freezes"
