"""What the configuration file may hold: every key with its meaning, unit and range. The reference is made from this."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mesh.domain.catalog import Flood
from settings.approvals import ApprovalSection, BreakGlassSection, People
from settings.clusters import ClusterSection
from settings.digests import DigestSection
from settings.forms import (
    ChannelId,
    GitName,
    Grant,
    GroupId,
    IncidentPolicyName,
    Label,
    Language,
    MeshName,
    Name,
    RouteName,
    Scoped,
    Section,
    Text,
    UserId,
    every,
)
from settings.freezes import FreezeSection, HoursList
from settings.gates import GatesSection
from settings.incidents import IncidentsSection
from settings.repositories import InGitSection, RepositorySection
from settings.rollouts import RolloutsSection
from settings.stepups import StepUpSection


class ChannelsSection(Section):
    """Slack channels, by id."""

    audit: Annotated[ChannelId | None, Field(description="Channel id (`C…`) that gets one line for each change.")] = (
        None
    )
    incidents: Annotated[
        ChannelId | None,
        Field(description="Channel id (`C…`) that gets the card of each incident, unless its service names another."),
    ] = None


class SlackSection(Section):
    """How meshbot speaks in Slack."""

    language: Annotated[
        Language,
        Field(
            description="Language of what nobody asked for: incident cards and digests. People are answered in the "
            "language of their own Slack, and the card of a change is in that of whoever asked. The audit channel "
            "is English."
        ),
    ] = "en"


class ServiceChannelsSection(Section):
    """Slack channels of one service, by id."""

    approvals: Annotated[
        ChannelId | None,
        Field(description="Channel id (`C…`) where its approvals are asked for, unless the rule names another."),
    ] = None


class ServiceSection(Section):
    """What is known of a service beyond what its route says. A service needs no entry to be read."""

    service: Annotated[Name | None, Field(description="Name of the service, when the entry's own name is not it.")] = (
        None
    )
    cluster: Annotated[str, Field(description="Cluster of this entry; empty: any.")] = ""
    namespace: Annotated[Name | None, Field(description="Namespace of this entry; without it: any.")] = None
    stable: Annotated[Text | None, Field(description="Arm that traffic goes back to, e.g. `v1`.")] = None
    canary: Annotated[Text | None, Field(description="Arm that `promote` means when none is named, e.g. `v2`.")] = None
    route: Annotated[
        RouteName | None,
        Field(description="`Kind/name` or `Kind/name/rule` to use when several routes carry weights."),
    ] = None
    mesh: Annotated[MeshName | None, Field(description="Overrides the cluster's `mesh`.")] = None
    git: Annotated[GitName | None, Field(description="Overrides the cluster's `git`.")] = None
    in_git: Annotated[
        InGitSection | None, Field(description="Where Git keeps its route, which is then written by commits.")
    ] = None
    gates: Annotated[GatesSection, Field(description="Limits of this service's gates.")] = GatesSection()
    channels: Annotated[ServiceChannelsSection, Field(description="Slack channels of this service.")] = (
        ServiceChannelsSection()
    )
    strategy: Annotated[
        Label | None, Field(description="How its rollouts go: a name in `rollouts.strategies`; without one `default`.")
    ] = None
    incident_channel: Annotated[
        ChannelId | None,
        Field(description="Channel id (`C…`) of its incidents; overrides `channels.incidents`."),
    ] = None
    incidents: Annotated[IncidentPolicyName | None, Field(description="Overrides `incidents.while_open`.")] = None


class RoleSection(Scoped):
    """These people may do these things to these services."""

    users: Annotated[list[UserId], Field(description="Slack user ids (`U…`, `W…`).")] = []
    usergroups: Annotated[list[GroupId], Field(description="Slack usergroup ids (`S…`).")] = []
    may: Annotated[
        list[Grant],
        BeforeValidator(every),
        Field(
            min_length=1,
            description="What is granted: `promote`, `set`, `rollback`, `undo`, `adopt`, `reapply`; `canary`, and "
            '`pause`, `resume`, `skip`, `confirm`, `abort` of a rollout; `freeze`, `unfreeze`; or `"*"` for all.',
        ),
    ]
    channels: Annotated[
        list[ChannelId],
        Field(
            description="Channel ids from which alone this role counts; without them everywhere. They grant nothing."
        ),
    ] = []
    max_step: Annotated[
        float | None,
        Field(
            gt=0,
            le=100,
            allow_inf_nan=False,
            description="Most points that an arm may rise in one change, or in one step of a canary. No limit says "
            "anything of traffic that goes back.",
        ),
    ] = None
    max_share: Annotated[
        float | None,
        Field(gt=0, le=100, allow_inf_nan=False, description="Largest share that an arm may be given, in per cent."),
    ] = None
    hours: Annotated[
        HoursList,
        Field(description="When an arm may be given more: `mon-fri 09:00-17:00 Europe/Berlin`, or a list of such."),
    ] = []


class PolicySection(Section):
    """Who may change traffic. Everybody may read; nobody may change without a role."""

    roles: Annotated[dict[Text, RoleSection], Field(description="Roles by name.")] = {}
    approvals: Annotated[
        dict[Label, ApprovalSection], Field(description="Which changes wait for somebody to agree: rules by name.")
    ] = {}
    break_glass: Annotated[
        BreakGlassSection | None, Field(description="Who may pass those rules, two by two; without it nobody.")
    ] = None
    step_up: Annotated[
        StepUpSection | None, Field(description="Who is asked whether a person is proven; without it nobody.")
    ] = None


class FloodSection(Section):
    """How many changes may be asked for. Rolling back, aborting and freezing are counted apart: ten times as many."""

    user_per_minute: Annotated[
        int, Field(ge=1, le=10_000, description="Changes that one person may ask for in a minute, or at once.")
    ] = Flood().user_per_minute
    channel_per_minute: Annotated[
        int, Field(ge=1, le=10_000, description="The same for everybody in one channel together.")
    ] = Flood().channel_per_minute
    open_per_service: Annotated[
        int, Field(ge=1, le=100, description="Changes of one service that may be waiting or running at once.")
    ] = Flood().open_per_service


class ConfigFile(Section):
    """The whole file. Every key may be left out; without `policy` meshbot only reads."""

    clusters: Annotated[dict[Name, ClusterSection], Field(description="Kubernetes clusters by name.")] = {}
    channels: Annotated[ChannelsSection, Field(description="Slack channels.")] = ChannelsSection()
    slack: Annotated[SlackSection, Field(description="How meshbot speaks.")] = SlackSection()
    services: Annotated[dict[Name, ServiceSection], Field(description="Services by name.")] = {}
    rollouts: Annotated[RolloutsSection, Field(description="How rollouts go.")] = RolloutsSection()
    incidents: Annotated[IncidentsSection, Field(description="How alerts become incidents.")] = IncidentsSection()
    policy: Annotated[PolicySection, Field(description="Who may change traffic.")] = PolicySection()
    digests: Annotated[list[DigestSection], Field(description="What channels are told at set times.")] = []
    freezes: Annotated[list[FreezeSection], Field(description="When nothing may be given more traffic.")] = []
    flood: Annotated[FloodSection, Field(description="How much may be asked for at once.")] = FloodSection()
    people: Annotated[
        People,
        Field(
            description="Slack user ids that belong to one person, by a name of your choice: whoever has two accounts "
            "has one vote all the same. Slack is asked about each of them when somebody votes."
        ),
    ] = {}
    repositories: Annotated[
        dict[Label, RepositorySection], Field(description="Git repositories that meshbot may write to, by name.")
    ] = {}


def section_at(path: tuple[str | int, ...]) -> type[Section] | None:
    """Return the section whose keys live at `path` in the file; None where no section is."""
    section: Any = ConfigFile
    for part in path:
        if section is None:
            return None
        if isinstance(section, dict):
            section = section["each"]
        else:
            field = section.model_fields.get(str(part))
            section = _inner(field.annotation) if field else None
    return section if isinstance(section, type) else None


def _inner(annotation: Any) -> Any:
    """Return the section, or the mapping or list of sections, that an annotation holds."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    inner = next(filter(None, map(_inner, getattr(annotation, "__args__", ()))), None)
    return {"each": inner} if inner and getattr(annotation, "__origin__", None) in (dict, list) else inner
