"""One person with several accounts: what they ask for they do not agree to, whoever joins the accounts, and when."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from threading import Barrier

import pytest

from chat.memory import FixedDirectory
from mesh.domain.approvals import People
from mesh.domain.catalog import Catalog
from mesh.domain.errors import Denied, Unavailable
from mesh.domain.operations import State
from mesh.domain.policy import Actor, Policy, Role
from mesh.operations.ballots import waiting_for
from mesh.operations.persons import AT_ONCE, persons_of
from mesh.operations.running import run
from tests.builders import JIN
from tests.mesh.operations.bench import Bench
from tests.mesh.operations.test_approvals import ANA, KIM, TWO, a_bench, approved_not_run, clock, now

OTHER = Actor("U0JIN3", "T0MESH")
"""Jin's as well, as can be seen, but for the first chain, by way of a list only."""
CHAINS = {
    "Slack alone": ((), {"U0JIN": "E1JIN", "U0JIN3": "E1JIN"}),
    "a list and Slack": ((("U0JIN", "U0JIN2"),), {"U0JIN2": "E1JIN", "U0JIN3": "E1JIN"}),
    "two lists and Slack": ((("U0JIN", "U0JINX"), ("U0JIN3", "U0JINY")), {"U0JINX": "E1JIN", "U0JINY": "E1JIN"}),
    "listed, and one member": ((("U0JIN", "U0JINX"), ("U0JIN3", "U0JINY")), {"U0JIN": "E1JIN", "U0JIN3": "E1JIN"}),
}
Chain = tuple[People, dict[str, str]]


def a_house(chain: Chain) -> Bench:
    """A bench where both of Jin's accounts may ask and vote, as far as groups say."""
    everybody = Role("all", usergroups=("S0SRE",), verbs=("*",))
    bench = a_bench(people=chain[0], policy=Policy((everybody,)))
    bench.members["S0SRE"].add(OTHER.user)
    bench.directory = FixedDirectory(bench.members, persons=chain[1])
    return bench


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize(("first", "second"), [(JIN, OTHER), (OTHER, JIN)], ids=["to", "fro"])
def test_threat_5_accounts_that_meet_through_others_are_one_person(chain: Chain, first: Actor, second: Actor) -> None:
    """Neither agrees to what the other asked for, nor adds a vote to the other's; the list of what waits says so."""
    bench = a_house(chain)
    own = bench.do("promote api 50", first)
    with pytest.raises(Denied, match="whoever asks for a change cannot approve it"):
        bench.ask(f"approve {own.id}", second)
    assert [one.mine for one in waiting_for(bench.desk, second)] == [False]
    bench.do(f"deny {own.id}", second)
    asked = bench.do("promote api 60", ANA)
    bench.do(f"approve {asked.id}", first)
    with pytest.raises(Denied, match="each person has one vote"):
        bench.ask(f"approve {asked.id}", second)
    assert (now(bench, asked).state, bench.weights()) == (State.WAITING, [90, 10])


@pytest.mark.parametrize("joined", ["requester", "voters"])
@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_threat_5_accounts_that_turn_out_to_be_one_person_void_what_they_agreed_to(chain: Chain, joined: str) -> None:
    """Known only after the last vote: a voter who is whoever asked, or two voters who are one, do not carry it."""
    bench = a_bench()
    approved = approved_not_run(bench)
    first, second = (JIN, ANA) if joined == "requester" else (ANA, KIM)
    names = {"U0JIN": first.user, "U0JIN3": second.user}
    bench.people = tuple(tuple(names.get(one, one) for one in accounts) for accounts in chain[0])
    persons = {names.get(one, one): member for one, member in chain[1].items()}
    bench.directory = FixedDirectory(bench.members, persons=persons)
    void = run(approved.id, bench.stage)
    assert (void.state, bench.weights()) == (State.VOID, [90, 10])
    assert "1 of 2 approvals by people who may still vote" in void.outcome


def test_threat_5_a_vote_that_was_counted_is_known_again_when_accounts_are_joined_later() -> None:
    """Ana votes; then the configuration says that Kim's account is hers, and it has no vote left."""
    bench = a_bench()
    asked = bench.do("promote api 50")
    bench.do(f"approve {asked.id}", ANA)
    bench.people = (("U0KIM", "U0ANA"),)
    with suppress(Denied):
        bench.do(f"approve {asked.id}", KIM)
    assert (now(bench, asked).state, bench.weights()) == (State.WAITING, [90, 10])


@pytest.mark.parametrize("account", [JIN, Actor("W0JIN", "T0MESH"), OTHER], ids=["the same", "listed", "by Slack"])
def test_whoever_asked_takes_it_back_with_any_account(account: Actor) -> None:
    """The card says that they took it back, and not that somebody who had to agree did not."""
    bench = a_bench(replace(TWO, need=1), people=(("U0JIN", "W0JIN"),))
    bench.directory = FixedDirectory(bench.members, persons={"W0JIN": "E1JIN", OTHER.user: "E1JIN"})
    asked = bench.do("promote api 50")
    bench.do(f"deny {asked.id} --reason oops", account)
    back = now(bench, asked)
    assert (back.state, back.outcome, back.hint) == (
        State.REFUSED,
        "Whoever asked for it took it back",
        "Nothing was changed.",
    )


class Partly(FixedDirectory):
    """Slack, silent about some accounts."""

    silent: frozenset[str] = frozenset()

    def person(self, actor: Actor) -> str:
        """Raise for those."""
        if actor.user in self.silent:
            raise Unavailable("Slack did not say who is who (users.info: ratelimited).")
        return super().person(actor)


FAR = ("U0FAR", "U0FAR2")


def a_silence(*accounts: str, people: People = (FAR,)) -> tuple[Bench, Partly]:
    """A bench where one other person must agree, and Slack says nothing of these accounts."""
    bench = a_bench(replace(TWO, need=1), people=people)
    bench.directory = directory = Partly(bench.members)
    directory.silent = frozenset(accounts)
    return bench, directory


def test_a_slack_that_is_silent_about_a_stranger_voids_nothing_and_turns_no_vote_away() -> None:
    """One listed account alone, of a person who takes no part, cannot make two others one."""
    bench, _ = a_silence("U0FAR")
    asked = bench.do("promote api 50")
    bench.do(f"approve {asked.id}", ANA)
    assert (now(bench, asked).state, bench.weights()) == (State.SUCCEEDED, [50, 50])


@pytest.mark.parametrize(
    ("silent", "people"),
    [
        (("U0ANA",), ()),
        (("U0JIN",), ()),
        (("U0JINX",), (("U0JIN", "U0JINX"),)),
        (FAR, (FAR,)),
        (("U0FAR", "U0DIM"), (("U0FAR", "U0NEAR"), ("U0DIM", "U0NEAR"))),
    ],
    ids=["the voter", "whoever asked", "another account of theirs", "a bridge", "a bridge of two lists"],
)
def test_threat_5_a_slack_that_is_silent_where_it_matters_lets_no_vote_count(
    silent: tuple[str, ...], people: People
) -> None:
    """Whoever might be the one who asked, by any way, does not agree until Slack has said that they are not."""
    bench, directory = a_silence(*silent, people=people)
    asked = bench.do("promote api 50")
    with pytest.raises(Denied, match="Slack could not say who you are"):
        bench.ask(f"approve {asked.id}", ANA)
    directory.silent = frozenset()
    assert bench.do(f"approve {asked.id}", ANA).state is State.SUCCEEDED


def test_a_slack_that_is_silent_when_what_was_approved_begins_is_asked_again_and_voids_nothing() -> None:
    """Nobody lost a right by that; nothing is written before Slack has answered, and nothing after two minutes."""
    for seconds, state, weights in ((30, State.SUCCEEDED, [50, 50]), (130, State.EXPIRED, [90, 10])):
        bench = a_bench()
        approved = approved_not_run(bench)
        bench.directory = directory = Partly(bench.members)
        directory.silent = frozenset({KIM.user})
        assert run(approved.id, bench.stage).state is State.RUNNING
        bench.time.at += seconds
        assert bench.weights() == [90, 10]
        directory.silent = frozenset()
        clock(bench, 30)
        assert (now(bench, approved).state, bench.weights()) == (state, weights)


def test_slack_is_asked_about_all_accounts_at_the_same_time() -> None:
    """A person waits: ten accounts take no longer than one."""
    meeting = Barrier(10)

    class Slow(FixedDirectory):
        """Answers once it is asked about ten accounts."""

        def person(self, actor: Actor) -> str:
            """Wait for the other nine."""
            meeting.wait(timeout=10)
            return super().person(actor)

    bench = a_bench(replace(TWO, need=1), people=tuple((f"U0FAR{one}", f"W0FAR{one}") for one in range(4)))
    asked = bench.do("promote api 50")
    bench.directory = Slow(bench.members)
    assert bench.ask(f"approve {asked.id}", ANA).state is State.QUEUED


def test_a_slack_that_hangs_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who take part are asked first, and nobody after them where Slack hangs: a lock is held meanwhile."""
    monkeypatch.setattr("mesh.operations.persons.HANGS_S", 0.05)
    asked: list[str] = []

    class Hanging(FixedDirectory):
        def person(self, actor: Actor) -> str:
            asked.append(actor.user)
            time.sleep(0.1)
            raise Unavailable("Slack did not answer.")

    people = tuple((f"U{number}A", f"U{number}B") for number in range(60))
    with pytest.raises(Unavailable):
        persons_of(Catalog(people=people), Hanging({}), [JIN, OTHER])
    assert len(asked) == AT_ONCE
    assert {JIN.user, OTHER.user} <= set(asked)


@pytest.mark.parametrize("at", [0, 20], ids=["asked first", "asked late"])
def test_one_account_that_hangs_silences_no_other(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """A stranger's, who cannot be anybody who takes part: everybody else is asked, and the votes count."""
    monkeypatch.setattr("mesh.operations.persons.HANGS_S", 0.05)
    people = tuple((f"U{number}A", f"U{number}B") for number in range(30))

    class One(FixedDirectory):
        def person(self, actor: Actor) -> str:
            if actor.user == f"U{at}B":
                time.sleep(0.1)
                raise Unavailable("Slack did not answer.")
            return super().person(actor)

    found = persons_of(Catalog(people=people), One({}), [JIN, OTHER])
    assert found == {JIN.user: JIN.user, OTHER.user: OTHER.user}


def test_a_silence_that_begins_later_ends_the_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones are known, perhaps from before; those asked together after them are all silent, and are enough."""
    monkeypatch.setattr("mesh.operations.persons.HANGS_S", 0.05)
    asked: list[str] = []
    people = tuple((f"U{number}A", f"U{number}B") for number in range(60))

    class Later(FixedDirectory):
        def person(self, actor: Actor) -> str:
            asked.append(actor.user)
            if actor.user in (JIN.user, OTHER.user):
                return super().person(actor)
            time.sleep(0.1)
            raise Unavailable("Slack did not answer.")

    with pytest.raises(Unavailable):
        persons_of(Catalog(people=people), Later({}), [JIN, OTHER])
    assert len(asked) == 2 * AT_ONCE


@pytest.mark.parametrize("program", ["flagger", "Upstream", "U0 JIN", "U"])
def test_slack_is_asked_about_no_program(program: str) -> None:
    """Who is no person by the form of the id is known by it, while Slack would not have said a word about it."""
    silence = Partly({})
    silence.silent = frozenset({program})
    assert persons_of(Catalog(), silence, [JIN, Actor(program)]) == {JIN.user: JIN.user, program: program}
