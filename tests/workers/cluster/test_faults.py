"""What an API server's refusals mean."""

from __future__ import annotations

from typing import Any

import pytest

from mesh.domain.errors import Conflict, MeshbotError, Refused, Unavailable
from workers.cluster.faults import Asked, UnknownOutcome, fault, not_json, unreachable

PATCH = Asked("prod", "patch", "networking.istio.io", "virtualservices", "shop", "api-vs")
LIST = Asked("prod", "list", "networking.istio.io", "virtualservices", "shop")
# As kube-apiserver words them.
TEST_FAILED = {"reason": "Invalid", "message": "the server rejected our request due to an error in our request"}
NOT_VALID = {
    "reason": "Invalid",
    "message": 'VirtualService "api-vs" is invalid: spec.http[0].route[0].weight: Invalid value: -1',
    "details": {"name": "api-vs", "kind": "VirtualService", "causes": [{"field": "spec"}]},
}
NO_RIGHT = {
    "message": 'virtualservices.networking.istio.io "api-vs" is forbidden: User "system:serviceaccount:mesh:meshbot" '
    'cannot patch resource "virtualservices" in API group "networking.istio.io" in the namespace "shop"'
}
WEBHOOK = {"message": 'admission webhook "validation.istio.io" denied the request: total destination weight = 0'}


@pytest.mark.parametrize(
    ("asked", "status", "body", "kind"),
    [
        (PATCH, 409, {}, Conflict),
        (PATCH, 422, TEST_FAILED, Conflict),
        (PATCH, 422, TEST_FAILED | {"details": {}}, Conflict),
        (PATCH, 422, NOT_VALID, Refused),
        (PATCH, 400, WEBHOOK, Refused),
        (PATCH, 403, WEBHOOK, Refused),
        (PATCH, 403, NO_RIGHT, Refused),
        (LIST, 422, TEST_FAILED, Refused),
        (LIST, 401, {}, Unavailable),
        (LIST, 302, {}, Unavailable),
        (LIST, 429, {}, Unavailable),
        (LIST, 500, {}, Unavailable),
        (PATCH, 401, {}, Unavailable),
        (PATCH, 429, {}, Unavailable),
        (PATCH, 500, {"message": "etcdserver: request timed out"}, UnknownOutcome),
        (PATCH, 503, {}, UnknownOutcome),
        (PATCH, 504, {}, UnknownOutcome),
    ],
)
def test_each_answer_has_its_place_in_the_tree(
    asked: Asked, status: int, body: dict[str, Any], kind: type[MeshbotError]
) -> None:
    """The exact type decides what happens next, and every error says what to do."""
    error = fault(asked, status, body)
    assert type(error) is kind
    assert error.hint
    assert "prod" in error.message


def test_a_missing_right_comes_with_the_rule_to_add() -> None:
    """The hint can be pasted into the role."""
    error = fault(PATCH, 403, NO_RIGHT)
    assert "may not patch virtualservices in namespace shop" in error.message
    assert '{apiGroups: ["networking.istio.io"], resources: ["virtualservices"], verbs: ["patch"]}' in error.hint


def test_a_webhook_speaks_for_itself() -> None:
    """Admission is not mistaken for a missing right."""
    assert "total destination weight = 0" in fault(PATCH, 403, WEBHOOK).message


def test_only_a_patch_that_may_have_arrived_is_unknown() -> None:
    """A patch that was sent is unknown; one that never left, or a reading, is just unavailable."""
    assert type(unreachable(PATCH, "no answer within 5 s", sent=True)) is UnknownOutcome
    assert type(unreachable(PATCH, "refused", sent=False)) is Unavailable
    assert type(unreachable(LIST, "no answer within 5 s", sent=True)) is Unavailable
    assert type(not_json(PATCH)) is UnknownOutcome
    assert type(not_json(LIST)) is Unavailable
