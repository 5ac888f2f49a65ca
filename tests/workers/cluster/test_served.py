"""Discovery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workers.cluster.served import discover
from workers.cluster.subsets import DESTINATION_RULE
from workers.cluster.trafficsplit import TRAFFIC_SPLIT
from workers.cluster.virtualservice import VIRTUAL_SERVICE

Ask = Callable[[str], dict[str, Any] | None]


def asking(pages: dict[str, Any]) -> Ask:
    """Return an `ask` that knows these pages."""

    def ask(path: str) -> dict[str, Any] | None:
        return pages.get(path)

    return ask


def server(**groups: dict[str, list[str]]) -> Ask:
    """Return an `ask` for groups of {version: plurals}; `__` in a name stands for a dot."""
    named = {name.replace("__", "."): versions for name, versions in groups.items()}
    pages: dict[str, Any] = {
        "/apis": {"groups": [{"name": name, "versions": [{"version": v} for v in vs]} for name, vs in named.items()]}
    }
    for name, versions in named.items():
        for version, plurals in versions.items():
            pages[f"/apis/{name}/{version}"] = {"resources": [{"name": plural} for plural in plurals]}
    return asking(pages)


def test_the_preferred_version_that_serves_the_kind_is_taken() -> None:
    """A version of the group that lacks the kind is passed over."""
    ask = server(networking__istio__io={"v1alpha3": ["virtualservices"], "v1beta1": ["virtualservices"], "v1": ["x"]})
    found = discover(ask).resource(VIRTUAL_SERVICE)
    assert found is not None
    assert found.path("shop", "api-vs") == "/apis/networking.istio.io/v1beta1/namespaces/shop/virtualservices/api-vs"


def test_the_newest_smi_version_is_taken() -> None:
    """v1alpha4 comes before v1alpha2, and versions nobody knows are left alone."""
    ask = server(split__smi_spec__io={})
    assert discover(ask).resource(TRAFFIC_SPLIT) is None
    pages: dict[str, Any] = {
        "/apis": {
            "groups": [{"name": "split.smi-spec.io", "versions": [{"version": f"v1alpha{n}"} for n in (2, 4, 9)]}]
        }
    } | {f"/apis/split.smi-spec.io/v1alpha{n}": {"resources": [{"name": "trafficsplits"}]} for n in (2, 4, 9)}
    found = discover(asking(pages)).resource(TRAFFIC_SPLIT)
    assert found is not None
    assert found.version == "v1alpha4"


def test_what_is_not_served_is_none() -> None:
    """A cluster without any mesh serves nothing of ours."""
    assert discover(server(apps={"v1": ["deployments"]})).resource(DESTINATION_RULE) is None
    assert discover(lambda _: None).resource(DESTINATION_RULE) is None
