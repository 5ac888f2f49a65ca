"""The configuration file: read and checked whole, every mistake named with its line, then made a `Catalog`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from mesh.domain.catalog import Catalog, Channels, Cluster, Flood, Service
from mesh.domain.errors import Refused
from mesh.domain.hours import read_hours
from mesh.domain.matching import closest
from mesh.domain.policy import Policy, Role
from settings import approvals, clusters, digests, freezes, gates, incidents, repositories, rollouts, stepups
from settings.forms import scope_of
from settings.lines import Document, Path, Problem, dotted, read_lines
from settings.schema import ConfigFile, RoleSection, ServiceSection, section_at

MAX_BYTES = 1_048_576

_PLAIN = {
    "model_type": "should hold keys and values, indented below it",
    "dict_type": "should hold keys and values, indented below it",
    "list_type": "should be a list: [one, two]",
    "string_type": "should be text; put it in quotes",
    "string_pattern_mismatch": "does not have the right form",
}
"""Findings of the schema library in the words of somebody who writes YAML."""


class Misconfigured(Refused):
    """The configuration file has mistakes; `problems` has them all."""

    def __init__(self, path: str, problems: tuple[Problem, ...]) -> None:
        """Say every problem as `path:line: key: what`, one a line."""
        self.problems = problems
        super().__init__(
            "\n".join(f"{path}:{problem.line}: {problem}" for problem in problems),
            hint=f"Correct the file, then run: meshbot config check {path}",
        )


def read_catalog(path: str | None, *, prometheus_url: str = "") -> Catalog:
    """Read the configuration; no path, or an empty file, gives reading only.

    `prometheus_url` is used when there is one cluster and it names none. Raises Misconfigured with every mistake, and
    Refused when the file cannot be read: a configuration with mistakes must never be used in part.
    """
    config = _checked(path) if path else ConfigFile()
    return catalog(config, prometheus_url=prometheus_url)


def catalog(config: ConfigFile, *, prometheus_url: str = "") -> Catalog:
    """Turn a checked file into the values that the rules work with."""
    known = tuple(clusters.cluster_of(name, section) for name, section in config.clusters.items())
    known = known or (Cluster("default"),)
    if len(known) == 1 and prometheus_url and not known[0].prometheus.urls:
        known = (replace(known[0], prometheus=replace(known[0].prometheus, urls=(prometheus_url,))),)
    return Catalog(
        clusters=known,
        services=tuple(_service(name, section) for name, section in config.services.items()),
        channels=Channels(audit=config.channels.audit or "", incidents=config.channels.incidents or ""),
        policy=Policy(tuple(_role(name, section) for name, section in config.policy.roles.items())),
        approvals=tuple(approvals.rule_of(name, section) for name, section in config.policy.approvals.items()),
        break_glass=approvals.break_glass_of(config.policy.break_glass),
        step_up=stepups.step_up_of(config.policy.step_up),
        people=tuple(tuple(ids) for ids in config.people.values()),
        strategies={name: rollouts.strategy_of(section) for name, section in config.rollouts.strategies.items()},
        freezes=tuple(freezes.closure_of(section) for section in config.freezes),
        flood=Flood(**config.flood.model_dump()),
        look_s=float(config.rollouts.look),
        alerting=incidents.alerting_of(config.incidents),
        digests=tuple(digests.digest_of(section) for section in config.digests),
        language=config.slack.language,
        repositories=tuple(repositories.repository_of(name, one) for name, one in config.repositories.items()),
    )


def _service(name: str, section: ServiceSection) -> Service:
    words = ("cluster", "namespace", "stable", "canary", "route", "mesh", "strategy", "incident_channel")
    said: dict[str, Any] = {word: getattr(section, word) or "" for word in words}
    said |= {"in_git": repositories.in_git_of(section.in_git)}
    said |= {"git": section.git, "incidents": section.incidents, "approvals": section.channels.approvals or ""}
    return Service(section.service or name, limits=gates.limits_of(section.gates), **said)


def _role(name: str, section: RoleSection) -> Role:
    given: dict[str, Any] = {
        key: tuple(found) if isinstance(found, list) else found for key, found in section.model_dump().items()
    }
    for part in ("clusters", "namespaces", "services"):
        del given[part]
    hours = tuple(read_hours(text) for text in given.pop("hours"))
    return Role(name, verbs=given.pop("may"), scope=scope_of(section), hours=hours, **given)


def _checked(path: str) -> ConfigFile:
    document = read_lines(_text(path))
    problems = list(document.problems)
    config = ConfigFile()
    if document.data is not None:
        try:
            config = ConfigFile.model_validate(document.data)
            problems += [Problem(document.line(place), dotted(place), text) for place, text in _disagreements(config)]
        except ValidationError as error:
            problems += [_problem(details, document) for details in error.errors()]
    if problems:
        raise Misconfigured(path, tuple(sorted(problems, key=lambda problem: problem.line)))
    return config


def _text(path: str) -> str:
    try:
        with FilePath(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise Refused(f"{path} is larger than {MAX_BYTES} bytes.", hint="Is it the configuration file?")
        return content.decode("utf-8")
    except OSError as error:
        raise Refused(
            f"The configuration file {path} cannot be read: {error.strerror}.",
            hint="Set MESHBOT_CONFIG to a file that this user may read, or unset it to read only.",
        ) from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not UTF-8 text.", hint="Save it as UTF-8.") from error


def _problem(details: ErrorDetails, document: Document) -> Problem:
    """Turn one finding of the schema into a problem with its line."""
    path: Path = tuple(part for part in details["loc"] if part != "[key]")
    return Problem(document.line(path), dotted(path), _words(details, path))


def _words(details: ErrorDetails, path: Path) -> str:
    if details["type"] == "extra_forbidden":
        return _unknown(path)
    if details["type"] == "missing":
        return f"missing; {_meaning(path)}"
    if details["type"] == "value_error":
        return details["msg"].removeprefix("Value error, ")
    text = _PLAIN.get(details["type"]) or details["msg"].removeprefix("Input ").removeprefix("String ")
    return "; ".join(filter(None, (text, _meaning(path))))


def _unknown(path: Path) -> str:
    section = section_at(path[:-1])
    known = tuple(section.model_fields) if section else ()
    near = closest(str(path[-1]), known)
    hint = f"did you mean `{near}`?" if near else f"here may be: {', '.join(known)}"
    return f"unknown key `{path[-1]}`; {hint}"


def _meaning(path: Path) -> str:
    """Return what the nearest key of the schema at or above `path` means."""
    while path:
        section = section_at(path[:-1])
        field = section.model_fields.get(str(path[-1])) if section else None
        if field:
            return f"expected: {field.description}"
        path = path[:-1]
    return ""


def _disagreements(config: ConfigFile) -> Iterator[tuple[Path, str]]:
    """Find what is well formed, but does not fit the rest of the file."""
    yield from clusters.contradictions(config.clusters)
    yield from _of_services(config)
    places: dict[Path, Any] = {("services", name, "in_git"): one.in_git for name, one in config.services.items()}
    places |= {("clusters", name, "in_git"): one.in_git for name, one in config.clusters.items()}
    yield from repositories.contradictions(config.repositories, places)
    yield from _of_roles(config)
    yield from _of_freezes(config)
    yield from _of_approvals(config)
    for name, strategy in config.rollouts.strategies.items():
        yield from _below(("rollouts", "strategies", name), rollouts.contradictions(strategy))
    yield from _below(("digests",), digests.contradictions(config.digests))
    yield from _shadows(config.services)


def _of_services(config: ConfigFile) -> Iterator[tuple[Path, str]]:
    strategies = ("default", *config.rollouts.strategies)
    for name, service in config.services.items():
        if service.cluster and service.cluster not in _clusters(config):
            yield ("services", name, "cluster"), _none_called("cluster", service.cluster, _clusters(config))
        if service.strategy and service.strategy not in strategies:
            yield ("services", name, "strategy"), _none_called("strategy", service.strategy, strategies)
        yield from _below(("services", name, "gates"), gates.contradictions(service.gates))


def _of_roles(config: ConfigFile) -> Iterator[tuple[Path, str]]:
    for name, role in config.policy.roles.items():
        if not role.users and not role.usergroups:
            yield ("policy", "roles", name), "names nobody; give it `users` or `usergroups`, or remove it"
        yield from _below(("policy", "roles", name), _unknown_clusters(config, role.clusters))


def _of_freezes(config: ConfigFile) -> Iterator[tuple[Path, str]]:
    seen: set[str] = set()
    for index, section in enumerate(config.freezes):
        found = [*freezes.contradictions(section), *_unknown_clusters(config, section.clusters)]
        if section.name in seen:
            found.append((("name",), f"another freeze is called `{section.name}`"))
        seen.add(section.name)
        yield from _below(("freezes", index), iter(found))


def _of_approvals(config: ConfigFile) -> Iterator[tuple[Path, str]]:
    yield from _below(("policy", "approvals"), approvals.contradictions(config.policy.approvals, config.people))
    for name, rule in config.policy.approvals.items():
        yield from _below(("policy", "approvals", name), _unknown_clusters(config, rule.clusters))
    yield from _below(("people",), approvals.doubled(config.people))
    if config.policy.step_up:
        yield from _below(("policy", "step_up"), _unknown_clusters(config, config.policy.step_up.clusters))


def _unknown_clusters(config: ConfigFile, patterns: list[str]) -> Iterator[tuple[Path, str]]:
    for index, cluster in enumerate(patterns):
        if not set(cluster) & set("*?[") and cluster not in _clusters(config):
            yield ("clusters", index), _none_called("cluster", cluster, _clusters(config))


def _clusters(config: ConfigFile) -> tuple[str, ...]:
    return tuple(config.clusters) or ("default",)


def _below(path: Path, found: Iterator[tuple[Path, str]]) -> Iterator[tuple[Path, str]]:
    return (((*path, *place), text) for place, text in found)


def _none_called(what: str, name: str, names: tuple[str, ...]) -> str:
    near = closest(name, names)
    return f"no {what} is called {name!r}; " + (f"did you mean {near}?" if near else f"there is {', '.join(names)}")


def _shadows(services: Mapping[str, ServiceSection]) -> Iterator[tuple[Path, str]]:
    """Find two entries that speak of the same service: the second would silently never be used."""
    for (first, one), (second, other) in combinations(services.items(), 2):
        same = (one.service or first) == (other.service or second)
        apart = any(
            mine and theirs and mine != theirs
            for mine, theirs in ((one.cluster, other.cluster), (one.namespace, other.namespace))
        )
        if same and not apart:
            yield (
                ("services", second),
                f"speaks of the same service as `{first}`; tell them apart by cluster or namespace",
            )
