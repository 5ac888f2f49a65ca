"""Alertmanager's webhook, version 4, read into our own values: prometheus.io/docs/alerting/latest/configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bot.hooks import BadPost, Hook, Reply
from mesh.domain.catalog import Catalog
from mesh.domain.incidents import Said
from mesh.operations.desk import Desk
from mesh.operations.incidents import Labelled, Mail, hear

MOST_ALERTS = 1000
_WORDS = 300
"""Characters that are kept of an alert's words."""
_SUMMARIES = ("summary", "message", "description", "title")
"""Annotations that say what is wrong, the best first."""

Text = Annotated[str, StringConstraints(strict=True, max_length=10_000)]
Texts = dict[Text, Text]


class _Part(BaseModel):
    """Every part of the message. What newer versions add is left unread; what is read has exactly these types."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Alert(_Part):
    status: Literal["firing", "resolved"]
    labels: Texts
    annotations: Texts
    startsAt: AwareDatetime  # noqa: N815 (Alertmanager's word)
    endsAt: AwareDatetime  # noqa: N815 (as above)
    generatorURL: Text  # noqa: N815 (as above)
    fingerprint: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64, pattern="^[0-9A-Za-z]+$")]


class _Message(_Part):
    version: Literal["4"]
    groupKey: Text  # noqa: N815 (as above)
    status: Literal["firing", "resolved"]
    receiver: Text
    groupLabels: Texts  # noqa: N815 (as above)
    commonLabels: Texts  # noqa: N815 (as above)
    commonAnnotations: Texts  # noqa: N815 (as above)
    externalURL: Text  # noqa: N815 (as above)
    alerts: Annotated[list[_Alert], Field(max_length=MOST_ALERTS)]
    truncatedAlerts: Annotated[int, Field(strict=True, ge=0)] = 0  # noqa: N815 (as above)


def alertmanager(desk: Desk, *, catalog: Callable[[], Catalog] | None = None) -> Hook:
    """Return the hook that turns notifications into incidents, each by what `catalog` says at that moment."""

    def hook(posted: Any) -> Reply:
        heard = hear(replace(desk, catalog=catalog()) if catalog else desk, read(posted))
        told: dict[str, Any] = {"incidents": list(heard.incidents), "ignored": heard.ignored}
        if heard.ignored:
            told["why"] = "ignored: alerts whose labels name no service of the configuration"
        return Reply(200, told)

    return hook


def read(posted: Any) -> Mail:
    """Return what a message says; raises BadPost naming what is wrong in it."""
    try:
        message = _Message.model_validate(posted)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the body"
        raise BadPost(f"Not a message of Alertmanager's webhook, version 4: {place}: {first['msg']}.") from None
    alerts = tuple(Labelled(alert.labels, _said(alert)) for alert in message.alerts)
    return Mail(alerts, group=message.groupKey[:_WORDS], truncated=message.truncatedAlerts > 0)


def _said(alert: _Alert) -> Said:
    firing = alert.status == "firing"
    summary = next((alert.annotations[name] for name in _SUMMARIES if alert.annotations.get(name)), "")
    return Said(
        fingerprint=alert.fingerprint,
        firing=firing,
        name=alert.labels.get("alertname", "")[:_WORDS],
        severity=alert.labels.get("severity", "")[:_WORDS],
        summary=summary[:_WORDS],
        since=_unix(alert.startsAt),
        ended_at=0.0 if firing else _unix(alert.endsAt),
    )


def _unix(moment: datetime) -> float:
    return max(moment.timestamp(), 0.0)
