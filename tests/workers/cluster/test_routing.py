"""What the readers share."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.domain.errors import Refused
from workers.cluster.routing import (
    LONGEST_MATCH,
    OR,
    RuleName,
    distinct,
    effective,
    rule_names,
    service_of,
    unambiguous,
    weight_of,
)


def pieces(rule: dict[str, Any]) -> tuple[str, ...]:
    """Describe a rule by its own word for it."""
    return tuple(rule.get("pieces", ()))


def labels(*rules: dict[str, Any], only: bool = True) -> list[str]:
    """Return the labels of http rules."""
    return [name.label for name in rule_names("http", rules, pieces, only=only)]


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("api", ("api", "shop")),
        ("api.other", ("api", "other")),
        ("api.other.svc", ("api", "other")),
        ("api.other.svc.cluster.local", ("api", "other")),
        ("api.other.svc.example.com", None),
        ("api.example.co.uk", None),
        ("*", None),
        ("*.shop.svc.cluster.local", None),
        ("", None),
        ("api.", None),
    ],
)
def test_hosts_mean_a_service_by_their_whole_name(host: str, service: tuple[str, str] | None) -> None:
    """Short and full names mean a Service; wildcards and other domains mean none."""
    assert service_of(host, "shop") == service


@pytest.mark.parametrize("weight", ["900m", "1", 1.5, True, -1])
def test_odd_weights_are_refused(weight: object) -> None:
    """Quantities and other things that are no whole number are refused by object and field."""
    with pytest.raises(Refused) as refused:
        weight_of({"weight": weight}, "VirtualService shop/api-vs http[0].route[1]")
    assert refused.value.message.startswith(f"VirtualService shop/api-vs http[0].route[1].weight is {weight!r},")
    assert "whole number" in refused.value.hint


@pytest.mark.parametrize(
    ("weight", "alone", "expected"), [(None, False, 0), (5, False, 5), (None, True, 1), (0, True, 1), (7, True, 7)]
)
def test_a_lone_arm_takes_everything(weight: int | None, alone: bool, expected: int) -> None:
    """An absent weight is nothing beside others, and everything alone."""
    assert effective(weight, absent=0, alone=alone) == expected


def test_arms_get_the_shortest_names_that_differ() -> None:
    """Names grow for all arms at once until no two are alike; twins are numbered."""
    assert distinct([("v1",), ("v2",)]) == ["v1", "v2"]
    assert distinct([("v1", "a-v1"), ("v1", "b-v1")]) == ["a-v1", "b-v1"]
    assert distinct([("v1", "a-v1"), ("v1", "a-v1")]) == ["a-v1#0", "a-v1#1"]


def test_rules_are_named_only_where_there_is_a_choice() -> None:
    """The only rule of an object needs no name, and still answers to all of them."""
    assert rule_names("http", [{"name": "x", "pieces": ("port:80",)}], pieces) == [
        RuleName("", ("x", "http[0]", "port:80"))
    ]
    assert labels({"name": "x"}, only=False) == ['http "x"']


def test_a_rule_is_called_by_its_name_its_match_or_its_place() -> None:
    """A name of its own comes first; what two rules share names neither of them."""
    rules: list[dict[str, Any]] = [
        {"name": "x", "pieces": ("port:80",)},
        {"name": "y"},
        {"name": "y"},
        {"pieces": ("port:80",)},
    ]
    assert labels(*rules) == ['http "x"', "http[1]", "http[2]", "http port:80"]
    assert [name.selectors for name in rule_names("http", rules, pieces)] == [
        ("x", "http[0]"),
        ("http[1]",),
        ("http[2]",),
        ("http[3]",),
    ]


def test_a_name_that_two_rules_share_gives_way_to_what_they_match() -> None:
    """The match is better than the place, which changes when rules are moved."""
    twins = [{"name": "y", "pieces": ("port:80",)}, {"name": "y", "pieces": ("port:81",)}]
    assert labels(*twins) == ["http port:80", "http port:81"]


def test_labels_stay_when_rules_are_moved() -> None:
    """Whatever has a name or a match of its own keeps its label, also the rule that matches all."""
    rules: list[dict[str, Any]] = [
        {"name": "x"},
        {"pieces": ("port:80",)},
        {"pieces": ("prefix:/a", OR, "prefix:/b")},
        {},
    ]
    assert labels(*rules) == ['http "x"', "http port:80", "http prefix:/a or prefix:/b", "http default"]
    assert labels(*reversed(rules)) == labels(*rules)[::-1]
    assert rule_names("http", rules, pieces)[2].selectors == ("http[2]", "prefix:/a", "prefix:/b")


def test_a_long_match_is_cut_and_still_a_name() -> None:
    """Two long matches that begin alike differ in their digest, not in their place."""
    long = [{"pieces": (f"header:x={'a' * 200}{n}",)} for n in (1, 2)]
    found = labels(*long)
    assert found == labels(*reversed(long))[::-1]
    assert len(set(found)) == 2
    assert all(len(label) == len("http ") + LONGEST_MATCH for label in found)


@pytest.mark.parametrize("name", ["a\nb", 'say "x"', "a/b", "tab\t", "line\u2028end", "back\\slash", "\ud800"])
def test_odd_names_stay_in_one_line(name: str) -> None:
    """A name may hold anything: the label is one line that can be seen, and another name gives another label."""
    rules = [{"name": name}, {"name": name + " "}, {"name": name.replace("\n", "\\n") + "!"}]
    found = labels(*rules)
    assert all(label.isprintable() for label in found)
    assert len(set(found)) == 3
    assert labels({"name": "a\nb"}, {"name": "a\\nb"}) == ['http "a\\nb"', 'http "a\\\\nb"']


def test_matches_that_read_alike_are_told_apart_by_place() -> None:
    """A space inside a value must not make two rules answer to one label."""
    assert labels({"pieces": ("prefix:/a", "port:80")}, {"pieces": ("prefix:/a port:80",)}) == ["http[0]", "http[1]"]


def test_a_place_cannot_be_usurped() -> None:
    """A rule that is called like a place does not answer to that name, the rule in that place does."""
    first, second = rule_names("http", [{"name": "http[1]", "pieces": ("port:80",)}, {}], pieces)
    assert first == RuleName('http "http[1]"', ("http[0]", "port:80"))
    assert second == RuleName("http default", ("http[1]", "default"))


def test_selectors_of_two_rules_name_none() -> None:
    """What two rules answer to is taken from both, and no rule answers to the label of another."""
    both = [RuleName("a", ("http[0]", "port:80")), RuleName("b", ("tcp[0]", "port:80"))]
    assert [name.selectors for name in unambiguous(both)] == [("http[0]",), ("tcp[0]",)]
    named, other = rule_names("http", [{"name": "http default", "pieces": ("port:80",)}, {}], pieces)
    assert named == RuleName('http "http default"', ("http[0]", "port:80"))
    assert other.label == "http default"


RULES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(["x", "y", "http[1]", "port:80", "http default", "a\nb"]) | st.text(max_size=3),
            "pieces": st.lists(st.sampled_from(["port:80", "prefix:/a", "prefix:/a port:80", "h:" + "z" * 90])),
        },
    ),
    max_size=5,
)


@given(RULES.flatmap(lambda rules: st.tuples(st.just(rules), st.permutations(range(len(rules))))))
def test_labels_and_selectors_never_meet(drawn: tuple[list[dict[str, Any]], list[int]]) -> None:
    """Whatever rules are called: labels differ, and nothing that one rule answers to means another."""
    rules, moved = drawn
    found = rule_names("http", rules, pieces, only=False)
    for index, one in enumerate(found):
        others = [other for other in found if other is not one]
        assert one.label.isprintable()
        assert f"http[{index}]" in one.selectors
        for word in (one.label, *one.selectors):
            assert all(word != other.label and word not in other.selectors for other in others)
    again = rule_names("http", [rules[place] for place in moved], pieces, only=False)
    for place, one in zip(moved, again, strict=True):
        assert one.label == found[place].label or (found[place].label == f"http[{place}]" and "[" in one.label)
