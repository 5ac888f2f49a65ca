"""Where a cluster's metrics are: in short, or with all there is to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.domain.catalog import MetricsServer
from tests.settings.reading import mistakes, read


def test_all_that_can_be_said_of_a_metrics_server_arrives(tmp_path: Path) -> None:
    """Each key of `prometheus` is the field of its name, in seconds where it is a time."""
    catalog = read(
        tmp_path,
        """
        clusters:
          prod:
            prometheus:
              urls: [http://one:9090, https://two/prometheus]
              headers: {X-Scope-OrgID: shop, X-Other: "1"}
              token_file: /run/token
              ca_file: /etc/ca.pem
              proxy_url: http://squid:3128
              timeout: 10s
              lag: 1m
        """,
    )
    assert catalog.clusters[0].prometheus == MetricsServer(
        urls=("http://one:9090", "https://two/prometheus"),
        headers=(("X-Scope-OrgID", "shop"), ("X-Other", "1")),
        token_file="/run/token",
        ca_file="/etc/ca.pem",
        proxy_url="http://squid:3128",
        timeout_s=10.0,
        lag_s=60.0,
    )


def test_the_short_form_is_a_server_with_defaults(tmp_path: Path) -> None:
    """`prometheus_url` and `prometheus` with that one address are the same; neither means no metrics."""
    short = read(tmp_path, "clusters: {a: {prometheus_url: http://p}}").clusters
    assert short == read(tmp_path, "clusters: {a: {prometheus: {urls: [http://p]}}}").clusters
    assert short[0].prometheus == MetricsServer(("http://p",))
    assert read(tmp_path, "clusters: {a: {}}").clusters[0].prometheus == MetricsServer()


def test_the_environments_address_joins_what_the_file_says(tmp_path: Path) -> None:
    """An address with a password comes from the environment, and the token or timeout from the file."""
    catalog = read(tmp_path, "clusters: {a: {prometheus: {timeout: 9}}}", prometheus_url="http://u:p@p")
    assert catalog.clusters[0].prometheus == MetricsServer(("http://u:p@p",), timeout_s=9.0)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{urls: ['prom:9090']}", "prometheus.urls[0]: not an address"),
        ("{urls: http://p}", "prometheus.urls: should be a list: [one, two]"),
        (
            "{urls: [http://a, http://b, http://c, http://d, http://e, http://f]}",
            "prometheus.urls: List should have at",
        ),
        ("{headers: {X-Scope-OrgID: 1}}", "prometheus.headers.X-Scope-OrgID: should be text; put it in quotes"),
        ("{headers: {'X Scope': a}}", "prometheus.headers.X Scope: 'X Scope' is not the name of a header"),
        ('{headers: {X-A: "a\\r\\nX-B: b"}}', "prometheus.headers.X-A: not a header's value"),
        ("{headers: {X-A: ''}}", "prometheus.headers.X-A: not a header's value"),
        ("{timeout: 31}", "prometheus.timeout: should be less than or equal to 30; expected: How long one query may"),
        ("{timeout: 0}", "prometheus.timeout: should be greater than or equal to 1"),
        ("{lag: 3m}", "prometheus.lag: should be less than or equal to 120"),
        ("{token: abc}", "prometheus.token: unknown key `token`; did you mean `token_file`?"),
        (
            "{urls: [http://p], headers: {authorization: Bearer x}, token_file: /t}",
            "prometheus.token_file: contradicts the header `Authorization`",
        ),
    ],
)
def test_a_mistake_about_metrics_is_named(section: str, said: str, tmp_path: Path) -> None:
    """Each mistake has its line and key; a list names the place in it."""
    assert mistakes(tmp_path, f"clusters:\n  prod: {{prometheus: {section}}}")[0].startswith(f"2: clusters.prod.{said}")


def test_one_server_is_not_said_twice(tmp_path: Path) -> None:
    """Two addresses in two places would leave open which is meant."""
    found = mistakes(tmp_path, "clusters:\n  a:\n    prometheus_url: http://p\n    prometheus: {urls: [http://q]}\n")
    assert found == [
        "3: clusters.a.prometheus_url: is said by `prometheus` as well; write it into `prometheus.urls` and remove this"
    ]


def test_a_server_of_no_address_is_a_mistake_where_the_environment_cannot_help(tmp_path: Path) -> None:
    """With several clusters a `prometheus` without `urls` would quietly leave every gate unknown."""
    found = mistakes(tmp_path, "clusters:\n  a: {context: a, prometheus: {timeout: 9}}\n  b: {context: b}\n")
    assert found == [
        "2: clusters.a.prometheus: names no server; give it `urls`, as `PROMETHEUS_URL` is for one cluster only"
    ]


def test_no_secret_of_a_header_or_address_is_repeated(tmp_path: Path) -> None:
    """A mistake beside a secret does not print the secret."""
    text = "clusters: {a: {prometheus: {urls: ['u:secret@p'], headers: {Authorization: \"secret\\n\"}, lag: -1}}}"
    assert len(mistakes(tmp_path, text)) == 3
    assert "secret" not in "".join(mistakes(tmp_path, text))
