"""What a person does in a channel: types a message or a command, presses a button."""

from __future__ import annotations

from collections.abc import Iterator

from playground.slack.backstage import Backstage
from playground.slack.delivery import Attempt
from playground.slack.escaping import escape_message
from playground.slack.payloads import (
    Act,
    action_of,
    click_payload,
    event_payload,
    message_event,
    slash_payload,
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
        element = element_of(message.blocks, block_id, action_id)
        action = chosen_action(element, block_id, chosen)
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


def element_of(blocks: tuple[Json, ...] | list[Json], block_id: str, action_id: str) -> Json:
    """Return an element by the ids of its block and its own; raises SlackError `action_not_found`."""
    elements: Iterator[Json] = (
        element for block in blocks if block["block_id"] == block_id for element in interactive_elements(block)
    )
    found = next((element for element in elements if element["action_id"] == action_id), None)
    if found is None:
        raise SlackError("action_not_found")
    return found


def chosen_action(element: Json, block_id: str, chosen: str | None) -> Json:
    """Return what a press of an element is sent as; raises SlackError for an option that it does not have."""
    try:
        return action_of(element, block_id, chosen)
    except ValueError as error:
        raise SlackError("invalid_arguments", messages=(str(error),)) from error
