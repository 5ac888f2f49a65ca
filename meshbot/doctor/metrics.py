"""What the doctor asks metrics servers: whether they answer, and whether they know the services' requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mesh.domain.catalog import Catalog, Cluster, MetricsServer
from mesh.domain.commands import Target
from mesh.domain.errors import MeshbotError
from mesh.domain.measures import Measured, Subject
from mesh.ports import Cluster as Routes
from mesh.ports import Metrics
from meshbot.findings import Finding
from workers.metrics.prometheus import Prometheus, Question
from workers.metrics.trouble import Trouble

WINDOW_S = 300.0
MOST_NAMED = 6


def server(what: str, url: str, settings: MetricsServer) -> Iterator[Finding]:
    """Yield whether one server answers, and scrapes anything."""
    prometheus = Prometheus(url, settings)
    try:
        rows = prometheus.rows(Question("count(up)"), timeout_s=settings.timeout_s)
    except Trouble as trouble:
        yield Finding("fail", what, str(trouble), "Check its address, and that this machine reaches it.")
        return
    finally:
        prometheus.close()
    if not rows:
        text = "answers, but knows no `up` of any target, and without it the first failures of a pod are not counted"
        yield Finding("warn", what, text, "Check its targets.")
        return
    yield Finding("ok", what, f"answers, scrapes {rows[0][1]:.0f} targets")


def nowhere(what: str, cluster: Cluster) -> Finding:
    """Say what it means that a cluster has no metrics server."""
    text = "no Prometheus is configured, so every gate is unknown and nothing is promoted"
    return Finding("warn", what, text, f"Set PROMETHEUS_URL, or clusters.{cluster.name}.prometheus.")


def series(what: str, catalog: Catalog, cluster: Cluster, routes: Routes, metrics: Metrics) -> Iterator[Finding]:
    """Yield which configured services have no route, or no requests that gates could judge: by their own queries."""
    own = [one for one in catalog.services if (one.cluster or catalog.clusters[0].name) == cluster.name]
    targets = [Target(cluster.name, one.namespace or cluster.namespace, one.name) for one in own]
    if not targets:
        return
    try:
        surveyed = routes.survey(cluster.name, namespaces=sorted({one.namespace for one in targets}), also=targets)
    except MeshbotError as error:
        text = f"cannot tell whether its services are measured: {error.message}"
        yield Finding("warn", what, text, error.hint)
        return
    found = {one.target: one.routes for one in surveyed}
    lost = [one.service for one in targets if not found.get(one)]
    if lost:
        todo = "Write a route for each, or take them out of `services`: docs/routes.md."
        yield Finding("warn", what, f"no route carries weights for {_short(lost)}", todo)
    subjects = [Subject.of(one, route) for one in targets for route in found.get(one, ())[:1]]
    if subjects:
        answers = metrics.measure(cluster.name, subjects, until=0, seconds=WINDOW_S)
        yield from _measured(what, catalog, list(zip(subjects, answers, strict=True)))


def _measured(what: str, catalog: Catalog, said: Sequence[tuple[Subject, Measured]]) -> Iterator[Finding]:
    if problem := said[0][1].problem:
        yield Finding("fail", what, f"gates cannot be judged: {problem}", "Mend that first.")
        return
    for subject, answer in said:
        for arm, why in answer.problems.items():
            text = f"nothing can be told of {arm} of {subject.target.service}: {why}"
            yield Finding("warn", what, text, "See docs/gates.md.")
    silent = [subject.target.service for subject, answer in said if answer.age_s is None]
    old = [text for subject, answer in said if (text := _old(catalog, subject, answer))]
    if silent:
        todo = "Is the mesh's sidecar injected, does it have traffic, and are proxies scraped? See docs/gates.md."
        yield Finding("warn", what, f"no proxy speaks of {_short(silent)}, so gates there are unknown", todo)
    if old:
        yield Finding("warn", what, f"the newest sample is old for {_short(old)}", "Look at the targets' scrapes.")
    if not (silent or old):
        yield Finding("ok", what, f"the requests of all {len(said)} services with a route are known")


def _old(catalog: Catalog, subject: Subject, answer: Measured) -> str:
    most = catalog.service(subject.target).limits.max_age_s
    return f"{subject.target.service} ({answer.age_s:.0f} s)" if answer.age_s and answer.age_s > most else ""


def _short(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")
