"""Who belongs where, asked of the stand-in Slack."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from chat.connection import web_client
from chat.directory import SlackDirectory
from mesh.domain.errors import Lapse, Unavailable
from mesh.domain.policy import Actor
from mesh.ports import Directory
from playground.serving import free_port
from store.memory import MemoryChanges
from tests.chat.conftest import Slack

NAMED = frozenset({"S0SRE", "S0APIOWN", "S0NOWHERE"})
JIN, ANA = Actor("U0JIN", "T0MESH"), Actor("U0ANA", "T0MESH")


def test_groups(slack: Slack) -> None:
    """A person is in the groups Slack says; a group that Slack does not know has nobody in it."""
    directory: Directory = SlackDirectory(slack.client)
    assert directory.groups(JIN, NAMED) == {"S0SRE"}
    assert directory.groups(ANA, NAMED) == {"S0APIOWN"}
    assert directory.groups(Actor("U0LEE"), NAMED) == frozenset()


@pytest.mark.parametrize("user", ["U0MIA", "U0EXT", "U0GONE", "U0WF", "UMESHBOT", "USLACKBOT", "U0NOBODY"])
def test_who_may_not_act(slack: Slack, user: str) -> None:
    """Guests, outsiders, deleted people, workflows, bots and unknown ids are not active and in no group."""
    directory = SlackDirectory(slack.client)
    for team in ("", "T0MESH", "T0OTHER"):
        assert not directory.active(Actor(user, team))
        assert directory.groups(Actor(user, team), NAMED) == frozenset()


def test_a_foreign_team_is_not_ours(slack: Slack) -> None:
    """A known id under another workspace's name is not the person we know."""
    directory = SlackDirectory(slack.client)
    assert directory.active(JIN)
    assert not directory.active(Actor("U0JIN", "T0OTHER"))


def test_answers_are_remembered_for_a_while(slack: Slack) -> None:
    """Within the cache's time Slack is asked once; after it, again, and its silence then counts."""
    patient, forgetful = SlackDirectory(slack.client), SlackDirectory(slack.client, cache_s=0)
    for directory in (patient, forgetful):
        directory.groups(JIN, NAMED)
    slack.driver.trouble("error", method="usergroups.users.list", error="internal_error", times=9)
    assert patient.groups(JIN, NAMED) == {"S0SRE"}
    with pytest.raises(Unavailable):
        forgetful.groups(JIN, NAMED)


@pytest.mark.parametrize("method", ["users.info", "usergroups.users.list", "auth.test"])
@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "ratelimit", "retry_after": 30},
        {"kind": "disconnect"},
        {"kind": "status", "status": 503},
        {"kind": "error", "error": "missing_scope"},
    ],
    ids=lambda trouble: str(trouble["kind"]),
)
def test_no_answer_is_no(slack: Slack, method: str, trouble: dict[str, object]) -> None:
    """When Slack does not say, the directory says that it does not know; an error is not remembered."""
    directory = SlackDirectory(slack.client)
    slack.driver.trouble(method=method, **trouble)  # type: ignore[arg-type]  # kind is among them
    with pytest.raises(Unavailable, match=method):
        directory.groups(JIN, NAMED)
    assert directory.groups(JIN, NAMED) == {"S0SRE"}


def test_slack_is_away() -> None:
    """With nobody listening, nothing is known; but where no group counts, nobody is asked."""
    directory = SlackDirectory(web_client("xoxb-none", f"http://127.0.0.1:{free_port()}/api/"))
    with pytest.raises(Unavailable):
        directory.groups(JIN, NAMED)
    assert directory.groups(JIN, frozenset()) == frozenset()


def test_threat_5_accounts_of_one_organisation_are_one_person() -> None:
    """Slack gives each member of an organisation one id of their own beside that of each workspace."""

    class Organisation(WebClient):
        """Answers users.info as an organisation's Slack does (docs.slack.dev/reference/objects/user-object)."""

        def api_call(self, api_method: str, **_: Any) -> Any:
            """Return the same person under every id."""
            user = {"id": "U0JIN", "team_id": "T0MESH", "enterprise_user": {"id": "W0JIN", "enterprise_id": "E0ORG"}}
            return SlackResponse(
                client=self,
                http_verb="POST",
                api_url=api_method,
                req_args={},
                data={"ok": True, "user": user},
                headers={},
                status_code=200,
            )

    directory = SlackDirectory(Organisation())
    assert directory.person(JIN) == directory.person(Actor("W0JIN", "E0ORG")) == "W0JIN"


def test_a_crowd_is_one_question(slack: Slack) -> None:
    """Twenty who ask at once about one person and one channel ask Slack once each: its limits are for all of them."""
    directory, asked = SlackDirectory(slack.client), Counter[str]()
    ask = directory._ask

    def counted(method: str, **arguments: str) -> dict[str, Any]:
        asked[method] += 1
        return ask(method, **arguments)

    directory._ask = counted  # type: ignore[method-assign]  # only counts
    with ThreadPoolExecutor(20) as crowd:
        assert set(crowd.map(lambda _: directory.outsider(JIN), range(20))) == {None}
        assert {place.shared for place in crowd.map(lambda _: directory.place("C0PROD"), range(20))} == {False}
    assert asked == {"users.info": 1, "auth.test": 1, "conversations.info": 1}


class Crowd:
    """Twenty who ask about one channel while Slack has not answered the first of them."""

    def __init__(self, slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.changes = MemoryChanges()
        self.directory = SlackDirectory(slack.client, changes=self.changes)
        self.answers: list[str] = []
        """What comes of each question, in turn: `changed` while it was answered, `silence`, else the answer."""
        self.asked = 0
        self._waiting = threading.Semaphore(0)
        self._ask, self._landed = self.directory._ask, self.directory._landed
        monkeypatch.setattr("chat.directory.FLIGHT_S", 60.0)
        monkeypatch.setattr(self.directory, "_landed", self._waits)
        monkeypatch.setattr(self.directory, "_ask", self._answered)

    def asks(self) -> list[str]:
        """Let them ask; return what each was told, in any order."""
        with ThreadPoolExecutor(20) as crowd:
            return list(crowd.map(lambda _: self._told(), range(20)))

    def _told(self) -> str:
        try:
            return "ours" if self.directory.place("C0PROD").ours else "theirs"
        except Unavailable as error:
            return str(error.lapse)

    def _waits(self, key: str, flight: Any) -> Any:
        self._waiting.release()
        return self._landed(key, flight)

    def _answered(self, method: str, **arguments: str) -> dict[str, Any]:
        self.asked += 1
        if self.asked == 1:
            for _ in range(19):
                assert self._waiting.acquire(timeout=60)
        said = self.answers.pop(0)
        if said == "silence":
            raise Unavailable("Slack did not say.", lapse=Lapse.SLACK)
        found = self._ask(method, **arguments)
        if said == "changed":
            self.changes.note("channel C0PROD")
        return found


def test_a_crowd_is_one_question_however_slow_slack_is(slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody asks for themselves while another's question is under way."""
    crowd = Crowd(slack, monkeypatch)
    crowd.answers = ["answer"]
    assert crowd.asks() == ["ours"] * 20
    assert crowd.asked == 1


def test_one_answer_that_was_not_had_turns_one_person_away(slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waited asks once more, all of them together, while there is time."""
    crowd = Crowd(slack, monkeypatch)
    crowd.answers = ["silence", "answer"]
    assert sorted(crowd.asks()) == [*["ours"] * 19, "slack"]
    assert crowd.asked == 2


def test_nobody_waits_for_ever_for_what_another_asked(slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    """While that hangs, all others are told that Slack does not say: they wait for their acknowledgements."""
    directory, hangs, told = SlackDirectory(slack.client), threading.Event(), threading.Semaphore(0)
    monkeypatch.setattr("chat.directory.FLIGHT_S", 0.01)

    def hung(_method: str, **_arguments: str) -> dict[str, Any]:
        hangs.set()
        for _ in range(19):
            assert told.acquire(timeout=60)
        return {"channel": {"id": "C0PROD", "is_member": True}}

    monkeypatch.setattr(directory, "_ask", hung)

    def ask(_: int) -> None:
        assert hangs.wait(60)
        with pytest.raises(Unavailable, match="channel: TimeoutError"):
            directory.place("C0PROD")
        told.release()

    with ThreadPoolExecutor(20) as crowd:
        first = crowd.submit(directory.place, "C0PROD")
        list(crowd.map(ask, range(19)))
        assert first.result(60).ours


def test_what_changes_while_slack_answers_is_asked_again(slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waited for that answer may have come after the change; whoever asked came before it."""
    crowd = Crowd(slack, monkeypatch)
    crowd.answers = ["changed", "answer"]
    assert crowd.asks() == ["ours"] * 20
    assert crowd.asked == 2


def test_the_language_comes_with_the_answer_and_costs_no_call(slack: Slack) -> None:
    """Nothing is known of a person's language before they were asked about; then it is, without another question."""
    directory = SlackDirectory(slack.client)
    assert directory.locale("U0SOO") == ""
    assert slack.driver.transcript() == []
    assert directory.outsider(Actor("U0SOO", "T0MESH")) is None
    asked = len(slack.driver.transcript())
    assert [directory.locale(user) for user in ("U0SOO", "U0JIN", "U0NOBODY")] == ["ko-KR", "", ""]
    assert len(slack.driver.transcript()) == asked
    # Without being asked for it, Slack does not say.
    assert "locale" not in slack.client.users_info(user="U0SOO")["user"]


def test_another_language_counts_once_slack_told_of_it(slack: Slack) -> None:
    """What is remembered of a person is asked again after Slack's event, and the language with it."""
    changes = MemoryChanges()
    directory = SlackDirectory(slack.client, changes=changes)
    directory.outsider(JIN)
    slack.driver.change_person("U0JIN", locale="ko-KR")
    directory.outsider(JIN)
    assert directory.locale("U0JIN") == "en-US"
    changes.note("user U0JIN")
    directory.outsider(JIN)
    assert directory.locale("U0JIN") == "ko-KR"
