"""What an API server's refusal means, in meshbot's error tree. Pure: status and body in, error out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mesh.domain.errors import Conflict, MeshbotError, Refused, Unavailable


class UnknownOutcome(Unavailable):
    """A patch was sent and nobody knows whether it was written: read the route again before anything else."""


@dataclass(frozen=True)
class Asked:
    """One request, as messages name it."""

    cluster: str
    verb: str
    """RBAC's word: `get`, `list`, `watch` or `patch`."""
    group: str = ""
    plural: str = ""
    namespace: str = ""
    """Empty for all of them."""
    name: str = ""

    @property
    def what(self) -> str:
        """The thing asked for, e.g. `virtualservices mesh-demo/api-vs`."""
        place = f"{self.namespace}/{self.name}" if self.name else self.namespace
        return " ".join(filter(None, (self.plural or "API discovery", place)))


def fault(asked: Asked, status: int, body: dict[str, Any]) -> MeshbotError:
    """Return the error for an answer that is neither success nor 404; `body` is the server's Status, or empty."""
    said = str(body.get("message") or f"HTTP status {status}")
    if status == 409 or (status == 422 and asked.verb == "patch" and is_unapplied(body)):
        return Conflict(
            f"{asked.what} changed in cluster {asked.cluster} after it was read; nothing was written.",
            hint="Look at it again and repeat the command.",
        )
    if status == 401:
        return Unavailable(
            f"Cluster {asked.cluster} does not accept meshbot's credentials.",
            hint="Renew the token of the service account, or the kubeconfig.",
        )
    if status == 403:
        return _forbidden(asked, said)
    if status in (400, 404, 405, 413, 415, 422):
        return Refused(
            f"Cluster {asked.cluster} refused {asked.what}: {said}", hint="Mend what it names, then try again."
        )
    return _down(asked, status, said)


def is_unapplied(body: dict[str, Any]) -> bool:
    """Tell a JSON patch that could not be applied (a failed `test`) from an object that is not valid: both are 422.

    kube-apiserver answers the first with a bare Status (applyJSPatch: NewGenericServerResponse without a resource,
    hence empty `details`); validation and admission name the object or its causes there.
    """
    details = body.get("details") or {}
    return not any(details.get(key) for key in ("name", "kind", "causes"))


def unreachable(asked: Asked, why: str, *, sent: bool, address: str = "") -> Unavailable:
    """Return the error for a server that gave no answer; `sent`: the request may have arrived."""
    message = f"Cluster {asked.cluster} did not answer{address and f' at {address}'}: {why}."
    if sent and asked.verb == "patch":
        return _unknown(asked, message)
    return Unavailable(message, hint="Check the API server's address, its certificate and the network, then try again.")


def not_json(asked: Asked) -> Unavailable:
    """Return the error for an answer that is no Kubernetes JSON."""
    message = f"What answers for cluster {asked.cluster} is not a Kubernetes API server."
    if asked.verb == "patch":
        return _unknown(asked, message)
    return Unavailable(
        message, hint="A proxy or login page stands before it: check the server address in the kubeconfig."
    )


def _forbidden(asked: Asked, said: str) -> Refused:
    # Admission (webhooks, policies) may answer 403 as well; its words are "denied the request" and "denied request".
    if asked.verb == "patch" and "denied" in said:
        return Refused(f"Cluster {asked.cluster} refused {asked.what}: {said}", hint="Ask whoever keeps that rule.")
    rule = f'{{apiGroups: ["{asked.group}"], resources: ["{asked.plural}"], verbs: ["{asked.verb}"]}}'
    where = f"namespace {asked.namespace}" if asked.namespace else "all namespaces"
    return Refused(
        f"meshbot may not {asked.verb} {asked.plural} in {where} of cluster {asked.cluster}.",
        hint=f"Add to its role: {rule} (the server said: {said})",
    )


def _down(asked: Asked, status: int, said: str) -> Unavailable:
    message = f"Cluster {asked.cluster} answered {status} for {asked.what}: {said}"
    # 429 is answered before any work; any 5xx may come after the write (an etcd or gateway timeout).
    if asked.verb == "patch" and status >= 500:
        return _unknown(asked, message)
    return Unavailable(message, hint="Look at the API server's health, then try again.")


def _unknown(asked: Asked, message: str) -> UnknownOutcome:
    return UnknownOutcome(
        f"{message} Whether the patch of {asked.what} was written is not known.",
        hint="Look at the route's status before trying again.",
    )
