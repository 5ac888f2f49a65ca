"""Label and field selectors."""

from __future__ import annotations

from typing import Any

import pytest

from playground.cluster.kinds import KINDS
from playground.cluster.selectors import selector
from playground.cluster.statuses import ApiError

POD = next(kind for kind in KINDS if kind.kind == "Pod")
ROUTE = next(kind for kind in KINDS if kind.kind == "VirtualService")
OBJ: dict[str, Any] = {
    "metadata": {"name": "a", "namespace": "n", "labels": {"app": "api", "example.com/tier": "web"}},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ("", True),
        ("app=api", True),
        ("app==api,example.com/tier=web", True),
        ("app!=api", False),
        ("other!=x", True),
        ("app in (x, api)", True),
        ("app notin (x,api),example.com/tier", False),
        ("missing notin (x)", True),
        ("!app", False),
        ("!missing,app", True),
    ],
)
def test_label_selectors(labels: str, wanted: bool) -> None:
    """Equality, sets and existence combine with commas, as kubectl -l writes them."""
    assert selector(ROUTE, labels, "")(OBJ) is wanted


@pytest.mark.parametrize("labels", ["app in api", "a b", "app=x y", ","])
def test_unreadable_label_selectors_are_400(labels: str) -> None:
    """A selector that cannot be read selects nothing quietly: it is refused."""
    with pytest.raises(ApiError) as refused:
        selector(ROUTE, labels, "")
    assert refused.value.code == 400


def test_field_selectors() -> None:
    """Custom resources know name and namespace only; built-in kinds know other fields too."""
    assert selector(ROUTE, "", "metadata.name=a,metadata.namespace!=x")(OBJ)
    assert not selector(ROUTE, "", "metadata.name=b")(OBJ)
    assert selector(POD, "", "status.phase=Running")(OBJ)
    with pytest.raises(ApiError, match=r"field label not supported: status.phase"):
        selector(ROUTE, "", "status.phase=Running")
