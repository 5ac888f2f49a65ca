"""The people, channels and names of the stand-in workspace, as data: in code or from a YAML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

GUEST = "guest"
SINGLE_CHANNEL_GUEST = "single_channel_guest"
DELETED = "deleted"
BOT = "bot"
WORKFLOW_BOT = "workflow_bot"
EXTERNAL = "external"
FLAGS = frozenset({GUEST, SINGLE_CHANNEL_GUEST, DELETED, BOT, WORKFLOW_BOT})
KINDS = frozenset({"public", "private", "im"})


@dataclass(frozen=True)
class Bot:
    """The one app of this workspace."""

    name: str = "mesh"
    """What people type after @."""
    user_id: str = "UMESHBOT"
    """Its user, the author of its messages."""
    bot_id: str = "BMESHBOT"
    """Its bot id."""
    app_id: str = "A0MESH"
    """Its app id, sent as `api_app_id`."""
    bot_token: str = "xoxb-playground"
    """Bearer token of the Web API."""
    app_token: str = "xapp-playground"
    """Bearer token of apps.connections.open."""
    config_token: str = "xoxe.xoxp-playground"
    """Bearer token of apps.manifest.export."""
    signing_secret: str = "playground-signing-secret"
    """Signs every HTTP delivery."""
    scopes: tuple[str, ...] = (
        "commands", "chat:write", "app_mentions:read", "im:history", "users:read", "usergroups:read",
        "channels:read", "groups:read", "files:write", "channels:history", "groups:history",
    )  # fmt: skip
    """What the token may do; a method beyond it answers `missing_scope`."""


@dataclass(frozen=True)
class Person:
    """Somebody who can be seen, and perhaps act."""

    id: str
    """U… or W…."""
    name: str
    """The handle people type after @."""
    real_name: str
    """The name people read."""
    title: str = ""
    """Job title of the profile."""
    team_id: str = "T0MESH"
    """Home workspace; another one than the world's makes the person external."""
    locale: str = "en-US"
    """Language of their Slack."""
    flags: frozenset[str] = frozenset()
    """Any of FLAGS."""


@dataclass(frozen=True)
class UserGroup:
    """A mentionable group of people."""

    id: str
    """S…."""
    handle: str
    """What people type after @."""
    users: tuple[str, ...]
    """Ids of its members."""


@dataclass(frozen=True)
class Channel:
    """A channel or a direct message with the bot."""

    id: str
    """C… or D…."""
    name: str
    """Without the hash; of an im the person's handle."""
    members: tuple[str, ...]
    """Ids, the bot's user among them when it was invited."""
    kind: str = "public"
    """One of KINDS."""
    topic: str = ""
    """One line under the name."""
    ext_shared: bool = False
    """Shared with another organisation by Slack Connect."""
    archived: bool = False
    """Read-only."""


@dataclass(frozen=True)
class Command:
    """A slash command of the app."""

    command: str
    """With the slash."""
    description: str
    """One line for the completion list."""
    usage_hint: str = ""
    """Arguments, for the completion list."""
    should_escape: bool = True
    """Whether names become `<@U…|name>` and `<#C…|name>` (manifest `should_escape`)."""


@dataclass(frozen=True)
class World:
    """Everything that exists before the first message."""

    people: tuple[Person, ...]
    """Everybody but the app's own bot."""
    channels: tuple[Channel, ...]
    """Every channel and im."""
    usergroups: tuple[UserGroup, ...] = ()
    """Every user group."""
    commands: tuple[Command, ...] = ()
    """Slash commands of the app."""
    bot: Bot = Bot()
    """The app."""
    team_id: str = "T0MESH"
    """The installing workspace."""
    team_name: str = "Mesh playground"
    """Its name."""
    domain: str = "mesh-playground"
    """Its subdomain, used in permalinks."""

    def __post_init__(self) -> None:
        known = {person.id for person in self.people} | {self.bot.user_id}
        for channel in self.channels:
            _insist(channel.kind in KINDS, f"channel {channel.id}: kind {channel.kind!r} is none of {sorted(KINDS)}")
            _insist(known.issuperset(channel.members), f"channel {channel.id}: add its unknown members to people")
        for person in self.people:
            _insist(FLAGS.issuperset(person.flags), f"person {person.id}: flags must be among {sorted(FLAGS)}")

    def person(self, user_id: str) -> Person | None:
        """Return who has this id, the app's own bot included."""
        return next((person for person in (*self.people, self.bot_person) if person.id == user_id), None)

    def channel(self, channel_id: str) -> Channel | None:
        """Return the channel with this id."""
        return next((channel for channel in self.channels if channel.id == channel_id), None)

    @property
    def bot_person(self) -> Person:
        """The app's bot as a user."""
        return Person(self.bot.user_id, self.bot.name, self.bot.name, team_id=self.team_id, flags=frozenset({BOT}))

    def is_external(self, person: Person) -> bool:
        """Whether `person` belongs to another organisation."""
        return person.team_id != self.team_id


def default_world() -> World:
    """Return the workspace of the demo: an SRE, an owner, a developer, a guest, an outsider, and their channels."""
    people = (
        Person("U0JIN", "jin", "Jin Park", "Site reliability engineer"),
        Person("U0ANA", "ana", "Ana Ruiz", "Owner of api, may approve"),
        Person("U0LEE", "lee", "Lee Wong", "Developer, may approve"),
        Person("U0SOO", "soo", "Kim Soo-ah", "Site reliability engineer in Seoul", locale="ko-KR"),
        Person("U0MIA", "mia", "Mia Sorg", "Contractor", flags=frozenset({GUEST})),
        Person("U0EXT", "ext", "Eli Vendor", "Support at a vendor", team_id="T0OTHER"),
        Person("U0GONE", "gone", "Gil Former", "Left last year", flags=frozenset({DELETED})),
        Person("U0WF", "deploys", "Deploy workflow", flags=frozenset({BOT, WORKFLOW_BOT})),
    )
    staff = ("U0JIN", "U0ANA", "U0LEE", "U0SOO", "UMESHBOT")
    channels = (
        Channel("C0PROD", "prod", (*staff, "U0MIA", "U0WF"), topic="Everything that moves production traffic"),
        Channel("C0INC", "incident-api", (*staff, "U0MIA"), topic="Alerts, and what waits for approval"),
        Channel("C0AUDIT", "mesh-audit", staff, topic="One line for every operation"),
        Channel("C0RAND", "random", ("U0JIN", "U0ANA", "U0LEE"), topic="Lunch and cats"),
        Channel("C0PRIV", "sre-private", ("U0JIN", "UMESHBOT"), kind="private", topic="Hand-over notes"),
        Channel("C0VEND", "vendor-shared", ("U0JIN", "U0ANA", "U0EXT", "UMESHBOT"), ext_shared=True),
        Channel("C0OLD", "old-incidents", staff, archived=True),
        *(_im(handle) for handle in ("jin", "ana", "lee", "soo", "mia")),
    )
    groups = (UserGroup("S0SRE", "sre", ("U0JIN",)), UserGroup("S0APIOWN", "api-owners", ("U0ANA",)))
    command = Command("/mesh", "Move mesh traffic, safely", "promote api 50")
    return World(people, channels, groups, (command,))


def load_world(path: Path) -> World:
    """Read a world from YAML whose keys are the fields of `World`.

    Raises TypeError for an unknown or missing key, ValueError for a world that contradicts itself.
    """
    data: dict[str, Any] = yaml.safe_load(path.read_text())
    many = {"people": Person, "channels": Channel, "usergroups": UserGroup, "commands": Command}
    for key, kind in many.items():
        data[key] = tuple(kind(**_frozen(entry)) for entry in data.get(key, ()))
    data["bot"] = Bot(**_frozen(data.get("bot", {})))
    return World(**data)


def _frozen(entry: dict[str, Any]) -> dict[str, Any]:
    kinds = {"flags": frozenset, "members": tuple, "users": tuple, "scopes": tuple}
    return {key: kinds[key](value) if key in kinds else value for key, value in entry.items()}


def _im(handle: str) -> Channel:
    return Channel(f"D0{handle.upper()}", handle, (f"U0{handle.upper()}", "UMESHBOT"), kind="im")


def _insist(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(f"the world contradicts itself: {message}")
