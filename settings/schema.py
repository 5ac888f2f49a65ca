"""What the configuration file may hold: every key with its meaning, unit and range. The reference is made from this."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from mesh.domain.commands import CHANGING
from mesh.domain.gates import Limits

DURATION_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
DEFAULTS = Limits()


def _seconds(value: object) -> object:
    """Turn `90`, `90s`, `5m` or `1h` into seconds; anything else is left for the integer check to refuse."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d{1,9})\s*([smh]?)", value.strip())
    if not match:
        raise ValueError(f"{value!r} is not a duration; write seconds, or a number with s, m or h: 300, 90s, 5m, 1h")
    return int(match[1]) * DURATION_UNITS[match[2]]


def _every(value: object) -> object:
    """Let a lone `"*"` stand for the list that holds it."""
    return ["*"] if value == "*" else value


def _ids(what: str, letters: str, example: str) -> AfterValidator:
    """Check the form of a Slack id: names can be chosen by anybody, ids cannot."""
    form = re.compile(rf"[{letters}][A-Z0-9]{{2,}}")

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(f"{value!r} is not a {what} id; ids only, such as {example}, because names can be changed")
        return value

    return AfterValidator(check)


def _changing(value: str) -> str:
    if value != "*" and value not in CHANGING:
        raise ValueError(f'{value!r} cannot be granted; grant {", ".join(sorted(CHANGING))}, or "*" for all of them')
    return value


def _label(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", value):
        raise ValueError(f"{value!r} is not a name; names have lower-case letters, digits, dashes and dots")
    return value


def _http(value: str) -> str:
    if value and not re.match(r"https?://[^/\s]", value):
        # The value is not repeated: such an address may hold a password.
        raise ValueError("not an address; it must begin with http:// or https://")
    return value


Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=253)]
Name = Annotated[Text, AfterValidator(_label)]
UserId = Annotated[str, _ids("user", "UW", "U012AB3CD")]
GroupId = Annotated[str, _ids("usergroup", "S", "S012AB3CD")]
ChannelId = Annotated[str, _ids("channel", "CG", "C012AB3CD")]
Grant = Annotated[str, AfterValidator(_changing)]
Address = Annotated[str, AfterValidator(_http)]
Seconds = Annotated[int, BeforeValidator(_seconds), WithJsonSchema({"type": "duration"})]
Patterns = Annotated[list[Text], BeforeValidator(_every), Field(min_length=1)]
RouteName = Annotated[
    Text, StringConstraints(pattern=r"^(VirtualService|TrafficSplit|HTTPRoute|GRPCRoute)/[^/\s]+(/[^\n]+)?$")
]
MeshName = Literal["istio", "linkerd"]
GitName = Literal["refuse", "patch"]


class Section(BaseModel):
    """Every part of the file: no unknown keys, no guessing of types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class ClusterSection(Section):
    """One Kubernetes cluster. The first one is used when a command names none."""

    kubeconfig: Annotated[
        Text | None, Field(description="Path of this cluster's own kubeconfig; without one that of `KUBECONFIG`.")
    ] = None
    context: Annotated[str, Field(description="Context of the kubeconfig; empty: its current one, or in-cluster.")] = ""
    in_cluster: Annotated[
        bool,
        Field(
            description="True for the cluster meshbot runs in, reached by the pod's service account; then neither "
            "`kubeconfig` nor `context` may be set."
        ),
    ] = False
    namespace: Annotated[
        Name, Field(description="Namespace used when neither the command nor the service names one.")
    ] = "default"
    prometheus_url: Annotated[
        Address, Field(description="Base URL of this cluster's Prometheus; without one every gate is unknown.")
    ] = ""
    mesh: Annotated[
        MeshName,
        Field(description="Whose proxies' metrics are read, whatever the kind of route: `istio` or `linkerd`."),
    ] = "istio"
    route_namespaces: Annotated[
        list[Name],
        Field(
            max_length=20,
            description="Where routes are looked for besides the service's own namespace, e.g. that of the gateways; "
            "at most 20.",
        ),
    ] = []
    git: Annotated[
        GitName,
        Field(
            description="Routes that Argo CD or Flux keep: `refuse` to move their weights (rollback and undo are still "
            "done), or `patch` them and warn."
        ),
    ] = "refuse"


class ChannelsSection(Section):
    """Slack channels, by id."""

    audit: Annotated[ChannelId | None, Field(description="Channel id (`C…`) that gets one line for each change.")] = (
        None
    )


class GatesSection(Section):
    """What an arm must show before its share may rise."""

    success_min: Annotated[
        float, Field(ge=0, le=100, allow_inf_nan=False, description="Least share of successful requests, in per cent.")
    ] = DEFAULTS.success_min
    p99_max_ms: Annotated[
        float,
        Field(
            gt=0, le=3_600_000, allow_inf_nan=False, description="Most latency of 99 % of requests, in milliseconds."
        ),
    ] = DEFAULTS.p99_max_ms
    requests_min: Annotated[
        int, Field(ge=1, le=1_000_000_000, description="Fewest requests in the window for any verdict.")
    ] = DEFAULTS.requests_min
    window: Annotated[
        Seconds, Field(ge=10, le=86_400, description="How far back to look: seconds, or a number with s, m or h.")
    ] = DEFAULTS.window_s
    max_age: Annotated[
        Seconds,
        Field(
            ge=1, le=3_600, description="Oldest newest sample that still counts as live: seconds, or with s, m or h."
        ),
    ] = int(DEFAULTS.max_age_s)
    load_max: Annotated[
        float,
        Field(
            ge=0,
            le=1_000,
            allow_inf_nan=False,
            description="How many times the share of the busiest endpoint now an endpoint may get; 0 asks for one "
            "ready endpoint only.",
        ),
    ] = DEFAULTS.load_max


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


class RoleSection(Section):
    """These people may do these things to these services."""

    users: Annotated[list[UserId], Field(description="Slack user ids (`U…`, `W…`).")] = []
    usergroups: Annotated[list[GroupId], Field(description="Slack usergroup ids (`S…`).")] = []
    may: Annotated[
        list[Grant],
        BeforeValidator(_every),
        Field(
            min_length=1,
            description='What is granted: `promote`, `set`, `rollback`, `undo`, `adopt`, `reapply`, or `"*"` for all.',
        ),
    ]
    services: Annotated[Patterns, Field(description="Service names; `*` stands for any run of characters.")] = ["*"]
    namespaces: Annotated[Patterns, Field(description="Namespaces; `*` as above.")] = ["*"]
    clusters: Annotated[Patterns, Field(description="Clusters; `*` as above.")] = ["*"]


class PolicySection(Section):
    """Who may change traffic. Everybody may read; nobody may change without a role."""

    roles: Annotated[dict[Text, RoleSection], Field(description="Roles by name.")] = {}


class ConfigFile(Section):
    """The whole file. Every key may be left out; without `policy` meshbot only reads."""

    clusters: Annotated[dict[Name, ClusterSection], Field(description="Kubernetes clusters by name.")] = {}
    channels: Annotated[ChannelsSection, Field(description="Slack channels.")] = ChannelsSection()
    services: Annotated[dict[Name, ServiceSection], Field(description="Services by name.")] = {}
    policy: Annotated[PolicySection, Field(description="Who may change traffic.")] = PolicySection()


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
    """Return the section, or the mapping of sections, that an annotation holds."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    arguments = getattr(annotation, "__args__", ())
    inner = _inner(arguments[-1]) if arguments else None
    return {"each": inner} if inner and getattr(annotation, "__origin__", None) is dict else None
