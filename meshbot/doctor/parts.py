"""Which checks there are for which process: the doctor's wiring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from mesh.domain.catalog import Catalog, Cluster
from mesh.domain.errors import Refused
from mesh.domain.repositories import Repository
from meshbot.doctor import cluster as clusters
from meshbot.doctor import metrics, processes, redis, repositories, slack, surroundings
from meshbot.doctor.running import Check
from meshbot.findings import Finding
from settings.environment import Environment, read_environment
from settings.file import read_catalog
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient
from workers.git.adapter import GitCluster
from workers.git.repository import Remote
from workers.git.transport import Proxies
from workers.metrics.adapter import PrometheusMetrics

ROLES = ("all", "bot", "worker", "clock")


def checks(role: str, *, before_start: bool = False) -> list[Check]:
    """Return what to look at, in the order in which to mend things; `before_start`: no process need run yet."""
    try:
        environment = read_environment()
    except Refused as error:
        return [_told("environment", Finding("fail", "environment", error.message, error.hint))]
    found = [Check("environment", lambda: surroundings.environment(environment, role))]
    catalog = Catalog()
    try:
        catalog = read_catalog(environment.config_path, prometheus_url=environment.prometheus_url)
        found.append(Check("policy", lambda: _configuration(environment, catalog, role)))
    except Refused as error:
        found.append(_told("config", Finding("fail", "config", error.message, error.hint)))
    found += _of_slack(environment, catalog, role)
    found += [
        Check("redis", lambda: redis.redis(environment)),
        Check("workers", lambda: processes.processes(environment, before_start=before_start)),
    ]
    if role in ("bot", "clock"):
        return [*found, Check("k8s", lambda: surroundings.powerless(environment, role))]
    return [*found, *_of_clusters(environment, catalog), *_of_repositories(environment, catalog)]


def _told(what: str, finding: Finding) -> Check:
    return Check(what, lambda: [finding])


def _configuration(environment: Environment, catalog: Catalog, role: str) -> Iterator[Finding]:
    yield surroundings.policy(environment, catalog)
    if role in ("all", "bot"):
        yield from surroundings.incidents(environment, catalog)


def _of_slack(environment: Environment, catalog: Catalog, role: str) -> list[Check]:
    asked: list[tuple[str, Callable[[], Iterable[Finding]]]] = [("slack", lambda: slack.token(environment))]
    if role in ("all", "bot"):
        asked += [("socket", lambda: slack.socket(environment)), ("app", lambda: slack.manifest(environment))]
    if role in ("all", "bot"):
        asked.append(("people", lambda: slack.workspace(environment, catalog)))
    return [] if role == "clock" or not environment.slack_bot_token else [Check(what, look) for what, look in asked]


def _of_clusters(environment: Environment, catalog: Catalog) -> Iterator[Check]:
    for cluster in catalog.clusters:
        client = KubernetesClient.of(cluster, kubeconfig=environment.kubeconfig)
        yield Check(f"k8s {cluster.name}", _of_cluster(catalog, cluster, client))
        for url in cluster.prometheus.urls:
            yield Check(f"prom {cluster.name}", _of_server(cluster, url))
        yield Check(f"prom {cluster.name}", _of_series(catalog, cluster, client))


def _of_repositories(environment: Environment, catalog: Catalog) -> Iterator[Check]:
    for one in catalog.repositories:
        yield Check(f"git {one.name}", _of_repository(environment, catalog, one))


def _of_repository(environment: Environment, catalog: Catalog, one: Repository) -> Callable[[], Iterator[Finding]]:
    what, proxies = f"git {one.name}", Proxies(environment.https_proxy, environment.no_proxy)

    def look() -> Iterator[Finding]:
        kubeconfig = environment.kubeconfig
        clients = {cluster.name: KubernetesClient.of(cluster, kubeconfig=kubeconfig) for cluster in catalog.clusters}
        namespaces = {cluster.name: cluster.route_namespaces for cluster in catalog.clusters}
        clusters = KubernetesCluster(clients, route_namespaces=namespaces)
        git = GitCluster(clusters, catalog, connect=lambda repository: Remote(repository, proxies))
        yield from repositories.repository(what, catalog, one, git)

    return look


def _of_cluster(catalog: Catalog, cluster: Cluster, client: KubernetesClient) -> Callable[[], Iterator[Finding]]:
    what = f"k8s {cluster.name}"

    def look() -> Iterator[Finding]:
        yield from clusters.served(what, client)
        yield from clusters.rights(what, client, clusters.namespaces_of(catalog, cluster))

    return look


def _of_server(cluster: Cluster, url: str) -> Callable[[], Iterator[Finding]]:
    return lambda: metrics.server(f"prom {cluster.name}", url, cluster.prometheus)


def _of_series(catalog: Catalog, cluster: Cluster, client: KubernetesClient) -> Callable[[], Iterator[Finding]]:
    what = f"prom {cluster.name}"

    def look() -> Iterator[Finding]:
        if not cluster.prometheus.urls:
            yield metrics.nowhere(what, cluster)
            return
        routes = KubernetesCluster({cluster.name: client}, route_namespaces={cluster.name: cluster.route_namespaces})
        measuring = PrometheusMetrics(catalog)
        try:
            yield from metrics.series(what, catalog, cluster, routes, measuring)
        finally:
            measuring.close()

    return look
