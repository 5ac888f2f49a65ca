"""Reads request paths: /api/v1/… and /apis/GROUP/VERSION/… into what they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from playground.cluster.kinds import Kind
from playground.cluster.metadata import Ref
from playground.cluster.statuses import NoSuchPage, no_such_path, not_found


@dataclass(frozen=True)
class Target:
    """What a resource path names."""

    kind: Kind
    """Its row in the table."""
    version: str
    """The API version spoken, without the group."""
    namespace: str
    """"" for all namespaces, or for a kind without."""
    name: str
    """"" for the collection."""
    status: bool
    """True for the /status subresource."""

    @property
    def ref(self) -> Ref:
        """The object named."""
        return Ref(self.kind, self.namespace, self.name)


def parse(kinds: Sequence[Kind], raw_path: str) -> Target:
    """Return the target of a percent-encoded path.

    For what is not served here: ApiError 404 in the groups that are built in, NoSuchPage anywhere else.
    """
    parts = [unquote(part) for part in raw_path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        return _target(kinds, ("", parts[1]), parts[2:])
    if parts[:1] == ["apis"] and len(parts) > 3:
        return _target(kinds, (parts[1], parts[2]), parts[3:])
    raise nothing_at(kinds, parts)


def nothing_at(kinds: Sequence[Kind], parts: Sequence[str]) -> Exception:
    """Return the error for a path, given as its parts, that names nothing served here."""
    group = "" if parts[:1] == ["api"] else parts[1] if parts[:1] == ["apis"] and len(parts) > 1 else None
    in_charge = any(kind.builtin and kind.group == group for kind in kinds)
    return no_such_path() if in_charge and len(parts) > 1 and parts != ["apis", group] else NoSuchPage()


def _target(kinds: Sequence[Kind], group_version: tuple[str, str], rest: list[str]) -> Target:
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] != "status":
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource, *more = [*rest, "", ""][: max(3, len(rest))]
    kind = _find(kinds, group_version, plural)
    if not _sensible(kind, namespace, name):
        raise nothing_at(kinds, ["apis", *group_version, *rest] if kind.group else ["api", *rest])
    if more or (subresource and not (subresource == "status" and kind.status)):
        raise no_such_path() if kind.builtin else not_found(kind, name)
    return Target(kind, group_version[1], namespace, name, subresource == "status")


def _find(kinds: Sequence[Kind], group_version: tuple[str, str], plural: str) -> Kind:
    group, version = group_version
    for kind in kinds:
        if (kind.group, kind.plural) == (group, plural) and version in kind.versions:
            return kind
    raise nothing_at(kinds, ["apis", group, version, plural] if group else ["api", version, plural])


def _sensible(kind: Kind, namespace: str, name: str) -> bool:
    return (bool(namespace) or not name) if kind.namespaced else not namespace
