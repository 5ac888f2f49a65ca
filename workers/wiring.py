"""The workers' wiring: the only module of this room that names concrete classes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from slack_sdk import WebClient

from chat.at_home import CallsAtHome, CardsAtHome
from chat.bearer import Bearer
from chat.connection import web_client
from chat.digest_drawing import week_chart
from chat.directory import SlackDirectory
from chat.drawing import chart, draw
from chat.in_views import CardsInViews
from chat.incident_outbox import SlackIncidentCards
from chat.noticeboard import SlackNoticeboard
from chat.outbox import SlackCards
from chat.outcomes import Lost
from chat.screens import Screens
from chat.sender import Sender
from chat.spoken import SpokenCards, SpokenIncidentCards, SpokenNoticeboard
from chat.whispers import SlackWhispers
from mesh.domain.catalog import Catalog
from mesh.domain.errors import Refused, Unavailable
from mesh.domain.letters import Row
from mesh.operations import facts
from mesh.operations.ending import give_up
from mesh.operations.noting import note
from mesh.operations.stage import Stage
from mesh.ports import Newsroom, Operations
from settings.cron import CronAlmanac
from settings.environment import Environment, read_again, read_environment
from settings.reloading import CatalogFile, Standing
from settings.time import SystemTime
from store.address import Where
from store.auditlog import RedisAuditLog
from store.buckets import RedisBuckets
from store.changes import RedisChanges
from store.configured import RedisConfigured
from store.connection import patient, quick
from store.deeds import RedisDeeds
from store.digests import DueDigests, RedisSlots
from store.freezes import RedisFreezes
from store.incidents import IncidentsDue, RedisIncidents
from store.jobs import GIT, POST, JobQueue
from store.locks import RedisLocks
from store.looks import Looks
from store.operations import RedisOperations
from store.outbox import LanesDue, RedisOutbox
from store.pending import Pending
from store.proofs import RedisProofs
from store.watches import RedisWatches
from telemetry import ports, tracing
from telemetry.logs import hide
from telemetry.metrics import begin_worker, lost_message
from telemetry.serving import Port
from telemetry.signs import Signs
from telemetry.slack import counted
from workers.clock import LEAD_S, Clock, Ending, run_until_signal
from workers.cluster.adapter import KubernetesCluster
from workers.cluster.client import KubernetesClient
from workers.git.adapter import GitCluster
from workers.git.repository import Remote
from workers.git.transport import Proxies
from workers.jobs import install, install_sender
from workers.metrics.adapter import PrometheusMetrics
from workers.runner import QUEUES, OwnWorker, Wear, work
from workers.seen import Seen, clock_port, worker_port
from workers.stepup import HttpProver
from workers.supervisor import Child, supervise

log = logging.getLogger(__name__)

TELL_AGAIN_S = 5.0
"""When the audit log is told again what it did not take."""
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
    asks_git: bool = True
    """False where whatever needs a Git server is left to another process."""

    def open_stage(self) -> Stage:
        """Return the one stage of this process; its connections are opened at their first use and then kept."""
        environment, time_ = self.environment, SystemTime()
        redis = patient(environment.redis)
        slack = _slack(environment)
        jobs = JobQueue(redis)
        directory = SlackDirectory(slack, changes=RedisChanges(redis))
        outbox = RedisOutbox(redis, time_, enqueue=jobs.send)
        written = SlackCards(outbox, slack, audit_channel=self.catalog.channels.audit, draw=chart)
        cards = CardsInViews(
            CardsAtHome(written, directory), Screens(slack), [cluster.name for cluster in self.catalog.clusters]
        )
        board, language = SlackNoticeboard(outbox, slack, week_chart), self.catalog.language
        stage = Stage(
            catalog=self.catalog,
            operations=RedisOperations(redis, time_, enqueue=jobs.enqueue),
            locks=RedisLocks(redis),
            cluster=self._with_git(),
            metrics=PrometheusMetrics(self.catalog),
            watches=RedisWatches(redis),
            freezes=RedisFreezes(redis, time_),
            auditlog=RedisAuditLog(redis),
            cards=SpokenCards(cards, language),
            directory=directory,
            time=time_,
            incidents=RedisIncidents(redis, time_, enqueue=jobs.incident),
            incident_cards=SpokenIncidentCards(SlackIncidentCards(outbox, slack, draw=draw), language),
            prover=HttpProver(RedisProofs(redis)),
            whispers=SlackWhispers(outbox),
            newsroom=Newsroom(RedisSlots(redis), RedisDeeds(redis), SpokenNoticeboard(board, self.catalog)),
            asks_git=self.asks_git,
        )
        return ports.watched(stage)

    def _with_git(self) -> GitCluster | KubernetesCluster:
        """Return the clusters, behind the repositories where there are any."""
        if not self.catalog.repositories:
            return self.cluster
        proxies = Proxies(self.environment.https_proxy, self.environment.no_proxy)
        return GitCluster(
            self.cluster, self.catalog, connect=lambda repository: Remote(repository, proxies), asks=self.asks_git
        )


def make_workshop(environment: Environment, catalog: Catalog, *, asks_git: bool = True) -> Workshop:
    """Build what a worker is made of; calls nobody. Without `asks_git` it is one that never waits for a Git server."""
    clients = {
        cluster.name: KubernetesClient.of(cluster, kubeconfig=environment.kubeconfig) for cluster in catalog.clusters
    }
    namespaces = {cluster.name: cluster.route_namespaces for cluster in catalog.clusters}
    return Workshop(environment, catalog, clients, KubernetesCluster(clients, route_namespaces=namespaces), asks_git)


@dataclass(frozen=True)
class Renewal:
    """Gives each job the stage of the configuration of the moment: one whole one, never half of two."""

    environment: Environment
    configuration: CatalogFile
    wear: Wear

    def __call__(self, stage: Stage) -> Stage:
        """Return `stage`, or one of the catalog that took its place.

        What was made of the clusters, services and channels is made anew where they changed. The old connections and
        watches live as long as the process, so that makes room for a fresh one after this job.
        """
        catalog = self.configuration.current()
        if catalog is stage.catalog:
            return stage
        if _made_of(catalog) == _made_of(stage.catalog):
            return replace(stage, catalog=catalog)
        self.wear.retire("clusters, services or channels are configured otherwise now")
        return make_workshop(self.environment, catalog, asks_git=stage.asks_git).open_stage()


def _made_of(catalog: Catalog) -> tuple[object, ...]:
    """Return what adapters keep of a catalog from when they were made."""
    told = [(digest.name, digest.language) for digest in catalog.digests]
    made_of = (catalog.clusters, catalog.services, catalog.channels, catalog.repositories)
    return (*made_of, catalog.language, told)


def prepare(
    workshop: Workshop, *, renew: Callable[[Stage], Stage] | None = None, idle: bool = False
) -> Callable[[], None]:
    """Return what a worker does before its first job: install its stage, learn what the clusters serve, watch them.

    That opens connections to each of them, so that the first job finds them open. It starts threads, so nothing may
    fork afterwards. One that is to be `idle`, for want of work, asks no cluster of anything.
    """

    def run() -> None:
        hand_on = JobQueue(patient(workshop.environment.redis)).hand_on
        install(workshop.open_stage(), renew=renew, hand_on=hand_on)
        if idle:
            return
        warming = threading.Thread(target=_warm, args=(workshop,), name="discovery", daemon=True)
        warming.start()
        warming.join(WARM_S)

    return run


def _slack(environment: Environment) -> WebClient:
    """Return a client of Slack whose token is read again where Slack takes it no longer."""

    def token_now() -> str:
        token = read_again("SLACK_BOT_TOKEN")
        hide([token])
        return token

    return counted(web_client(Bearer(environment.slack_bot_token, token_now), environment.slack_api_url))


def prepare_post(environment: Environment) -> Callable[[], None]:
    """Return what the worker that posts does before its first job: it needs Redis and Slack, and no cluster."""

    def run() -> None:
        redis, time_ = patient(environment.redis), SystemTime()
        jobs = JobQueue(redis)
        outbox = RedisOutbox(redis, time_, enqueue=jobs.send)
        slack = _slack(environment)
        calls = CallsAtHome(slack, SlackDirectory(slack, changes=RedisChanges(redis)))
        operations = RedisOperations(redis, time_, enqueue=jobs.enqueue)
        install_sender(
            Sender(ports.lanes(outbox), ports.locks(RedisLocks(redis)), calls, time_, lost=audited(operations))
        )

    return run


def audited(operations: Operations) -> Lost:
    """Return what puts each message that reached nobody into the audit log."""

    def lost(row: Row) -> None:
        lost_message(row.letter.key)
        try:
            operations.audit(facts.of_loss(row))
        except Unavailable as error:
            log.warning("%s reached nobody, perhaps not in the audit log: %s", row.letter.key, error.message)

    return lost


def accused(where: str | Where) -> Callable[[str], None]:
    """Return what puts a refused job into the audit log, one a minute: whoever forges one can forge thousands."""
    redis = patient(where)
    operations = RedisOperations(redis, SystemTime(), enqueue=JobQueue(redis).enqueue)

    def told(problem: str) -> None:
        try:
            note(operations, RedisBuckets(redis), facts.of_forgery(problem))
        except Unavailable as error:
            log.warning("a refused job is not in the audit log: %s", error.message)

    return told


def _warm(workshop: Workshop) -> None:
    try:
        workshop.cluster.discover()
    except (Unavailable, Refused) as error:
        # The first job that needs it asks again.
        log.warning("not asked beforehand what the clusters serve: %s", error.message)
    workshop.cluster.watch(workshop.clients)


def run_worker(environment: Environment, queues: Sequence[str]) -> None:
    """Run one process for each queue, replaced when it ends, until SIGTERM; each reads the environment when it starts.

    Without a configuration that can be read they wait for one: a worker that does not know the clusters would end as
    failed what was accepted already, also a rollback; in Redis it is safe meanwhile. Later the last good one stays, and
    new processes inherit it. Raises Refused naming what the environment lacks.
    """
    environment.need("SLACK_BOT_TOKEN")
    configuration = CatalogFile(environment.config_path, environment.prometheus_url)
    signs, port = Signs(queues), Port.open("worker", environment.metrics_port, several=True)
    begin_worker()
    seen = Seen(configuration.standing, lambda: quick(environment.redis))
    watchers = [Child("metrics", lambda _: worker_port(port, seen, signs))] if port.listener else []
    configuration.wait()
    signs.begin()
    supervise(queues, lambda queue: _work(configuration, queue, signs), tick=configuration.current, beside=watchers)


def _work(configuration: CatalogFile, queue: str, signs: Signs) -> None:
    environment, wear = read_environment(), Wear()
    hide(environment.secrets)
    OwnWorker.sign = staticmethod(signs.giver(queue))
    tracing.begin("worker", wanted=environment.traced)
    try:
        _work_on(configuration, queue, environment, wear)
    finally:
        tracing.end()


def _work_on(configuration: CatalogFile, queue: str, environment: Environment, wear: Wear) -> None:
    told = accused(environment.redis)
    if QUEUES[queue] == POST:
        work(environment.redis, queue, prepare_post(environment), wear, told=told)
        return
    asks_git = QUEUES[queue] == GIT
    workshop = make_workshop(environment, configuration.current(), asks_git=asks_git)
    # With the first repository a process takes its place: see `Renewal`.
    idle = asks_git and not workshop.catalog.repositories
    ready = prepare(workshop, renew=Renewal(environment, configuration, wear), idle=idle)
    work(environment.redis, queue, ready, wear, told=told)


@dataclass(frozen=True)
class _ConfiguredLooks:
    """Looks at the clusters of the configuration of the moment, as often as it says; at none while there is none."""

    looks: Looks
    configuration: CatalogFile

    def begin(self, now: float) -> None:
        """Enqueue the looks of this slot of time, once."""
        standing = self.configuration.standing()
        names = [cluster.name for cluster in standing.catalog.clusters] if standing.good else []
        self.looks.follow(names, every_s=standing.catalog.look_s)
        self.looks.begin(now)


@dataclass(frozen=True)
class _ConfiguredDigests:
    """Digests of the configuration of the moment."""

    digests: DueDigests
    configuration: CatalogFile

    def begin(self, now: float) -> None:
        """Enqueue what is due, once."""
        self.digests.follow(self.configuration.current().digests)
        self.digests.begin(now)


@dataclass
class _ConfigurationOnRecord:
    """Puts each change of the configuration into the audit log, once however many clocks there are.

    A log that takes nothing must not keep the clock from its work: it is tried again a little later.
    """

    told: RedisConfigured
    configuration: CatalogFile
    _seen: Standing | None = None
    _again_at: float = 0.0

    def begin(self, now: float) -> None:
        """Note what is in force, or wrong, where that is not what was noted last."""
        standing = self.configuration.standing()
        if standing is self._seen or now < self._again_at:
            return
        try:
            self.told.tell(facts.of_configuration(_in_short(standing), standing.seal))
        except Unavailable as error:
            log.warning("the audit log does not know of the configuration yet: %s", error.message)
            self._again_at = now + TELL_AGAIN_S
        else:
            self._seen = standing


def _in_short(standing: Standing) -> str:
    if standing.trouble:
        kept = "the last good one stays" if standing.good else "nobody may change traffic"
        return f"The configuration has mistakes, so {kept}: {standing.trouble.splitlines()[0]}"
    roles = ", ".join(role.name for role in standing.catalog.policy.roles) or "none, so nobody may change traffic"
    return f"A configuration is in force; its roles: {roles}"


def run_clock(environment: Environment) -> None:
    """Run the clock until SIGTERM; the configuration says which clusters are looked at, and how often.

    Without one nothing is looked at, and what is due is handed out all the same.
    """
    configuration = CatalogFile(environment.config_path, environment.prometheus_url)
    redis = quick(environment.redis)
    jobs = JobQueue(redis)
    looks = Looks(redis, [], every_s=configuration.current().look_s, enqueue=jobs.look)
    pending = Pending(redis, enqueue=jobs.enqueue)
    digests = DueDigests(redis, (), CronAlmanac(), slots=RedisSlots(redis), enqueue=jobs.digest)
    lanes = LanesDue(RedisOutbox(redis, SystemTime(), enqueue=jobs.send))
    operations = RedisOperations(redis, SystemTime(), enqueue=jobs.enqueue)
    noted = _ConfigurationOnRecord(RedisConfigured(redis, operations), configuration)
    others = (lanes, IncidentsDue(redis, enqueue=jobs.incident), _ConfiguredDigests(digests, configuration), noted)
    locks, looking = RedisLocks(redis, ttl_s=LEAD_S), _ConfiguredLooks(looks, configuration)
    ending = Ending(pending, partial(give_up, operations, SystemTime()))
    clock = Clock(ending, locks, SystemTime(), looks=looking, others=others)
    seen = Seen(configuration.standing, lambda: quick(environment.redis))
    clock_port(Port.open("clock", environment.metrics_port, several=False), seen, clock)
    run_until_signal(clock)
