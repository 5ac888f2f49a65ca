"""Plays Alertmanager for the page: raises and resolves one alert for each service, as its webhook would."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

import aiohttp

from playground.slack.wire import Json, SlackError

PATIENCE = aiohttp.ClientTimeout(total=5)
NEVER = "0001-01-01T00:00:00Z"
"""When an alert ends that is still firing, by Alertmanager's word."""
Where: TypeAlias = tuple[str, str]
"""Namespace and service."""


@dataclass
class Alerting:
    """Who is told of alerts, and which ones fire."""

    url: str
    """Where Alertmanager would post: the bot's `/hooks/alertmanager`."""
    token: str
    """Its bearer token."""
    _since: dict[Where, str] = field(default_factory=dict)

    @property
    def firing(self) -> list[str]:
        """What has an alert now, as `namespace/service`."""
        return [f"{namespace}/{service}" for namespace, service in sorted(self._since)]

    async def tell(self, namespace: str, service: str, *, firing: bool) -> None:
        """Post what Alertmanager would; raises SlackError when the bot does not take it, and then nothing has changed.

        Raising what fires already says it again, and resolving what does not fire is no news: neither is an error.
        """
        where, now = (namespace, service), datetime.now(UTC).isoformat().replace("+00:00", "Z")
        since = self._since.get(where, now)
        await self._post(notification(where, since=since, ended=None if firing else now))
        if firing:
            self._since[where] = since
        else:
            self._since.pop(where, None)

    async def _post(self, body: Json) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=PATIENCE) as session,
                session.post(self.url, json=body, headers=headers) as answer,
            ):
                if answer.status != 200:
                    raise SlackError(f"the bot answered {answer.status} to the alert")
        except (aiohttp.ClientError, TimeoutError):
            raise SlackError("the bot cannot be reached") from None


def notification(where: Where, *, since: str, ended: str | None) -> Json:
    """Return version 4 of Alertmanager's message about one alert; `ended` None while it fires. Times are RFC 3339."""
    namespace, service = where
    status = "resolved" if ended else "firing"
    labels = {"alertname": "HighErrorRate", "service": service, "namespace": namespace, "severity": "critical"}
    alert = {
        "status": status,
        "labels": labels,
        "annotations": {"summary": f"More than 1 % of the requests of {service} fail"},
        "startsAt": since,
        "endsAt": ended or NEVER,
        "generatorURL": "",
        "fingerprint": hashlib.sha256("/".join(where).encode()).hexdigest()[:16],
    }
    return {
        "version": "4",
        "groupKey": f'{{}}:{{namespace="{namespace}", service="{service}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "meshbot",
        "groupLabels": {"namespace": namespace, "service": service},
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": [alert],
    }
