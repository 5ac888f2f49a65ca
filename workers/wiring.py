"""The workers' wiring: the only module of this room that names concrete classes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chat.calls import SlackCalls
from chat.connection import web_client
from chat.directory import SlackDirectory
from chat.drawing import chart
from chat.outbox import SlackCards
from chat.outcomes import Lost
from chat.sender import Sender
from mesh.domain.catalog import Catalog
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.letters import Row
from mesh.operations import facts
from mesh.operations.stage import Stage
from mesh.ports import Operations
from settings.environment import Environment, read_environment
from settings.file import read_catalog
from settings.time import SystemTime
from store.auditlog import RedisAuditLog
from store.connection import patient, quick
from store.jobs import POST, JobQueue
from store.locks import RedisLocks
from store.looks import Looks
from store.operations import RedisOperations
from store.outbox import RedisOutbox
from store.pending import Pending
from store.watches import RedisWatches
from workers.clock import LEAD_S, Clock, run_until_signal
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient
from workers.jobs import install, install_sender
from workers.metrics.adapter import PrometheusMetrics
from workers.runner import QUEUES, work
from workers.supervisor import supervise

log = logging.getLogger(__name__)

WARM_S = 0.5
"""How long the first job waits at most for clusters to say what they serve; one that is away delays no other."""


@dataclass(frozen=True)
class Workshop:
    """What a worker process is made of, before anything is connected."""

    environment: Environment
    catalog: Catalog
    clients: Mapping[str, KubernetesClient]
    """By cluster."""
    cluster: KubernetesCluster

    def open_stage(self) -> Stage:
        """Return the one stage of this process; its connections are opened at their first use and then kept."""
        environment, time_ = self.environment, SystemTime()
        redis = patient(environment.redis_url)
        slack = web_client(environment.slack_bot_token, environment.slack_api_url)
        outbox = RedisOutbox(redis, time_, enqueue=JobQueue(redis).send)
        return Stage(
            catalog=self.catalog,
            operations=RedisOperations(redis, time_, enqueue=JobQueue(redis).enqueue),
            locks=RedisLocks(redis),
            cluster=self.cluster,
            metrics=PrometheusMetrics(self.catalog),
            watches=RedisWatches(redis),
            auditlog=RedisAuditLog(redis),
            cards=SlackCards(outbox, slack, audit_channel=self.catalog.channels.audit, draw=chart),
            directory=SlackDirectory(slack),
            time=time_,
        )


def make_workshop(environment: Environment, catalog: Catalog) -> Workshop:
    """Build what a worker is made of; calls nobody."""
    clients = {
        cluster.name: KubernetesClient.of(cluster, kubeconfig=environment.kubeconfig) for cluster in catalog.clusters
    }
    namespaces = {cluster.name: cluster.route_namespaces for cluster in catalog.clusters}
    return Workshop(environment, catalog, clients, KubernetesCluster(clients, route_namespaces=namespaces))


def prepare(workshop: Workshop) -> Callable[[], None]:
    """Return what a worker does before its first job: install its stage, learn what the clusters serve, watch them.

    That opens connections to each of them, so that the first job finds them open. It starts threads, so nothing may
    fork afterwards.
    """

    def run() -> None:
        install(workshop.open_stage())
        warming = threading.Thread(target=_warm, args=(workshop,), name="discovery", daemon=True)
        warming.start()
        warming.join(WARM_S)

    return run


def prepare_post(environment: Environment) -> Callable[[], None]:
    """Return what the worker that posts does before its first job: it needs Redis and Slack, and no cluster."""

    def run() -> None:
        redis, time_ = patient(environment.redis_url), SystemTime()
        outbox = RedisOutbox(redis, time_, enqueue=JobQueue(redis).send)
        calls = SlackCalls(web_client(environment.slack_bot_token, environment.slack_api_url))
        operations = RedisOperations(redis, time_, enqueue=JobQueue(redis).enqueue)
        install_sender(Sender(outbox, RedisLocks(redis), calls, time_, lost=audited(operations)))

    return run


def audited(operations: Operations) -> Lost:
    """Return what puts each message that reached nobody into the audit log."""

    def lost(row: Row) -> None:
        try:
            operations.audit(facts.of_loss(row))
        except Unavailable as error:
            log.warning("%s reached nobody, perhaps not in the audit log: %s", row.letter.key, error.message)

    return lost


def _prepared(environment: Environment, catalog: Catalog, queue: str) -> Callable[[], None]:
    return prepare_post(environment) if QUEUES[queue] == POST else prepare(make_workshop(environment, catalog))


def _warm(workshop: Workshop) -> None:
    try:
        workshop.cluster.discover()
    except (Unavailable, Refused) as error:
        # The first job that needs it asks again.
        log.warning("not asked beforehand what the clusters serve: %s", error.message)
    workshop.cluster.watch(workshop.clients)


def run_worker(environment: Environment, catalog: Catalog, queue: str) -> None:
    """Work on one queue, in a process that is replaced when it ends, until SIGTERM.

    Raises Refused naming what the environment lacks.
    """
    environment.need("SLACK_BOT_TOKEN")
    supervise([queue], lambda name: work(environment.redis_url, name, _prepared(environment, catalog, name)))


def run_workers() -> None:
    """Run one process for each queue until SIGTERM; each reads the settings when it starts, or is started again."""
    supervise(list(QUEUES), _work_by_settings)


def _work_by_settings(queue: str) -> None:
    environment = read_environment()
    catalog = read_catalog(environment.config_path, prometheus_url=environment.prometheus_url)
    work(environment.redis_url, queue, _prepared(environment, catalog, queue))


def run_clock(environment: Environment) -> None:
    """Run the clock until SIGTERM; the configuration says which clusters are looked at, and how often.

    Raises Refused when that cannot be read.
    """
    catalog = read_catalog(environment.config_path, prometheus_url=environment.prometheus_url)
    redis, clusters = quick(environment.redis_url), [cluster.name for cluster in catalog.clusters]
    jobs = JobQueue(redis)
    looks = Looks(redis, clusters, every_s=catalog.look_s, enqueue=jobs.look)
    pending, time_ = Pending(redis, enqueue=jobs.enqueue), SystemTime()
    lanes = RedisOutbox(redis, time_, enqueue=jobs.send)
    run_until_signal(Clock(pending, RedisLocks(redis, ttl_s=LEAD_S), time_, looks=looks, lanes=lanes))
