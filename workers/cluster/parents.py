"""What the parents of a Gateway API route say of it (`status.parents`).

Each entry repeats the parentRef that it speaks of, and several controllers may speak of one parent (RouteParentStatus
in the Gateway API reference). A condition names the generation that it speaks of in `observedGeneration`, which every
controller must set; Linkerd's policy controller does not (issue 14964 of linkerd/linkerd2), calls the core group `core`
and leaves out the sectionName; others write 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mesh.domain.routes import Parent
from workers.cluster.routing import Object, ServiceName, namespace_of, spec, title

GROUP = "gateway.networking.k8s.io"


@dataclass(frozen=True)
class _Word:
    """One condition of one controller."""

    observed: int | None
    status: str
    reason: str
    why: str


def parents_of(obj: Object) -> tuple[Parent, ...]:
    """Return one Parent for each parentRef of the spec, in its order; what status says of other parents is left out.

    Where several controllers speak of one parent, those that speak of the newest generation, or name none, must all
    accept; a status of `Unknown` (reason Pending) counts as not having spoken yet.
    """
    namespace = namespace_of(obj)
    return tuple(_heard(_name(ref, namespace), list(_words(obj, ref, "Accepted"))) for ref in parent_refs(obj))


def parent_warnings(obj: Object, abroad: Iterable[str]) -> tuple[str, ...]:
    """Return one warning for each parent that does not accept the route, or that cannot resolve its backends.

    `abroad` are the other namespaces that the route's backends live in: each needs a ReferenceGrant.
    """
    refused = (_refusal(obj, parent) for parent in parents_of(obj) if not parent.accepted and parent.observed != 0)
    unresolved = (
        _unresolved(obj, ref, word, abroad)
        for ref in parent_refs(obj)
        for word in _words(obj, ref, "ResolvedRefs")
        if word.status == "False"
    )
    return tuple(dict.fromkeys((*refused, *unresolved)))


def unpermitted(obj: Object) -> str:
    """Return why a parent may not refer to some backend of another namespace; empty where none says so."""
    words = (word for ref in parent_refs(obj) for word in _words(obj, ref, "ResolvedRefs"))
    return next((word.why for word in words if (word.status, word.reason) == ("False", "RefNotPermitted")), "")


def parent_refs(obj: Object) -> list[Object]:
    """Return the parentRefs of the spec."""
    refs: list[Object] = spec(obj).get("parentRefs") or []
    return refs


def parent_service(ref: Object, namespace: str) -> ServiceName | None:
    """Return the Service that a parentRef of a route in `namespace` names; None for parents of another kind.

    An absent group means the Gateway API's own, which has no kind Service: the core group must be written.
    """
    group, kind, where, name = _identity(ref, namespace)
    return (name, where) if (group, kind) == ("", "Service") else None


def is_gateway(ref: Object) -> bool:
    """Tell whether a parentRef names a Gateway; it does where it says neither group nor kind."""
    return _identity(ref, "")[:2] == (GROUP, "Gateway")


def _identity(ref: Object, namespace: str) -> tuple[str, str, str, str]:
    """Return (group, kind, namespace, name) with the API's defaults; the core group is empty."""
    group, kind = ref.get("group", GROUP), ref.get("kind", "Gateway")
    return "" if group == "core" else group, kind, ref.get("namespace") or namespace, ref.get("name", "")


def _name(ref: Object, namespace: str) -> str:
    _, kind, where, name = _identity(ref, namespace)
    parts = [f"{word} {ref[key]}" for word, key in (("section", "sectionName"), ("port", "port")) if ref.get(key)]
    return " ".join((f"{kind} {where}/{name}", *parts))


def _words(obj: Object, ref: Object, kind: str) -> Iterator[_Word]:
    """Return what controllers say of one parentRef in conditions of one `kind`."""
    said: list[Object] = (obj.get("status") or {}).get("parents") or []
    for entry in said:
        if not _speaks_of(entry.get("parentRef") or {}, ref, namespace_of(obj)):
            continue
        for condition in entry.get("conditions") or []:
            if condition.get("type") == kind:
                reason = condition.get("reason", "")
                why = condition.get("message") or reason or "no reason given"
                # No object has the generation 0: whoever writes it has not looked.
                yield _Word(condition.get("observedGeneration") or None, condition.get("status", ""), reason, why)


def _speaks_of(said: Object, ref: Object, namespace: str) -> bool:
    """Tell whether an entry of the status is about a parentRef; one without a section is about all of the parent's."""
    if _identity(said, namespace) != _identity(ref, namespace):
        return False
    return all(not said.get(part) or said[part] == ref.get(part) for part in ("sectionName", "port"))


def _heard(name: str, words: list[_Word]) -> Parent:
    newest = max((word.observed for word in words if word.observed is not None), default=None)
    current = [word for word in words if word.observed in (None, newest)]
    refusing = [word for word in current if word.status == "False"]
    if refusing:
        observed = None if any(word.observed is None for word in refusing) else newest
        return Parent(name, observed=observed, why=refusing[0].why)
    undecided = [word for word in current if word.status != "True"]
    if undecided or not current:
        return Parent(name, why=undecided[0].why if undecided else "")
    return Parent(name, observed=newest, accepted=True)


def _refusal(obj: Object, parent: Parent) -> str:
    generation = obj["metadata"].get("generation", 0)
    old = " (said before the last change)" if parent.observed is not None and parent.observed < generation else ""
    return f"{title(obj)} is not accepted by {parent.name}: {parent.why}{old}"


def _unresolved(obj: Object, ref: Object, word: _Word, abroad: Iterable[str]) -> str:
    said = f"{title(obj)} has backends that {_name(ref, namespace_of(obj))} cannot resolve, so their requests fail: "
    if word.reason != "RefNotPermitted":
        return said + word.why
    where = " and ".join(sorted(abroad)) or "the backend"
    return (
        f"{said}{word.why}. Add a ReferenceGrant to namespace {where} that lets every {obj['kind']} of namespace "
        f"{namespace_of(obj)} refer to its Services."
    )
