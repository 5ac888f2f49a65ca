"""What a person does in views: opens the App Home, fills in a modal, types into a select, sends it off, closes it.

Rules: docs.slack.dev /surfaces/modals and /reference/interaction-payloads.
"""

from __future__ import annotations

from dataclasses import dataclass

from playground.slack.acting import chosen_action, element_of, person_of
from playground.slack.backstage import Backstage
from playground.slack.blocks import check_options, check_view
from playground.slack.payloads import (
    closing_payload,
    event_payload,
    home_event,
    submission_payload,
    suggestion_payload,
    view_click_payload,
)
from playground.slack.wire import Json, SlackError


@dataclass(frozen=True)
class Spot:
    """One element of an open view."""

    view_id: str
    block_id: str
    action_id: str
    values: Json
    """What stands in the fields of the view then, {block_id: {action_id: …}}."""


def open_home(back: Backstage, person_id: str) -> None:
    """Open the App Home; the app hears app_home_opened, with the Home there was before."""
    person = person_of(back, person_id)
    im = next((c.id for c in back.world.channels if c.kind == "im" and person_id in c.members), "")
    payload = event_payload(back.world, home_event(person, im, back.views.home(person_id)))
    back.courier.in_background(back.courier.deliver("events_api", payload))


async def submit_view(back: Backstage, person_id: str, view_id: str, values: Json) -> Json:
    """Send a modal off with `values[block_id][action_id]`; return what the app made of it.

    The answer is {} when the modal closed, or the app's response_action.
    Raises SlackError for a lost ack or a bad view.
    """
    shown = _own_view(back, person_id, view_id)
    view = _filled(shown, values)
    trigger_id = back.tickets.new_trigger(person_id)
    payload = submission_payload(back.world, person_of(back, person_id), view, trigger_id=trigger_id)
    attempt = await back.courier.deliver("interactive", payload)
    if attempt.error:
        raise SlackError(attempt.error)
    answer = attempt.body if isinstance(attempt.body, dict) else {}
    _follow(back, shown, answer)
    return answer


async def suggest(back: Backstage, person_id: str, spot: Spot, typed: str) -> list[Json]:
    """Type into an external select; return the options that the app offers.

    Raises SlackError when there is no such select, or no good answer came within 3 s.
    """
    shown = _own_view(back, person_id, spot.view_id)
    element = element_of(shown["blocks"], spot.block_id, spot.action_id)
    if "external" not in element["type"]:
        raise SlackError("action_not_found")
    if len(typed) < element.get("min_query_length", 3):
        return []
    person = person_of(back, person_id)
    ids, view = (spot.block_id, spot.action_id), _filled(shown, spot.values)
    payload = suggestion_payload(back.world, person, view, ids=ids, value=typed)
    attempt = await back.courier.deliver("interactive", payload)
    if attempt.error:
        raise SlackError(attempt.error)
    return check_options(attempt.body)


def close_view(back: Backstage, person_id: str, view_id: str) -> None:
    """Close a modal; the app hears of it only with notify_on_close."""
    view = _own_view(back, person_id, view_id)
    back.views.close(view_id)
    if view["notify_on_close"]:
        payload = closing_payload(back.world, person_of(back, person_id), view)
        back.courier.in_background(back.courier.deliver("interactive", payload))


def click_view(back: Backstage, person_id: str, spot: Spot, *, chosen: str | None = None) -> None:
    """Press an element of a modal or of the App Home."""
    shown = _own_view(back, person_id, spot.view_id)
    action = chosen_action(element_of(shown["blocks"], spot.block_id, spot.action_id), spot.block_id, chosen)
    trigger_id = back.tickets.new_trigger(person_id)
    person = person_of(back, person_id)
    payload = view_click_payload(back.world, person, _filled(shown, spot.values), action=action, trigger_id=trigger_id)
    back.courier.in_background(back.courier.deliver("interactive", payload))


def _filled(view: Json, values: Json) -> Json:
    return {**view, "state": {"values": values}}


def _own_view(back: Backstage, person_id: str, view_id: str) -> Json:
    shown = back.views.get(view_id)
    if shown.user != person_id:
        raise SlackError("not_found")
    return shown.view


def _follow(back: Backstage, view: Json, answer: Json) -> None:
    action = answer.get("response_action")
    if action == "errors":
        known = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
        errors = answer.get("errors")
        if not isinstance(errors, dict) or not errors or not known.issuperset(errors):
            raise SlackError("invalid_arguments", messages=("`errors` must name input blocks of the view",))
    elif action == "update":
        back.views.update(check_view(answer.get("view"), kind="modal"), view_id=view["id"])
    elif action == "push":
        back.views.open(back.views.get(view["id"]).user, check_view(answer.get("view"), kind="modal"), previous=view)
    elif action == "clear":
        back.views.clear(back.views.get(view["id"]).user)
    else:
        back.views.close(view["id"])
