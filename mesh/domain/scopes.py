"""Which targets are meant by names and patterns: one way for roles, approval rules, freezes and digests. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

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
        """Tell whether something may be meant by both."""
        pairs = (
            (self.clusters, other.clusters),
            (self.namespaces, other.namespaces),
            (self.services, other.services),
        )
        return all(overlap(mine, theirs) for mine, theirs in pairs)

    def __str__(self) -> str:
        # No asterisk: chats take two of them for bold.
        parts = (self.clusters, self.namespaces, self.services)
        names = ["any" if "*" in part else ",".join(part).replace("*", "…") for part in parts]
        return "everything" if names == ["any"] * 3 else "/".join(names)


def fits(patterns: Iterable[str], name: str) -> bool:
    """Tell whether the name is one of these, or fits a pattern; `*` stands for any run of characters.

    The name `*`, which stands for all in a freeze's target, fits nothing but that pattern.
    """
    return any(name == pattern if name == "*" else fnmatchcase(name, pattern) for pattern in patterns)


def overlap(mine: Iterable[str], theirs: Sequence[str]) -> bool:
    """Tell whether some name fits one of these patterns and one of those."""
    return any(_may_overlap(one, other) for one in mine for other in theirs)


@lru_cache(maxsize=4096)
def _may_overlap(one: str, other: str) -> bool:
    """Tell whether some name fits both patterns; sets like `[ab]` are taken to fit anything."""
    if "[" in one + other:
        return True
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return _may_overlap(one[1:], other) or _may_overlap(one, other[1:])
    if other[0] == "*":
        return _may_overlap(other, one)
    return (one[0] == other[0] or "?" in (one[0], other[0])) and _may_overlap(one[1:], other[1:])
