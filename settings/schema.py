"""What the configuration file may hold: every key with its meaning, unit and range. The reference is made from this."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from settings.approvals import ApprovalSection, BreakGlassSection, People
from settings.clusters import ClusterSection
from settings.forms import (
    ChannelId,
    GitName,
    Grant,
    GroupId,
    Label,
    MeshName,
    Name,
    Patterns,
    RouteName,
    Section,
    Text,
    UserId,
    every,
)
from settings.gates import GatesSection
from settings.rollouts import RolloutsSection


class ChannelsSection(Section):
    """Slack channels, by id."""

    audit: Annotated[ChannelId | None, Field(description="Channel id (`C…`) that gets one line for each change.")] = (
        None
    )


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
    gates: Annotated[GatesSection, Field(description="Limits of this service's gates.")] = GatesSection()
    channels: Annotated[ServiceChannelsSection, Field(description="Slack channels of this service.")] = (
        ServiceChannelsSection()
    )
    strategy: Annotated[
        Label | None, Field(description="How its rollouts go: a name in `rollouts.strategies`; without one `default`.")
    ] = None


class RoleSection(Section):
    """These people may do these things to these services."""

    users: Annotated[list[UserId], Field(description="Slack user ids (`U…`, `W…`).")] = []
    usergroups: Annotated[list[GroupId], Field(description="Slack usergroup ids (`S…`).")] = []
    may: Annotated[
        list[Grant],
        BeforeValidator(every),
        Field(
            min_length=1,
            description="What is granted: `promote`, `set`, `rollback`, `undo`, `adopt`, `reapply`; `canary`, and "
            '`pause`, `resume`, `skip`, `confirm`, `abort` of a rollout; or `"*"` for all.',
        ),
    ]
    services: Annotated[Patterns, Field(description="Service names; `*` stands for any run of characters.")] = ["*"]
    namespaces: Annotated[Patterns, Field(description="Namespaces; `*` as above.")] = ["*"]
    clusters: Annotated[Patterns, Field(description="Clusters; `*` as above.")] = ["*"]


class PolicySection(Section):
    """Who may change traffic. Everybody may read; nobody may change without a role."""

    roles: Annotated[dict[Text, RoleSection], Field(description="Roles by name.")] = {}
    approvals: Annotated[
        dict[Label, ApprovalSection], Field(description="Which changes wait for somebody to agree: rules by name.")
    ] = {}
    break_glass: Annotated[
        BreakGlassSection | None, Field(description="Who may pass those rules, two by two; without it nobody.")
    ] = None


class ConfigFile(Section):
    """The whole file. Every key may be left out; without `policy` meshbot only reads."""

    clusters: Annotated[dict[Name, ClusterSection], Field(description="Kubernetes clusters by name.")] = {}
    channels: Annotated[ChannelsSection, Field(description="Slack channels.")] = ChannelsSection()
    services: Annotated[dict[Name, ServiceSection], Field(description="Services by name.")] = {}
    rollouts: Annotated[RolloutsSection, Field(description="How rollouts go.")] = RolloutsSection()
    policy: Annotated[PolicySection, Field(description="Who may change traffic.")] = PolicySection()
    people: Annotated[
        People,
        Field(
            description="Slack user ids that belong to one person, by a name of your choice: whoever has two accounts "
            "has one vote all the same."
        ),
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
