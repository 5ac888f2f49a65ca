"""What a rule matches, in words."""

from __future__ import annotations

from typing import Any

import pytest

from workers.cluster.virtualservice_matches import describe


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"uri": {"prefix": "/v2"}}, "prefix:/v2"),
        ({"uri": {"exact": "/v2"}}, "exact:/v2"),
        ({"uri": {"regex": "/v[12].*"}, "ignoreUriCase": True}, "regex:/v[12].* ignore-case:true"),
        ({"port": 8080}, "port:8080"),
        ({"method": {"exact": "GET"}, "scheme": {"exact": "https"}}, "method:GET scheme:https"),
        ({"authority": {"prefix": "api."}}, "authority:api.*"),
        ({"headers": {"end-user": {"exact": "jason"}}}, "header:end-user=jason"),
        ({"headers": {"cookie": {"regex": ".*beta.*"}, "a": {}}}, "header:a header:cookie=~.*beta.*"),
        ({"withoutHeaders": {"x-test": {}}}, "no-header:x-test"),
        ({"queryParams": {"v": {"exact": "2"}}}, "query:v=2"),
        ({"sourceLabels": {"app": "web"}, "sourceNamespace": "shop"}, "from:app=web from-namespace:shop"),
        ({"gateways": ["public", "mesh"]}, "gateway:mesh gateway:public"),
        ({"sniHosts": ["b.example.com", "a.example.com"]}, "sni:a.example.com sni:b.example.com"),
        ({"destinationSubnets": ["10.0.0.0/8"], "sourceSubnet": "10.1.0.0/16"}, "subnet:10.0.0.0/8 source:10.1.0.0/16"),
        ({"futureField": {"b": 1, "a": [2]}}, 'futureField:{"a":[2],"b":1}'),
    ],
)
def test_each_field_has_a_word(block: dict[str, Any], words: str) -> None:
    """Every field of the three match types, and one that is not known yet, in an order of its own."""
    assert " ".join(describe({"match": [block]})) == words
    assert describe({"match": [dict(reversed(block.items()))]}) == describe({"match": [block]})


@pytest.mark.parametrize(
    "match", [None, [], [{}], [{"name": "all", "statPrefix": "x"}], [{"port": 80}, {}], [{"port": 0, "headers": {}}]]
)
def test_a_rule_that_matches_all_says_nothing(match: Any) -> None:
    """No block, a block without conditions, or one beside others: everything matches."""
    assert describe({"match": match}) == ()


def test_blocks_are_alternatives_in_any_order() -> None:
    """Any block will do, so their order and their repetition say nothing."""
    one, two = {"uri": {"prefix": "/b"}, "port": 80}, {"uri": {"prefix": "/a"}}
    assert describe({"match": [one, two]}) == ("port:80", "prefix:/b", "or", "prefix:/a")
    assert describe({"match": [two, one, two]}) == describe({"match": [one, two]})


def test_alike_texts_of_other_kinds_differ() -> None:
    """An exact path, a prefix and a regular expression of the same letters are three matches."""
    kinds = ("exact", "prefix", "regex")
    for field in ("uri", "method"):
        assert len({describe({"match": [{field: {kind: "/a"}}]}) for kind in kinds}) == 3


@pytest.mark.parametrize("match", [["text"], [3], [{"headers": "x"}], [{"uri": "/a"}], [{"uri": {"exact": 1}}]])
def test_shapes_no_server_accepts_are_still_described(match: Any) -> None:
    """Naming a rule never fails: the weights beside it must stay within reach."""
    assert all(isinstance(piece, str) for piece in describe({"match": match}))
