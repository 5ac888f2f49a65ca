"""Queries as text."""

from __future__ import annotations

import json
import re
import urllib.parse
import urllib.request
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.domain.routes import Arm, Protocol
from workers.metrics.dialect import Dialect, deafness
from workers.metrics.istio import ISTIO
from workers.metrics.linkerd import LINKERD
from workers.metrics.promql import Places, one_of, quoted

SIMPLE = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}


def scan(literal: str) -> tuple[str, str]:
    """Read a double-quoted Go string from the start of `literal`: (value, what follows its closing quote)."""
    assert literal[0] == '"'
    value, place = "", 1
    while literal[place] != '"':
        assert literal[place] != "\n", "a raw line break ends the query"
        if literal[place] != "\\":
            value, place = value + literal[place], place + 1
        elif literal[place + 1] == "U":
            value, place = value + chr(int(literal[place + 2 : place + 10], 16)), place + 10
        else:
            value, place = value + SIMPLE[literal[place + 1]], place + 2
    return value, literal[place + 1 :]


def asked(prometheus_url: str, query: str) -> list[dict[str, Any]]:
    """Ask the real Prometheus."""
    address = f"{prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(address, timeout=60) as answer:
        return list(json.load(answer)["data"]["result"])


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_threat_2_a_value_never_leaves_its_literal(value: str) -> None:
    """Whatever the value, the literal ends at its own end and means the value."""
    assert scan(quoted(value)) == (value, "")


@given(st.text())
def test_even_lone_surrogates_stay_inside(value: str) -> None:
    """Text that is no Unicode at all still makes one whole, encodable literal."""
    literal = quoted(value)
    assert scan(literal)[1] == ""
    literal.encode("ascii")


@pytest.mark.prometheus
@pytest.mark.parametrize(
    "value", ['"} or vector(1) #', "back\\slash", "a\nb\tc\r", "café", "한국어 🚀", "\x00\x7f", "$1 {{x}}"]
)
def test_threat_2_prometheus_reads_the_same_value(prometheus_url: str, value: str) -> None:
    """The real parser agrees on what a literal means: as a separator it comes back whole."""
    (row,) = asked(prometheus_url, f'label_join(vector(1), "seen", {quoted(value)}, "a", "b")')
    assert row["metric"]["seen"] == value


@pytest.mark.prometheus
@pytest.mark.parametrize("value", ["a.b", "a|b", "[a]", "-a_b-", "a\\b", "^$", "é.", "a b"])
def test_a_pattern_matches_its_values_alone(prometheus_url: str, value: str) -> None:
    """The real matcher takes each value for what it is, whatever regular expressions make of its letters."""
    other = value.replace(".", "x").replace("|", "y") + "z"
    for said, found in ((value, "yes"), (other, None)):
        # The replacement of a vector's label is where Prometheus matches a text that is not stored.
        named = f'label_join(vector(1), "seen", {quoted(said)}, "a", "b")'
        (row,) = asked(prometheus_url, f'label_replace({named}, "hit", "yes", "seen", {one_of(["none", value])})')
        assert row["metric"].get("hit") == found


def test_the_version_label_selects_not_the_subset() -> None:
    """A subset called `canary` whose pods are labelled 2024-11 is read by that label."""
    arm = Arm("canary", 1, 1, "/w", service="api", namespace="shop", subset="canary", version="2024-11")
    assert all('destination_version="2024-11"' in query for query in ISTIO.shown(arm, "source", 60))


def test_what_is_no_service_is_not_measured() -> None:
    """A destination outside the mesh has no proxy that reports."""
    assert "no proxy reports" in deafness(Arm("www", 1, 1, "/w"), ISTIO)


def test_arms_that_look_alike_are_not_measured() -> None:
    """Where labels are the same, what one arm did is unknown."""
    arm = Arm("v2", 1, 1, "/w", service="api", alike="v3")
    assert "same labels as those of v3" in deafness(arm, ISTIO)


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_connections_are_no_requests(protocol: Protocol) -> None:
    """The proxies of tcp and tls routes count none, so no gate can pass on them."""
    why = deafness(Arm("db", 1, 1, "/w", service="db", protocol=protocol), ISTIO)
    assert f"a {protocol} route, whose proxies count connections" in why


def test_linkerd_has_no_subsets() -> None:
    """A subset under Linkerd is refused instead of read as the whole service."""
    arm = Arm("v2", 1, 1, "/w", service="api", namespace="shop", subset="v2", version="v2")
    assert "own Service" in deafness(arm, LINKERD)


@pytest.mark.parametrize(
    ("dialect", "most_ms", "bounds"),
    [
        (ISTIO, 500, "1 1.0 5 10 25 50 100 250 500.0 1000 2500 5000 10000 10000.0 +Inf"),
        (ISTIO, 20_000, "0.5 1 5 10000 30000.0 60000 +Inf"),
        (LINKERD, 500, "1 2 3 100 300 1000.0 3000 5000 10000 +Inf"),
        (LINKERD, 20_000, "1 10000 20000.0 50000 +Inf"),
    ],
)
def test_bounds_up_to_ten_seconds_are_asked_for(dialect: Dialect, most_ms: float, bounds: str) -> None:
    """What is left out is too short or too long for any limit, however Prometheus writes it; never the whole count."""
    query = dialect.buckets(Places.of([("shop", "api")]), 5000, dialect.speakers, most_ms)
    left_out = scan(query.partition("le!~")[2])[0] if "le!~" in query else "none"
    assert [bound for bound in bounds.split() if re.fullmatch(left_out, bound)] == []
    far = ["30000", "60000.0", "300000", "1800000", "1.8e+06", "0.5"] if dialect is ISTIO else ["20000", "50000.0"]
    if most_ms < 10_000:
        assert all(re.fullmatch(left_out, bound) for bound in far)


@pytest.mark.parametrize("dialect", [ISTIO, LINKERD])
def test_a_query_names_each_service_once_for_each_time_it_is_needed(dialect: Dialect) -> None:
    """A thousand services make a text of a few hundred kilobytes, and the same text whatever their order."""
    pairs = [(f"team-{at % 20}", f"service-{at}") for at in range(1000)]
    text = dialect.counts(Places.of(pairs), 5000)
    assert text == dialect.counts(Places.of(reversed(pairs)), 5000)
    assert len(text) < 250_000
