"""Alerts and incidents in the configuration file."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from mesh.domain.catalog import Alerting
from settings.forms import IncidentPolicyName, Seconds, Section, Text, label_name, one_or_more

_ALERTING = Alerting()
LabelNames = Annotated[
    list[Annotated[Text, AfterValidator(label_name)]], BeforeValidator(one_or_more), Field(min_length=1, max_length=20)
]


class IncidentLabelsSection(Section):
    """Which labels of an alert say what it is about. Each is a name, or a list of names."""

    service: Annotated[
        LabelNames, Field(description="Service: the first label whose value is a service of this file counts.")
    ] = list(_ALERTING.service_labels)
    namespace: Annotated[
        LabelNames,
        Field(description="Namespace: the first of these that the alert has; else as for a command."),
    ] = list(_ALERTING.namespace_labels)
    cluster: Annotated[
        LabelNames, Field(description="Cluster: the first of these that the alert has; else as for a command.")
    ] = list(_ALERTING.cluster_labels)


class IncidentsSection(Section):
    """How alerts of Alertmanager become incidents, and what an open one does."""

    labels: Annotated[IncidentLabelsSection, Field(description="Which labels name cluster, namespace and service.")] = (
        IncidentLabelsSection()
    )
    while_open: Annotated[
        IncidentPolicyName,
        Field(description="What raises a canary while an incident of its service is open: `refuse`, or only `warn`."),
    ] = _ALERTING.while_open
    expires: Annotated[
        Seconds,
        Field(
            ge=300,
            le=604_800,
            description="How long an alert that nobody repeats stays open: seconds, or with s, m or h; longer than "
            "Alertmanager's `repeat_interval`.",
        ),
    ] = int(_ALERTING.expires_s)


def alerting_of(section: IncidentsSection) -> Alerting:
    """Turn a checked section into the value that the rules work with."""
    labels = section.labels
    return Alerting(
        service_labels=tuple(labels.service),
        namespace_labels=tuple(labels.namespace),
        cluster_labels=tuple(labels.cluster),
        expires_s=float(section.expires),
        while_open=section.while_open,
    )
