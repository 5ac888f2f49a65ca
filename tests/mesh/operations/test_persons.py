"""One person with several accounts: what they ask for they do not agree to, whoever joins the accounts, and when."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from chat.memory import FixedDirectory
from mesh.domain.approvals import People
from mesh.domain.errors import Denied
from mesh.domain.operations import State
from mesh.domain.policy import Actor, Policy, Role
from mesh.operations.receiving import waiting_for
from mesh.operations.running import run
from tests.builders import JIN
from tests.mesh.operations.bench import Bench
from tests.mesh.operations.test_approvals import ANA, KIM, TWO, a_bench, approved_not_run, now

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
