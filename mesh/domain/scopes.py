"""Which targets are meant by names and patterns: one way for roles, approval rules, freezes and digests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from mesh.domain.commands import Target


@dataclass(frozen=True)
class Scope:
    """Which targets are meant: names, or patterns with `*` for any run of characters."""

    clusters: tuple[str, ...] = ("*",)
    namespaces: tuple[str, ...] = ("*",)
    services: tuple[str, ...] = ("*",)

    @classmethod
    def of(cls, target: Target) -> Scope:
        """Return the scope of a target whose parts may be `*`."""
        return cls((target.cluster,), (target.namespace,), (target.service,))

    def covers(self, target: Target) -> bool:
        """Tell whether the target is meant."""
        names = ((self.namespaces, target.namespace), (self.services, target.service))
        return self.covers_cluster(target.cluster) and all(fits(patterns, name) for patterns, name in names)

    def covers_cluster(self, cluster: str) -> bool:
        """Tell whether anything in the cluster may be meant."""
        return fits(self.clusters, cluster)

    def meets(self, other: Scope) -> bool:
        """Tell whether something may be meant by both; two patterns that only overlap are taken not to."""
        pairs = (
            (self.clusters, other.clusters),
            (self.namespaces, other.namespaces),
            (self.services, other.services),
        )
        return all(_may_meet(mine, theirs) for mine, theirs in pairs)

    def __str__(self) -> str:
        # No asterisk: chats take two of them for bold.
        parts = (self.clusters, self.namespaces, self.services)
        names = ["any" if "*" in part else ",".join(part).replace("*", "…") for part in parts]
        return "everything" if names == ["any"] * 3 else "/".join(names)


def fits(patterns: Iterable[str], name: str) -> bool:
    """Tell whether the name is one of these, or fits a pattern; `*` stands for any run of characters."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _may_meet(mine: Sequence[str], theirs: Sequence[str]) -> bool:
    return any(fits(theirs, one) for one in mine) or any(fits(mine, other) for other in theirs)
