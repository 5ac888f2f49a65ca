"""Acts and looks in the stand-in Slack from Python: for tests and for `meshbot demo --run`. Standard library only."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from playground.slack.render import render_text as render
from playground.slack.wire import Json

POLL_S = 0.05
TAIL = 5
REDRAWN = 10
"""How often a message may be drawn anew between a look at it and a click."""


class SlackDriver:
    """One stand-in Slack, at `url` without a trailing slash."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._names: dict[str, str] = {}

    def send(self, as_: str, channel: str, text: str, thread_ts: str | None = None) -> None:
        """Type `text` as a person; starting with / it is a slash command. Raises RuntimeError with Slack's error."""
        body = {"as": as_, "channel": channel, "text": text, "thread_ts": thread_ts}
        self._insist("/page/send", body)

    def click(self, as_: str, message: Json, action_id: str, *, value: str | None = None) -> None:
        """Press the element `action_id` of a message; `value` chooses an option of a select.

        Where the message was drawn anew since somebody looked, the element is pressed where it is now, as a person's
        finger would find it. Raises LookupError when the message has no such element (with those it has), RuntimeError
        with Slack's error.
        """
        body = {"as": as_, "channel": message["channel"], "message_ts": message["ts"], "action_id": action_id}
        for _ in range(REDRAWN):
            pressed = {**body, "block_id": _block_of(message, action_id), "value": value}
            answer = self._call("POST", "/page/click", pressed)
            if answer.get("error") != "action_not_found":
                break
            message = self.wait_for(lambda one, was=message: _place(one) == _place(was))  # type: ignore[misc]  # bound now
        _insist_ok("/page/click", answer)

    def messages(self, channel: str, as_: str | None = None) -> list[Json]:
        """Return what `as_` (None: nobody in particular) sees of a channel, oldest first, without replies."""
        return self._list("/page/messages", "messages", channel=channel, as_=as_)

    def replies(self, channel: str, ts: str, as_: str | None = None) -> list[Json]:
        """Return a thread with its first message, oldest first."""
        return self._list("/page/replies", "messages", channel=channel, ts=ts, as_=as_)

    def transcript(self) -> list[Json]:
        """Return everything anybody has seen, oldest first, with `edits` and `deleted`."""
        return self._list("/_playground/transcript", "messages")

    def deliveries(self) -> list[Json]:
        """Return every delivery to the app, oldest first."""
        return self._list("/_playground/deliveries", "deliveries")

    def wait_for(self, predicate: Callable[[Json], bool], timeout_s: float = 60.0) -> Json:
        """Return the first message of the transcript, not deleted, for which `predicate` is true.

        Raises TimeoutError, showing the last messages, when there is none within `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            seen = self.transcript()
            for message in seen:
                if not message["deleted"] and predicate(message):
                    return message
            if time.monotonic() > deadline:
                tail = "\n--\n".join(self.render_text(message) for message in seen[-TAIL:])
                raise TimeoutError(f"no such message within {timeout_s} s; the last ones were:\n{tail}")
            time.sleep(POLL_S)

    def wait_for_text(self, text: str, timeout_s: float = 60.0) -> Json:
        """Return the first message that, as a person reads it, contains `text`; raises TimeoutError."""
        return self.wait_for(lambda message: text in self.render_text(message), timeout_s)

    def trouble(self, kind: str, **details: object) -> None:
        """Order a failure; `details` are the other fields of `Trouble`, e.g. method="chat.update", retry_after=2.

        Raises RuntimeError when it makes no sense.
        """
        self._insist("/_playground/trouble", {"kind": kind, **details})

    def clear_trouble(self) -> None:
        """Forget the failures still to come."""
        self._call("DELETE", "/_playground/trouble")

    def advance(self, seconds: float) -> None:
        """Put the clock of limits, retries, triggers and response_urls forward."""
        self._insist("/_playground/clock", {"advance": seconds})

    def views(self, as_: str) -> list[Json]:
        """Return the modals and the App Home a person has, oldest first."""
        return [shown["view"] for shown in self._list("/_playground/views", "views", as_=as_)]

    def submit_view(self, as_: str, view_id: str, values: Json) -> Json:
        """Send a modal off with `values[block_id][action_id]`; return the app's response_action, {} when it closed."""
        answer = self._insist("/_playground/view", {"as": as_, "view_id": view_id, "do": "submit", "values": values})
        return dict(answer["answer"])

    def click_view(self, as_: str, view: Json, action_id: str, *, values: Json | None = None) -> None:
        """Press the element `action_id` of a view, with the fields as they are then."""
        ids = {"block_id": _block_of(view, action_id), "action_id": action_id}
        self._insist("/_playground/view", {"as": as_, "view_id": view["id"], "do": "click", **ids, "values": values})

    def suggest(self, as_: str, view: Json, action_id: str, typed: str, *, values: Json | None = None) -> list[Json]:
        """Type into an external select of a view; return the options that are offered."""
        ids = {"block_id": _block_of(view, action_id), "action_id": action_id}
        body = {"as": as_, "view_id": view["id"], "do": "suggest", **ids, "typed": typed, "values": values}
        return list(self._insist("/_playground/view", body)["options"])

    def close_view(self, as_: str, view_id: str) -> None:
        """Close a modal."""
        self._insist("/_playground/view", {"as": as_, "view_id": view_id, "do": "close"})

    def change_channel(self, channel_id: str, **changes: object) -> None:
        """Rename, archive or share a channel (`name`, `archived`, `ext_shared`)."""
        self._insist("/_playground/channel", {"id": channel_id, **changes})

    def change_person(self, user_id: str, **changes: object) -> None:
        """Make somebody a guest, deactivate them (`flags`), or change their `title`."""
        self._insist("/_playground/person", {"id": user_id, **changes})

    def open_home(self, as_: str) -> None:
        """Open the App Home."""
        self._insist("/_playground/home", {"as": as_})

    def state(self) -> Json:
        """Return people, channels, commands and completions."""
        return self._call("GET", "/page/state")

    def render_text(self, message: Json) -> str:
        """Return a message as a person would read it in a terminal."""
        if not self._names:
            state = self.state()
            known = (*state["people"], *state["channels"], state["bot"])
            self._names = {entry["id"]: entry["name"] for entry in known}
        return render(message, self._names)

    def _list(self, path: str, key: str, **query: str | None) -> list[Json]:
        given = {name.rstrip("_"): value for name, value in query.items() if value is not None}
        found: list[Json] = self._call("GET", f"{path}?{urlencode(given)}")[key]
        return found

    def _insist(self, path: str, body: Json) -> Json:
        return _insist_ok(path, self._call("POST", path, body))

    def _call(self, verb: str, path: str, body: Json | None = None) -> Json:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, data=data, headers=headers, method=verb)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return _object(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return _object(error.read())


def _insist_ok(path: str, answer: Json) -> Json:
    if not answer.get("ok"):
        raise RuntimeError(f"the stand-in Slack refused {path}: {answer}")
    return answer


def _place(message: Json) -> tuple[str, str]:
    return message["channel"], message["ts"]


def _object(raw: bytes) -> Json:
    parsed: Any = json.loads(raw)
    return dict(parsed)


def _block_of(message: Json, action_id: str) -> str:
    offered: dict[str, str] = {}
    for block in message["blocks"]:
        parts = [*block.get("elements", ()), block.get("accessory"), block.get("element")]
        offered |= {part["action_id"]: block["block_id"] for part in parts if part and "action_id" in part}
    if action_id not in offered:
        raise LookupError(f"the message has no element {action_id!r}; it has {sorted(offered)}")
    return offered[action_id]
