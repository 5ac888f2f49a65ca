"""Failures on demand, so that a test can see the app survive them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from playground.slack.wire import Json

CALL_KINDS = frozenset({"status", "error", "ratelimit", "accept_then_drop", "hang", "disconnect"})
DELIVERY_KINDS = frozenset({"accept_then_drop", "hang", "duplicate_delivery", "disconnect"})


@dataclass(frozen=True)
class Trouble:
    """One failure, for a method of the Web API or for a kind of delivery to the app."""

    kind: str
    """One of CALL_KINDS or DELIVERY_KINDS. `disconnect` of a delivery ends every websocket at once."""
    method: str = ""
    """A Web API method, `response_url`, or `*`; empty when `delivery` is given."""
    delivery: str = ""
    """slash_commands, interactive, events_api, or `*`; empty when `method` is given."""
    times: int = 1
    """How many calls or deliveries it hits, one or more."""
    status: int = 503
    """HTTP status of kind `status`."""
    error: str = "internal_error"
    """Slack's error code of kind `error`, e.g. edit_window_closed."""
    retry_after: int = 1
    """Seconds of kind `ratelimit`."""
    seconds: float = 5.0
    """How long, by the clock that can be put forward, kind `hang` holds the call or the delivery back."""
    reason: str = "refresh_requested"
    """Reason of kind `disconnect`: warning, refresh_requested, link_disabled; `none` drops it, `silence` keeps it."""

    def __post_init__(self) -> None:
        if bool(self.method) == bool(self.delivery):
            raise ValueError("give either `method` (or *) or `delivery` (or *)")
        allowed = CALL_KINDS if self.method else DELIVERY_KINDS
        if self.kind not in allowed:
            raise ValueError(f"kind {self.kind!r} is none of {sorted(allowed)}")
        if self.times < 1:
            raise ValueError("`times` must be one or more")


def trouble_from(body: Json) -> Trouble:
    """Read a trouble from JSON; raises ValueError for unknown keys and values."""
    unknown = body.keys() - {field.name for field in fields(Trouble)}
    if unknown or "kind" not in body:
        raise ValueError(f"give `kind`, and no unknown keys (got {sorted(unknown)})")
    return Trouble(**body)


class Troubles:
    """The failures still to come, in the order they were ordered."""

    def __init__(self) -> None:
        self.pending: list[Trouble] = []

    def add(self, trouble: Trouble) -> None:
        """Order a failure."""
        self.pending.append(trouble)

    def clear(self) -> None:
        """Forget all failures still to come."""
        self.pending.clear()

    def take(self, *, method: str = "", delivery: str = "") -> Trouble | None:
        """Return and use up one failure meant for this call or delivery."""
        for index, trouble in enumerate(self.pending):
            if (method and trouble.method in (method, "*")) or (delivery and trouble.delivery in (delivery, "*")):
                self._use_up(index)
                return trouble
        return None

    def _use_up(self, index: int) -> None:
        trouble = self.pending.pop(index)
        if trouble.times > 1:
            self.pending.insert(index, replace(trouble, times=trouble.times - 1))
