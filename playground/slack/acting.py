"""What a person does: types a message or a command, presses a button, fills in a modal, opens the App Home."""

from __future__ import annotations

from collections.abc import Iterator

from playground.slack.backstage import Backstage
from playground.slack.blocks import check_view
from playground.slack.delivery import Attempt
from playground.slack.escaping import escape_message
from playground.slack.payloads import (
    Act,
    action_of,
    click_payload,
    closing_payload,
    event_payload,
    home_event,
    message_event,
    slash_payload,
    submission_payload,
    view_click_payload,
)
from playground.slack.responseurl import show
from playground.slack.state import Message, interactive_elements
from playground.slack.tickets import Ticket
from playground.slack.wire import Json, SlackError
from playground.slack.world import BOT, DELETED, Channel, Command, Person

SLACKBOT = "USLACKBOT"


class Actor:
    """One person in one channel, ready to act."""

    def __init__(self, back: Backstage, person_id: str, channel_id: str, *, base_url: str) -> None:
        self._back = back
        self._base_url = base_url
        self._person = person_of(back, person_id)
        self._channel = _channel_of(back, channel_id)
        if person_id not in self._channel.members:
            raise SlackError("not_in_channel")
        if self._channel.archived:
            raise SlackError("is_archived")

    def send(self, text: str, *, thread_ts: str | None = None) -> None:
        """Say something, or run a slash command; deliveries go on in the background.

        Raises SlackError `no_text`, or `thread_not_found`.
        """
        if not text.strip():
            raise SlackError("no_text")
        if thread_ts:
            thread_ts = self._parent(thread_ts)
        if text.startswith("/"):
            self._command(text, thread_ts)
        else:
            self._say(text, thread_ts)

    def click(self, message_ts: str, block_id: str, action_id: str, *, chosen: str | None = None) -> None:
        """Press a button, or choose the option with the value `chosen`; raises SlackError when there is none."""
        message = self._back.workspace.find(self._channel.id, message_ts)
        if message is None or message.ephemeral_to not in (None, self._person.id):
            raise SlackError("message_not_found")
        element = _element(message.blocks, block_id, action_id)
        action = _action(element, block_id, chosen)
        payload = click_payload(self._back.workspace, self._act(origin_ts=message_ts), message, action)
        self._back.courier.in_background(self._deliver_click(payload, message))

    def _say(self, text: str, thread_ts: str | None) -> None:
        world = self._back.world
        encoded = escape_message(world, text)
        message = Message(self._channel.id, self._person.id, encoded, thread_ts=thread_ts)
        posted = self._back.workspace.post(message)
        mentioned = f"<@{world.bot.user_id}>" in encoded and world.bot.user_id in self._channel.members
        kind = "message" if self._channel.kind == "im" else "app_mention" if mentioned else None
        if kind:
            event = message_event(self._back.workspace, posted, kind=kind)
            payload = event_payload(world, event, ext_shared=self._channel.ext_shared)
            self._back.courier.in_background(self._back.courier.deliver("events_api", payload))

    def _command(self, text: str, thread_ts: str | None) -> None:
        word, _, rest = text.partition(" ")
        command = next((c for c in self._back.world.commands if c.command == word), None)
        if refusal := self._refusal(word, command, in_thread=thread_ts is not None):
            self._notice(refusal, thread_ts)
        elif command:
            self._back.courier.in_background(self._run(command, text, rest.strip()))

    def _refusal(self, word: str, command: Command | None, *, in_thread: bool) -> str:
        if command is None:
            return f"{word} is not a valid command. In Slack, all messages that start with / are commands."
        if in_thread:
            return f"{word} is not supported in threads. Sorry!"
        if self._back.world.is_external(self._person) or BOT in self._person.flags:
            return f"{word} works only for members of {self._back.world.team_name}."
        return ""

    async def _run(self, command: Command, typed: str, rest: str) -> None:
        payload = slash_payload(self._back.world, self._act(), command, rest)
        attempt = await self._back.courier.deliver("slash_commands", payload)
        if attempt.error:
            self._notice(f"{command.command} failed with the error {attempt.error}", None)
            return
        try:
            self._show_answer(typed, attempt)
        except SlackError as error:
            detail = "; ".join((error.code, *error.messages))
            self._notice(f"{command.command} failed with the error {detail}", None)

    def _show_answer(self, typed: str, attempt: Attempt) -> None:
        body = {"text": attempt.body} if isinstance(attempt.body, str) else attempt.body
        if body.get("response_type") == "in_channel":
            text = escape_message(self._back.world, typed)
            self._back.workspace.post(Message(self._channel.id, self._person.id, text))
        if body.get("text") or body.get("blocks") or body.get("attachments"):
            show(self._back, Ticket(self._person.id, 0.0, channel=self._channel.id), body)

    async def _deliver_click(self, payload: Json, message: Message) -> None:
        attempt = await self._back.courier.deliver("interactive", payload)
        if attempt.error:
            text = f"{self._back.world.bot.name} did not answer the button: {attempt.error}"
            self._notice(text, message.thread_ts)

    def _act(self, *, origin_ts: str | None = None) -> Act:
        world = self._back.world
        secret = self._back.tickets.new_response(self._person.id, self._channel.id, origin_ts=origin_ts)
        url = f"{self._base_url}/response/{world.team_id}/{world.bot.app_id}/{secret}"
        return Act(self._person, self._channel, self._back.tickets.new_trigger(self._person.id), url)

    def _parent(self, thread_ts: str) -> str:
        parent = self._back.workspace.find(self._channel.id, thread_ts)
        if parent is None:
            raise SlackError("thread_not_found")
        return parent.thread_ts or parent.ts

    def _notice(self, text: str, thread_ts: str | None) -> None:
        message = Message(
            self._channel.id, SLACKBOT, text, thread_ts=thread_ts, ephemeral_to=self._person.id, notice=True
        )
        self._back.workspace.post(message)


async def submit_view(back: Backstage, person_id: str, view_id: str, values: Json) -> Json:
    """Send a modal off with `values[block_id][action_id]`; return what the app made of it.

    The answer is {} when the modal closed, or the app's response_action.
    Raises SlackError for a lost ack or a bad view.
    """
    shown = _own_view(back, person_id, view_id)
    view = {**shown, "state": {"values": values}}
    trigger_id = back.tickets.new_trigger(person_id)
    payload = submission_payload(back.world, person_of(back, person_id), view, trigger_id=trigger_id)
    attempt = await back.courier.deliver("interactive", payload)
    if attempt.error:
        raise SlackError(attempt.error)
    answer = attempt.body if isinstance(attempt.body, dict) else {}
    _follow(back, shown, answer)
    return answer


def close_view(back: Backstage, person_id: str, view_id: str) -> None:
    """Close a modal; the app hears of it only with notify_on_close."""
    view = _own_view(back, person_id, view_id)
    back.views.close(view_id)
    if view["notify_on_close"]:
        payload = closing_payload(back.world, person_of(back, person_id), view)
        back.courier.in_background(back.courier.deliver("interactive", payload))


def click_view(back: Backstage, person_id: str, view_id: str, *, block_id: str, action_id: str) -> None:
    """Press a button of a modal or of the App Home."""
    view = _own_view(back, person_id, view_id)
    action = _action(_element(view["blocks"], block_id, action_id), block_id, None)
    trigger_id = back.tickets.new_trigger(person_id)
    person = person_of(back, person_id)
    payload = view_click_payload(back.world, person, view, action=action, trigger_id=trigger_id)
    back.courier.in_background(back.courier.deliver("interactive", payload))


def open_home(back: Backstage, person_id: str) -> None:
    """Open the App Home; the app hears app_home_opened."""
    person = person_of(back, person_id)
    im = next((c.id for c in back.world.channels if c.kind == "im" and person_id in c.members), "")
    payload = event_payload(back.world, home_event(person, im))
    back.courier.in_background(back.courier.deliver("events_api", payload))


def person_of(back: Backstage, person_id: str) -> Person:
    """Return somebody who can act; raises SlackError `user_not_found` or `account_inactive`."""
    person = back.world.person(person_id)
    if person is None:
        raise SlackError("user_not_found")
    if DELETED in person.flags:
        raise SlackError("account_inactive")
    return person


def _channel_of(back: Backstage, channel_id: str) -> Channel:
    channel = back.world.channel(channel_id)
    if channel is None:
        raise SlackError("channel_not_found")
    return channel


def _own_view(back: Backstage, person_id: str, view_id: str) -> Json:
    shown = back.views.get(view_id)
    if shown.user != person_id:
        raise SlackError("not_found")
    return shown.view


def _follow(back: Backstage, view: Json, answer: Json) -> None:
    action = answer.get("response_action")
    if action == "errors":
        return
    if action == "update":
        back.views.update(check_view(answer.get("view"), kind="modal"), view_id=view["id"])
    elif action == "push":
        back.views.open(back.views.get(view["id"]).user, check_view(answer.get("view"), kind="modal"), previous=view)
    else:
        back.views.close(view["id"])


def _element(blocks: tuple[Json, ...] | list[Json], block_id: str, action_id: str) -> Json:
    elements: Iterator[Json] = (
        element for block in blocks if block["block_id"] == block_id for element in interactive_elements(block)
    )
    found = next((element for element in elements if element["action_id"] == action_id), None)
    if found is None:
        raise SlackError("action_not_found")
    return found


def _action(element: Json, block_id: str, chosen: str | None) -> Json:
    try:
        return action_of(element, block_id, chosen)
    except ValueError as error:
        raise SlackError("invalid_arguments", messages=(str(error),)) from error
