"""Alerts and incidents as administrators want them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesh.domain.catalog import Alerting, Catalog
from mesh.domain.commands import Target
from tests.settings.reading import mistakes, read

API, WEB = Target("default", "default", "api"), Target("default", "default", "web")


def test_everything_arrives(tmp_path: Path) -> None:
    """Labels as a name or a list, what an open incident does, when an alert expires, what a service overrides."""
    catalog = read(
        tmp_path,
        """
        channels: {incidents: C0INC}
        incidents:
          labels: {service: [app, deployment], namespace: kube_namespace}
          while_open: warn
          expires: 12h
        services:
          api: {incident_channel: C0API, incidents: refuse}
          web: {}
        """,
    )
    expected = Alerting(("app", "deployment"), ("kube_namespace",), ("cluster",), 43_200.0, "warn")
    assert catalog.alerting == expected
    assert (catalog.incident_channel(API), catalog.while_open(API)) == ("C0API", "refuse")
    assert (catalog.incident_channel(WEB), catalog.while_open(WEB)) == ("C0INC", "warn")
    assert (catalog.knows(WEB), catalog.knows(Target("default", "default", "nosuch"))) == (True, False)


def test_what_is_left_out_is_the_default(tmp_path: Path) -> None:
    """Refusing is the default, and there is no channel by default."""
    catalog = read(tmp_path, "services: {api: {}}")
    assert catalog.alerting == Catalog().alerting == Alerting()
    assert (catalog.while_open(API), catalog.incident_channel(API)) == ("refuse", "")


MISTAKES = [
    ("incidents: {while_open: never}", "1: incidents.while_open: should be 'refuse' or 'warn'"),
    ("incidents: {expires: 10s}", "1: incidents.expires: should be greater than or equal to 300"),
    ("incidents:\n  labels: {service: 'a b'}", "2: incidents.labels.service[0]: 'a b' is not the name of a label"),
    ("incidents:\n  labels: {service: []}", "2: incidents.labels.service: "),
    ("incidents: {lables: {}}", "1: incidents.lables: unknown key `lables`; did you mean `labels`?"),
    ("channels: {incidents: incidents-api}", "1: channels.incidents: 'incidents-api' is not a channel id"),
    ("services: {api: {incident_channel: '#api'}}", "1: services.api.incident_channel: '#api' is not a channel id"),
    ("services: {api: {incidents: block}}", "1: services.api.incidents: should be 'refuse' or 'warn'"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES, ids=[text[:40] for text, _ in MISTAKES])
def test_a_mistake_is_named_with_its_line_and_key(text: str, said: str, tmp_path: Path) -> None:
    """Each says line, key and what would be right."""
    found = mistakes(tmp_path, text)
    assert [line for line in found if said in line], found
