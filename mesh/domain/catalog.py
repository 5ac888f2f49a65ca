"""What the configuration says, as values: clusters, services, channels, policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from mesh.domain.approvals import People, Rule
from mesh.domain.commands import Command, Target
from mesh.domain.digests import Digest
from mesh.domain.errors import NotFound
from mesh.domain.freezes import Closure
from mesh.domain.gates import Limits
from mesh.domain.incidents import EXPIRES_S
from mesh.domain.matching import closest
from mesh.domain.policy import Policy
from mesh.domain.repositories import InGit, Repository
from mesh.domain.stepups import StepUp
from mesh.domain.strategies import DEFAULT, Strategy

IncidentPolicy = Literal["refuse", "warn"]
"""`refuse` what raises a canary while an incident of the service is open, or only `warn`."""
GitPolicy = Literal["refuse", "patch"]
"""`refuse` to move weights that Git keeps (a rollback, or an undo that raises nothing, is done); or `patch` them."""


@dataclass(frozen=True)
class MetricsServer:
    """Where a cluster's metrics are asked for: Prometheus, or what speaks its query API."""

    urls: tuple[str, ...] = ()
    """Base URLs of equals (a pair of Prometheus servers); the first that answers counts; empty: gates are unknown."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with each query, e.g. `X-Scope-OrgID`."""
    token_file: str = ""
    """Path of a file with a bearer token, read again when it changes."""
    ca_file: str = ""
    """Path of the certificates to trust instead of the system's."""
    proxy_url: str = field(default="", repr=False)
    """HTTP proxy on the way there, perhaps with user and password; empty: none, whatever the environment names."""
    timeout_s: float = 5.0
    """How long one query may take, in seconds."""
    lag_s: float = 1.0
    """How long after a scrape its samples can be asked for; remote storage needs more, in seconds."""


@dataclass(frozen=True)
class Cluster:
    """One Kubernetes cluster and its metrics."""

    name: str
    context: str = ""
    """Context of the kubeconfig; empty means its current one, or in-cluster."""
    kubeconfig: str = ""
    """Path of this cluster's own kubeconfig; empty means the one of the environment."""
    in_cluster: bool = False
    """True for the cluster meshbot runs in, reached with the pod's own account whatever kubeconfig there is."""
    namespace: str = "default"
    """Namespace used when neither the command nor the service names one."""
    prometheus: MetricsServer = field(default_factory=MetricsServer)
    mesh: str = "istio"
    """`istio` or `linkerd`: whose proxies' metrics are read, whatever the kind of route."""
    route_namespaces: tuple[str, ...] = ()
    """Where routes are looked for besides the service's own namespace, e.g. that of the gateways."""
    git: GitPolicy = "refuse"
    """What to do with routes that Argo CD or Flux would put back."""
    in_git: InGit | None = None
    """Where the routes of its services are written by commits, unless a service says something else of Git."""


@dataclass(frozen=True)
class Service:
    """What is known of one service beyond what its route says."""

    name: str
    cluster: str = ""
    namespace: str = ""
    stable: str = ""
    canary: str = ""
    route: str = ""
    """`Kind/name` or `Kind/name/rule` of the route to use when several carry weights; empty means it must be clear."""
    mesh: str = ""
    """Overrides the cluster's."""
    git: GitPolicy | None = None
    """Overrides the cluster's."""
    in_git: InGit | None = None
    """Where its route is written by commits; None where it is patched."""
    limits: Limits = field(default_factory=Limits)
    strategy: str = ""
    """Name of the strategy of its rollouts; empty means the default."""
    incident_channel: str = ""
    """Channel id of its incidents' cards; empty means the one for all."""
    incidents: IncidentPolicy | None = None
    """Overrides what an open incident does."""
    approvals: str = ""
    """Slack channel id where its approvals are asked for; empty means where the change was asked for."""


@dataclass(frozen=True)
class Channels:
    """Slack channel ids."""

    audit: str = ""
    """Gets one line for each change; empty for none."""
    incidents: str = ""
    """Gets the card of each incident whose service names no channel of its own; empty for none."""


@dataclass(frozen=True)
class Alerting:
    """How alerts become incidents."""

    service_labels: tuple[str, ...] = ("service", "destination_service_name", "destination_canonical_service", "app")
    """Labels that may name the service; the first that names a configured one counts."""
    namespace_labels: tuple[str, ...] = ("namespace", "destination_service_namespace")
    """Labels that may name its namespace; the first that is there counts."""
    cluster_labels: tuple[str, ...] = ("cluster",)
    """Labels that may name its cluster; the first that is there counts."""
    expires_s: float = EXPIRES_S
    """How long an alert that nobody repeats stays open, in seconds."""
    while_open: IncidentPolicy = "refuse"


@dataclass(frozen=True)
class Flood:
    """How many changes may be asked for."""

    user_per_minute: int = 60
    """By one person, and as many at once."""
    channel_per_minute: int = 300
    """From one channel."""
    open_per_service: int = 50
    """How many changes of one service may be waiting or running."""


@dataclass(frozen=True)
class Catalog:
    """The whole configuration."""

    clusters: tuple[Cluster, ...] = (Cluster("default"),)
    services: tuple[Service, ...] = ()
    channels: Channels = field(default_factory=Channels)
    policy: Policy = field(default_factory=Policy)
    approvals: tuple[Rule, ...] = ()
    """Which changes somebody else must agree to; every rule that speaks of a change must be met."""
    break_glass: Rule | None = None
    """Who may let a change pass all those rules, two by two; None where nobody may."""
    step_up: StepUp | None = None
    """Who is asked whether a person is proven before something is given more traffic; None where nobody is."""
    people: People = ()
    """Accounts that belong to one person."""
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    """How rollouts go, by name; `default` stands in for the built-in one."""
    freezes: tuple[Closure, ...] = ()
    """Freezes of the calendar."""
    flood: Flood = field(default_factory=Flood)
    look_s: float = 5.0
    """How often every active rollout is judged, in seconds."""
    alerting: Alerting = field(default_factory=Alerting)
    digests: tuple[Digest, ...] = ()
    language: str = "en"
    """Of messages in channels that nobody asked for: incidents, digests, what Flagger asks."""
    repositories: tuple[Repository, ...] = ()
    """The only ones that are ever written to."""

    def target(self, command: Command) -> Target:
        """Complete the command's target from the configuration.

        What a freeze leaves out is `*`: it then means every cluster, namespace or service. Raises NotFound for a
        cluster that is not configured.
        """
        if command.freezes and not command.service:
            cluster = self.cluster(command.cluster).name if command.cluster else "*"
            return Target(cluster, command.namespace or "*", "*")
        entry = self.service(Target(command.cluster, command.namespace, command.service))
        known = self.cluster(command.cluster or entry.cluster)
        namespace = command.namespace or entry.namespace or known.namespace
        return Target(known.name, namespace, command.service)

    def cluster(self, name: str) -> Cluster:
        """Return the cluster of that name, the first one for an empty name; raise NotFound with the names there are."""
        if not name:
            return self.clusters[0]
        for cluster in self.clusters:
            if cluster.name == name:
                return cluster
        names = tuple(cluster.name for cluster in self.clusters)
        near = closest(name, names)
        hint = f"Did you mean {near}?" if near else f"There is {', '.join(names)}."
        raise NotFound(f"No cluster is called {name!r}.", hint=hint, choices=names)

    def service(self, target: Target) -> Service:
        """Return what is configured for the target, or an entry of defaults: a service needs no entry to be read."""
        for entry in self._by_name.get(target.service, ()):
            if _agrees(entry.cluster, target.cluster) and _agrees(entry.namespace, target.namespace):
                return entry
        return Service(target.service)

    @cached_property
    def _by_name(self) -> Mapping[str, Sequence[Service]]:
        """The services in their order: a look asks for each of a thousand."""
        found: dict[str, list[Service]] = {}
        for entry in self.services:
            found.setdefault(entry.name, []).append(entry)
        return found

    def strategy(self, target: Target, name: str = "") -> Strategy:
        """Return how a rollout of the target goes: by the name typed, the service's, or the default.

        Raises NotFound for a name that is not configured, with the names there are.
        """
        wanted = name or self.service(target).strategy or "default"
        known = {"default": DEFAULT, **self.strategies}
        if wanted in known:
            return known[wanted]
        near = closest(wanted, tuple(known))
        hint = f"Did you mean {near}?" if near else f"There is {', '.join(known)}."
        raise NotFound(f"No strategy is called {wanted!r}.", hint=hint, choices=tuple(known))

    def knows(self, target: Target) -> bool:
        """Tell whether an entry of the configuration speaks of the target."""
        return any(
            _agrees(entry.cluster, target.cluster) and _agrees(entry.namespace, target.namespace)
            for entry in self._by_name.get(target.service, ())
        )

    def incident_channel(self, target: Target) -> str:
        """Return where the cards of the target's incidents are; empty for nowhere."""
        return self.service(target).incident_channel or self.channels.incidents

    def while_open(self, target: Target) -> IncidentPolicy:
        """Return what an open incident of the target does to its promotions."""
        return self.service(target).incidents or self.alerting.while_open

    def mesh(self, target: Target) -> str:
        """Return whose metrics speak for the target: `istio` or `linkerd`."""
        return self.service(target).mesh or self.cluster(target.cluster).mesh

    def in_git(self, target: Target) -> tuple[Repository, InGit] | None:
        """Return the repository and the file that keep the target's route; None where it is patched."""
        entry = self.service(target)
        # What a service says of Git itself counts, also where it says that it is patched.
        place = entry.in_git or (None if entry.git else self.cluster(target.cluster).in_git)
        if place is None:
            return None
        repository = next(one for one in self.repositories if one.name == place.repository)
        path = place.path.replace("{namespace}", target.namespace).replace("{service}", target.service)
        return repository, replace(place, path=path)

    def git(self, target: Target) -> GitPolicy:
        """Return what to do with routes of the target that Git keeps."""
        return self.service(target).git or self.cluster(target.cluster).git


def _agrees(configured: str, asked: str) -> bool:
    """Two names agree when they are equal or one of them is silent."""
    return not configured or not asked or configured == asked
