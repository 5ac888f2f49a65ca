"""Clusters and their metrics in the configuration file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Annotated

from pydantic import Field

from mesh.domain.catalog import Cluster, MetricsServer
from settings.forms import Address, GitName, HeaderName, HeaderValue, MeshName, Name, Seconds, Section, Text
from settings.lines import Path
from settings.repositories import InGitSection, in_git_of

SERVER = MetricsServer()


class PrometheusSection(Section):
    """Where a cluster's metrics are: Prometheus, Thanos, Mimir, VictoriaMetrics, or what else speaks its query API."""

    urls: Annotated[
        list[Address],
        Field(
            max_length=5,
            description="Base URLs of equals, such as a pair of Prometheus servers: the next is asked when one does "
            "not answer; at most 5. Without one, that of `PROMETHEUS_URL`, when there is only one cluster.",
        ),
    ] = []
    headers: Annotated[
        dict[HeaderName, HeaderValue], Field(description="Headers of each query, e.g. `X-Scope-OrgID`.")
    ] = {}
    token_file: Annotated[
        Text | None, Field(description="Path of a file with a bearer token; read again when it changes.")
    ] = None
    ca_file: Annotated[
        Text | None, Field(description="Path of the certificates to trust (PEM) instead of the system's.")
    ] = None
    proxy_url: Annotated[
        Address,
        Field(description="HTTP proxy on the way there, `http://host:port`. `HTTPS_PROXY` is not asked."),
    ] = ""
    timeout: Annotated[
        Seconds, Field(ge=1, le=30, description="How long one query may take: seconds, or with s, m or h.")
    ] = int(SERVER.timeout_s)
    lag: Annotated[
        Seconds,
        Field(
            ge=0,
            le=120,
            description="How old samples must be before they can be asked for: seconds, or with s, m or h. Remote "
            "storage needs more.",
        ),
    ] = int(SERVER.lag_s)


class ClusterSection(Section):
    """One Kubernetes cluster. The first one is used when a command names none."""

    kubeconfig: Annotated[
        Text | None, Field(description="Path of this cluster's own kubeconfig; without one that of `KUBECONFIG`.")
    ] = None
    context: Annotated[
        str,
        Field(
            description="Context of the kubeconfig, which must be given then; empty: its current one, or in-cluster."
        ),
    ] = ""
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
    prometheus: Annotated[
        PrometheusSection | None,
        Field(description="The same with more to say, instead of `prometheus_url`: several servers, headers, TLS."),
    ] = None
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
            description="Routes that Argo CD or Flux keep: `refuse` to move their weights (a rollback, or an undo that "
            "raises nothing, is still done), or `patch` them and warn."
        ),
    ] = "refuse"
    in_git: Annotated[
        InGitSection | None,
        Field(
            description="Where Git keeps the routes of its services, which are then written by commits; a service with "
            "`in_git` or `git` of its own is left out."
        ),
    ] = None


def cluster_of(name: str, section: ClusterSection) -> Cluster:
    """Turn a checked section into the value that the rules work with."""
    said = section.model_dump(exclude={"prometheus", "prometheus_url", "in_git"})
    said |= {"in_git": in_git_of(section.in_git)}
    said |= {"kubeconfig": section.kubeconfig or "", "route_namespaces": tuple(section.route_namespaces)}
    return Cluster(name, prometheus=_server(section), **said)


def _server(section: ClusterSection) -> MetricsServer:
    if section.prometheus is None:
        return MetricsServer(urls=(section.prometheus_url,) if section.prometheus_url else ())
    said = section.prometheus
    return MetricsServer(
        urls=tuple(said.urls),
        headers=tuple(said.headers.items()),
        token_file=said.token_file or "",
        ca_file=said.ca_file or "",
        proxy_url=said.proxy_url,
        timeout_s=float(said.timeout),
        lag_s=float(said.lag),
    )


def contradictions(clusters: Mapping[str, ClusterSection]) -> Iterator[tuple[Path, str]]:
    """Find clusters reached in two ways, two that are one, and metrics that are told twice or not at all."""
    for name, section in clusters.items():
        for key in ("kubeconfig", "context"):
            if section.in_cluster and getattr(section, key):
                yield ("clusters", name, key), "contradicts `in_cluster: true`, which needs none; remove one of them"
        for path, text in _of_metrics(section, alone=len(clusters) == 1):
            yield ("clusters", name, *path), text
    for (first, one), (second, other) in combinations(clusters.items(), 2):
        if all(getattr(one, key) == getattr(other, key) for key in ("kubeconfig", "context", "in_cluster")):
            yield (
                ("clusters", second),
                f"is reached in the same way as `{first}`; give each its `context`, `kubeconfig` or `in_cluster`",
            )


def _of_metrics(section: ClusterSection, *, alone: bool) -> Iterator[tuple[Path, str]]:
    said = section.prometheus
    if said is None:
        return
    if section.prometheus_url:
        yield ("prometheus_url",), "is said by `prometheus` as well; write it into `prometheus.urls` and remove this"
    elif not said.urls and not alone:
        yield ("prometheus",), "names no server; give it `urls`, as `PROMETHEUS_URL` is for one cluster only"
    if said.token_file and "authorization" in (name.lower() for name in said.headers):
        yield ("prometheus", "token_file"), "contradicts the header `Authorization`; keep one of them"
