"""The errors of the API, worded as kube-apiserver words them (k8s.io/apimachinery/pkg/api/errors)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playground.cluster.kinds import Kind

GENERIC_INVALID = "the server rejected our request due to an error in our request"


@dataclass(frozen=True)
class Cause:
    """One complaint about one field."""

    field: str
    """Path of the field, e.g. spec.http[0].weight; <nil> when it is about none."""
    message: str
    """What people read; begins with words such as "Required value"."""
    reason: str
    """What programs read, without its prefix FieldValue."""

    def body(self) -> dict[str, str]:
        """Return it as it stands in details.causes."""
        return {"reason": f"FieldValue{self.reason}", "message": self.message, "field": self.field}


_REASONS = {"Required": "Required", "Unsupported": "NotSupported", "Forbidden": "Forbidden"}


class ApiError(Exception):
    """A refusal of the API: HTTP status `code`, machine word `reason`, and a message for people."""

    def __init__(self, code: int, reason: str, message: str, *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})

    def body(self) -> dict[str, Any]:
        """Return the `kind: Status` object that answers the request; one without a reason has none to tell."""
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


class NoSuchPage(Exception):
    """404 in plain text: what a real server answers where neither a built-in group nor a definition is in charge."""

    text = "404 page not found\n"


def already_exists(kind: Kind, name: str) -> ApiError:
    """Return 409: create found an object of that name."""
    return ApiError(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', details=_about(kind, name))


def conflict(kind: Kind, name: str, why: str = "") -> ApiError:
    """Return 409: the object changed since the caller read it (or `why`)."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, details=_about(kind, name))


def precondition_failed(kind: Kind, name: str, why: str) -> ApiError:
    """Return 409: a delete asked for another object than the one that is there."""
    message = f'Operation cannot be fulfilled on {_shown(kind)} "{name}": {why}'
    return ApiError(409, "Conflict", message, details=_about(kind, name) | {"kind": kind.kind})


def apply_conflict(found: Sequence[tuple[str, str, str]]) -> ApiError:
    """Return 409 for a server-side apply; `found` holds (manager, apiVersion, field) for each contested field."""
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}" using {version}', "field": field}
        for manager, version, field in found
    ]
    message = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    if len(causes) > 1:
        fields: dict[str, list[str]] = {}
        for manager, version, field in found:
            fields.setdefault(f'conflicts with "{manager}" using {version}:', []).append(f"- {field}")
        listed = "\n".join("\n".join([whom, *lines]) for whom, lines in fields.items())
        message = f"Apply failed with {len(causes)} conflicts: {listed}"
    return ApiError(409, "Conflict", message, details={"causes": causes})


def bad_request(message: str) -> ApiError:
    """Return 400: the request itself is wrong."""
    return ApiError(400, "BadRequest", message)


def server_error(message: str) -> ApiError:
    """Return 500 without a reason, which is what a real server says where nobody thought of the case."""
    return ApiError(500, "", message)


def _shown(kind: Kind) -> str:
    return f"{kind.kind}.{kind.group}" if kind.group else kind.kind


def invalid(kind: Kind, name: str, causes: Sequence[Cause], *, called: str = "") -> ApiError:
    """Return 422: fields are wrong, each told once in the message; `called` is the kind the object said it was."""
    what = called or kind.kind
    shown = f"{what}.{kind.group}" if kind.group else what
    told = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    listed = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    details = _about(kind, name) | {"kind": what, "causes": [cause.body() for cause in causes]}
    return ApiError(422, "Invalid", f'{shown} "{name}" is invalid: {listed}', details=details)


def unreadable(patched: str, why: str) -> ApiError:
    """Return 422: a patch made what cannot be decoded; `patched` is that, as JSON."""
    cause = Cause("patch", f"Invalid value: {patched}: {why}", "Invalid")
    return ApiError(422, "Invalid", f' "" is invalid: patch: {cause.message}', details={"causes": [cause.body()]})


def invalid_option(options: str, field: str, why: str) -> ApiError:
    """Return 422: a query parameter is wrong; `options` names the option object, e.g. PatchOptions."""
    message = f'{options}.meta.k8s.io "" is invalid: {field}: {why}'
    reason = _REASONS.get(why.split(" ", maxsplit=1)[0].rstrip(":"), "Invalid")
    details = {"group": "meta.k8s.io", "kind": options, "causes": [Cause(field, why, reason).body()]}
    return ApiError(422, "Invalid", message, details=details)


def patch_failed() -> ApiError:
    """Return 422: a JSON patch did not fit. The real server says nothing about which operation failed, so nor do we."""
    return ApiError(422, "Invalid", GENERIC_INVALID)


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    """Return 415: this kind does not take that type of patch."""
    listed = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {listed}"
    return ApiError(415, "UnsupportedMediaType", message)


def too_many_operations(count: int, most: int) -> ApiError:
    """Return 413: the JSON patch is too long."""
    why = f"The allowed maximum operations in a JSON patch is {most}, got {count}"
    return ApiError(413, "RequestEntityTooLarge", f"Request entity too large: {why}")


def too_large_version(asked: int, current: int) -> ApiError:
    """Return 504: a list was asked for at a resourceVersion that is still to come."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return ApiError(504, "Timeout", message, details={"causes": [cause], "retryAfterSeconds": 1})


def method_not_allowed(kind: Kind | None = None, verb: str = "") -> ApiError:
    """Return 405: the path exists, the method does not; a custom kind is named, with the verb it does not know."""
    if kind is not None and not kind.builtin:
        message = f'{verb} is not supported on resources of kind "{kind.qualified}"'
        return ApiError(405, "MethodNotAllowed", message, details={"group": kind.group, "kind": kind.plural})
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def expired(asked: int, floor: int) -> ApiError:
    """Return 410: events after `asked` are no longer kept; list again and watch from there."""
    return ApiError(410, "Expired", f"too old resource version: {asked} ({floor})")
