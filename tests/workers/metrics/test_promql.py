"""Queries as text."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.domain.commands import Target
from mesh.domain.errors import Refused
from mesh.domain.routes import Arm, Protocol
from workers.metrics.promql import quoted, series_of

TARGET = Target("demo", "shop", "api")
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


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_never_leaves_its_literal(value: str) -> None:
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
def test_prometheus_reads_the_same_value(prometheus_url: str, value: str) -> None:
    """The real parser agrees on what a literal means: as a separator it comes back whole."""
    query = f'label_join(vector(1), "seen", {quoted(value)}, "a", "b")'
    address = f"{prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(address, timeout=5) as answer:
        assert json.load(answer)["data"]["result"][0]["metric"]["seen"] == value


def test_the_version_label_selects_not_the_subset() -> None:
    """A subset called `canary` whose pods are labelled 2024-11 is read by that label."""
    arm = Arm("canary", 1, 1, "/w", service="api", namespace="shop", subset="canary", version="2024-11")
    assert 'destination_version="2024-11"' in series_of(arm, TARGET, "istio").count(60)


def test_what_is_no_service_is_not_measured() -> None:
    """A destination outside the mesh has no proxy that reports."""
    with pytest.raises(Refused, match="no proxy reports"):
        series_of(Arm("www", 1, 1, "/w"), TARGET, "istio")


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_connections_are_no_requests(protocol: Protocol) -> None:
    """The proxies of tcp and tls routes count none, so no gate can pass on them."""
    with pytest.raises(Refused, match=f"a {protocol} route, whose proxies count connections"):
        series_of(Arm("db", 1, 1, "/w", service="db", protocol=protocol), TARGET, "istio")


def test_linkerd_has_no_subsets() -> None:
    """A subset under Linkerd is refused instead of read as the whole service."""
    arm = Arm("v2", 1, 1, "/w", service="api", namespace="shop", subset="v2", version="v2")
    with pytest.raises(Refused, match="own Service"):
        series_of(arm, TARGET, "linkerd")
