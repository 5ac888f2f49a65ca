"""Short-lived rights handed to the app with a payload: trigger_id and response_url."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from playground.slack.clock import Clock
from playground.slack.rules import Rules
from playground.slack.wire import SlackError


@dataclass(frozen=True)
class Ticket:
    """A right to answer one act of one person."""

    user: str
    """Who acted."""
    born: float
    """When, seconds of the clock."""
    used: int = 0
    """How often it was used."""
    channel: str = ""
    """Where, of a response_url."""
    origin_ts: str | None = None
    """The message acted on, of a response_url from a button."""


class Tickets:
    """Issues trigger_ids (3 s, once) and response_urls (30 min, five times) and keeps count."""

    def __init__(self, rules: Rules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._triggers: dict[str, Ticket] = {}
        self._responses: dict[str, Ticket] = {}

    def new_trigger(self, user: str) -> str:
        """Return a fresh trigger_id."""
        trigger = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._triggers[trigger] = Ticket(user, self._clock.now())
        return trigger

    def spend_trigger(self, trigger: str) -> Ticket:
        """Use a trigger up; raises `invalid_trigger_id`, `exchanged_trigger_id` or `expired_trigger_id`."""
        ticket = self._triggers.get(trigger)
        if ticket is None:
            raise SlackError("invalid_trigger_id")
        if ticket.used:
            raise SlackError("exchanged_trigger_id")
        if self._clock.now() - ticket.born > self._rules.trigger_life_s:
            raise SlackError("expired_trigger_id")
        self._triggers[trigger] = replace(ticket, used=1)
        return ticket

    def new_response(self, user: str, channel: str, *, origin_ts: str | None = None) -> str:
        """Return the secret part of a fresh response_url."""
        secret = secrets.token_urlsafe(18)
        self._responses[secret] = Ticket(user, self._clock.now(), channel=channel, origin_ts=origin_ts)
        return secret

    def spend_response(self, secret: str) -> Ticket:
        """Count one use of a response_url; raises `invalid_url`, `expired_url` or `used_url`, all HTTP 404."""
        ticket = self._responses.get(secret)
        if ticket is None:
            raise SlackError("invalid_url", status=404)
        if self._clock.now() - ticket.born > self._rules.response_url_life_s:
            raise SlackError("expired_url", status=404)
        if ticket.used >= self._rules.response_url_uses:
            raise SlackError("used_url", status=404)
        self._responses[secret] = replace(ticket, used=ticket.used + 1)
        return ticket
