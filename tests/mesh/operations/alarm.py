"""Alerts on the bench: what Alertmanager would say, heard as the bot hears it, shown as a worker shows it."""

from __future__ import annotations

from typing import Any

from mesh.domain.catalog import Alerting, Catalog, Channels, Cluster, Service
from mesh.domain.commands import Target
from mesh.domain.incidents import Incident, Said
from mesh.operations.incident_cards import show
from mesh.operations.incidents import Heard, Labelled, Mail, hear
from tests.mesh.operations.bench import Bench

INC = "C0INC"
LABELS = {"cluster": "demo", "namespace": "mesh-demo", "service": "api", "alertname": "HighErrorRate"}


class AlarmBench(Bench):
    """A bench whose configuration knows of incidents; change `alerting` or `services` to change it."""

    alerting = Alerting()
    channel = INC

    @property
    def catalog(self) -> Catalog:
        """The configuration as it is now."""
        services = self.services or (Service("api"),)
        channels = Channels(incidents=self.channel)
        clusters = (Cluster("demo", namespace="mesh-demo"),)
        return Catalog(clusters, services, channels, policy=self.policy, alerting=self.alerting)


def alert(*, firing: bool = True, fingerprint: str = "f1", since: float = 0.0, **labels: str) -> Labelled:
    """One alert of the service api, unless the labels say otherwise."""
    found = {**LABELS, **labels}
    said = Said(
        fingerprint, firing, found["alertname"], "critical", "5 % of requests fail", since, 0.0 if firing else 1e9
    )
    return Labelled({name: value for name, value in found.items() if value}, said)


def alarm(bench: Bench, *alerts: Labelled, **more: Any) -> Heard:
    """Let the bot hear one message."""
    return hear(bench.desk, Mail(alerts or (alert(since=bench.time.at),), **more))


def shown(bench: Bench) -> Incident:
    """The newest incident of api, after a worker has drawn its card."""
    found = bench.incidents.newest(Target("demo", "mesh-demo", "api"))
    assert found is not None
    return show(found.id, bench.stage)
