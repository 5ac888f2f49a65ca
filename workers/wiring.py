"""The workers' wiring: the only module of this room that names concrete classes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass

from chat.connection import web_client
from chat.directory import SlackDirectory
from chat.outbox import SlackCards
from mesh.domain.catalog import Catalog
from mesh.domain.errors import Refused, Unavailable
from mesh.operations.stage import Stage
from settings.environment import Environment
from settings.time import SystemTime
from store.auditlog import RedisAuditLog
from store.connection import patient, quick
from store.jobs import JobQueue
from store.locks import RedisLocks
from store.operations import RedisOperations
from store.pending import Pending
from workers.clock import LEAD_S, Clock, run_until_signal
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient
from workers.jobs import install
from workers.metrics.prometheus import PrometheusMetrics
from workers.runner import supervise, work

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Workshop:
    """What a worker process prepares once, before it forks: no sockets, so that a child can open its own."""

    environment: Environment
    catalog: Catalog
    cluster: KubernetesCluster

    def open_stage(self) -> Stage:
        """Return the stage of this process; called after the fork, for connections must not be shared."""
        environment, time_ = self.environment, SystemTime()
        redis = patient(environment.redis_url)
        slack = web_client(environment.slack_bot_token, environment.slack_api_url)
        return Stage(
            catalog=self.catalog,
            operations=RedisOperations(redis, time_, enqueue=JobQueue(redis).enqueue),
            locks=RedisLocks(redis),
            cluster=self.cluster,
            metrics=PrometheusMetrics(self.catalog),
            auditlog=RedisAuditLog(redis),
            cards=SlackCards(slack, audit_channel=self.catalog.channels.audit),
            directory=SlackDirectory(slack),
            time=time_,
        )


def make_workshop(environment: Environment, catalog: Catalog) -> Workshop:
    """Build what the children of this process share; calls nobody."""
    clients = {
        cluster.name: KubernetesClient(cluster.name, kubeconfig=environment.kubeconfig, context=cluster.context)
        for cluster in catalog.clusters
    }
    return Workshop(environment, catalog, KubernetesCluster(clients))


def prepare(workshop: Workshop) -> Callable[[], None]:
    """Return what the parent does before its first fork: install the stage, and learn what the clusters serve."""

    def run() -> None:
        install(workshop.open_stage)
        try:
            workshop.cluster.discover()
        except (Unavailable, Refused) as error:
            # The children ask again; an API server that is away must not keep urgent work for another from starting.
            log.warning("not asked beforehand what the clusters serve: %s", error.message)

    return run


def run_worker(environment: Environment, catalog: Catalog, queue: str) -> None:
    """Work on one queue until SIGTERM; raise Refused naming what the environment lacks."""
    environment.need("SLACK_BOT_TOKEN")
    work(environment.redis_url, queue, prepare(make_workshop(environment, catalog)))


def run_workers() -> None:
    """Run one process for each queue until SIGTERM."""
    supervise(lambda queue: [sys.executable, "-m", "meshbot", "worker", "--queue", queue])


def run_clock(environment: Environment) -> None:
    """Run the clock until SIGTERM."""
    redis = quick(environment.redis_url)
    pending = Pending(redis, enqueue=JobQueue(redis).enqueue)
    run_until_signal(Clock(pending, RedisLocks(redis, ttl_s=LEAD_S), SystemTime()))
