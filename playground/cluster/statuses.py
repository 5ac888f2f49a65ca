"""The errors of the API, worded as kube-apiserver words them (k8s.io/apimachinery/pkg/api/errors)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from playground.cluster.kinds import Kind

GENERIC_INVALID = "the server rejected our request due to an error in our request"


class ApiError(Exception):
    """A refusal of the API: HTTP status `code`, machine word `reason`, and a message for people."""

    def __init__(self, code: int, reason: str, message: str, *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})

    def body(self) -> dict[str, Any]:
        """Return the `kind: Status` object that answers the request."""
        head: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        shown = {"message": self.message, "reason": self.reason, "details": self.details, "code": self.code}
        return head | {key: value for key, value in shown.items() if value}


def _about(kind: Kind, name: str) -> dict[str, Any]:
    details = {"name": name, "group": kind.group, "kind": kind.plural}
    return {key: value for key, value in details.items() if value}


def not_found(kind: Kind, name: str) -> ApiError:
    """Return 404: there is no object of that name."""
    return ApiError(404, "NotFound", f'{kind.qualified} "{name}" not found', details=_about(kind, name))


def no_such_path() -> ApiError:
    """Return 404: the path is none of this API's."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def already_exists(kind: Kind, name: str) -> ApiError:
    """Return 409: create found an object of that name."""
    return ApiError(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', details=_about(kind, name))


def conflict(kind: Kind, name: str, why: str = "") -> ApiError:
    """Return 409: the object changed since the caller read it (or `why`)."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, details=_about(kind, name))


def apply_conflict(found: Sequence[tuple[str, str, str]]) -> ApiError:
    """Return 409 for a server-side apply; `found` holds (manager, apiVersion, field) for each contested field."""
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}" using {version}', "field": field}
        for manager, version, field in found
    ]
    listed = "\n".join(f"- {cause['message']}: {cause['field']}" for cause in causes)
    if len(causes) == 1:
        listed = f"{causes[0]['message']}: {causes[0]['field']}"
    plural = "conflict" if len(causes) == 1 else "conflicts"
    joint = " " if len(causes) == 1 else "\n"
    message = f"Apply failed with {len(causes)} {plural}:{joint}{listed}"
    return ApiError(409, "Conflict", message, details={"causes": causes})


def bad_request(message: str) -> ApiError:
    """Return 400: the request itself is wrong."""
    return ApiError(400, "BadRequest", message)


def invalid(kind: Kind, name: str, field: str, why: str) -> ApiError:
    """Return 422: one field of the object is wrong; `why` starts with a word such as "Required value"."""
    cause = {"reason": f"FieldValue{why.split(' ', maxsplit=1)[0]}", "message": why, "field": field}
    shown = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    details = _about(kind, name) | {"kind": kind.kind, "causes": [cause]}
    return ApiError(422, "Invalid", f'{shown} "{name}" is invalid: {field}: {why}', details=details)


def invalid_option(options: str, field: str, why: str) -> ApiError:
    """Return 422: a query parameter is wrong; `options` names the option object, e.g. PatchOptions."""
    message = f'{options}.meta.k8s.io "" is invalid: {field}: {why}'
    return ApiError(422, "Invalid", message, details={"group": "meta.k8s.io", "kind": options})


def patch_failed() -> ApiError:
    """Return 422: a JSON patch did not fit. The real server says nothing about which operation failed, so nor do we."""
    return ApiError(422, "Invalid", GENERIC_INVALID)


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    """Return 415: this kind does not take that type of patch."""
    listed = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {listed}"
    return ApiError(415, "UnsupportedMediaType", message)


def method_not_allowed() -> ApiError:
    """Return 405: the path exists, the method does not."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def expired(asked: int, floor: int) -> ApiError:
    """Return 410: events after `asked` are no longer kept; list again and watch from there."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({floor})")
