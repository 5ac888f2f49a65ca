"""The Python `kubernetes` client against the stand-in cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from kubernetes import client, config, watch
from yaml import safe_load

from playground.cluster.kubeconfig import kubeconfig_text
from playground.serving import ServerThread
from tests.playground.cluster.conftest import JSON_PATCH, Http

ISTIO: dict[str, Any] = {
    "group": "networking.istio.io",
    "version": "v1",
    "namespace": "mesh-demo",
    "plural": "virtualservices",
}


@pytest.fixture
def api(server: ServerThread) -> Iterator[client.ApiClient]:
    """Return a client configured by the kubeconfig text."""
    configuration, read = client.Configuration(), safe_load(kubeconfig_text(server.url))
    untyped: Any = config
    untyped.load_kube_config_from_dict(read, client_configuration=configuration)
    configuration.retries = False
    with client.ApiClient(configuration) as made:
        yield made


def stream_of(*arguments: Any, **options: Any) -> Any:
    """Watch through the client's Watch, which has no types."""
    untyped: Any = watch
    return untyped.Watch().stream(*arguments, **options)


def test_custom_objects_and_json_patch(api: client.ApiClient, http_: Http) -> None:
    """Get, list and a guarded JSON patch work, and a failed guard is UnprocessableEntity."""
    http_.load("istio-traffic.yaml")
    objects: Any = client.CustomObjectsApi(api)
    read = objects.get_namespaced_custom_object(**ISTIO, name="api-vs")
    patch = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": read["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 50},
    ]
    sent = {**ISTIO, "name": "api-vs", "body": patch, "_content_type": JSON_PATCH, "field_manager": "meshbot"}
    patched = objects.patch_namespaced_custom_object(**sent)
    assert "meshbot" in [entry["manager"] for entry in patched["metadata"]["managedFields"]]
    with pytest.raises(client.ApiException) as refused:
        objects.patch_namespaced_custom_object(**sent)
    assert refused.value.status == 422
    assert len(objects.list_namespaced_custom_object(**ISTIO)["items"]) == 1


def test_raw_calls(api: client.ApiClient, http_: Http) -> None:
    """param_serialize and call_api, the warm path, patch too."""
    http_.load("linkerd-split.yaml")
    path = "/apis/split.smi-spec.io/v1alpha2/namespaces/mesh-demo/trafficsplits/api-split"
    patch = [{"op": "replace", "path": "/spec/backends/0/weight", "value": 50}]
    request = api.param_serialize("PATCH", path, body=patch, header_params={"Content-Type": JSON_PATCH})
    assert api.call_api(*request, _request_timeout=(60, 60)).status == 200
    assert http_.do("GET", path).body["spec"]["backends"][0]["weight"] == 50


def test_typed_lists_and_watch(api: client.ApiClient, http_: Http) -> None:
    """Typed core and apps calls parse, and a watch resumes from a list's resourceVersion."""
    http_.load("app.yaml")
    apps: Any = client.AppsV1Api(api)
    core: Any = client.CoreV1Api(api)
    assert [item.metadata.name for item in apps.list_namespaced_deployment("mesh-demo").items] == ["api-v1", "api-v2"]
    listed = core.list_namespaced_service("mesh-demo")
    core.delete_namespaced_service("api", "mesh-demo")
    since = listed.metadata.resource_version
    seen = list(stream_of(core.list_namespaced_service, "mesh-demo", resource_version=since, timeout_seconds=1))
    assert [(event["type"], event["object"].metadata.name) for event in seen] == [("DELETED", "api")]


def test_dropped_answers_surface_as_transport_errors(api: client.ApiClient, http_: Http) -> None:
    """A PATCH applied without an answer is a transport error to the client, and the change is there."""
    http_.load("istio-traffic.yaml")
    http_.do("POST", "/_playground/trouble", {"method": "PATCH", "kind": "drop_after"})
    body = [{"op": "replace", "path": "/spec/http/0/route/0/weight", "value": 50}]
    objects: Any = client.CustomObjectsApi(api)
    with pytest.raises(urllib3.exceptions.HTTPError):
        objects.patch_namespaced_custom_object(**ISTIO, name="api-vs", body=body, _content_type=JSON_PATCH)
    read = objects.get_namespaced_custom_object(**ISTIO, name="api-vs")
    assert read["spec"]["http"][0]["route"][0]["weight"] == 50


def test_an_open_watch_does_not_hold_up_the_server(server: ServerThread, api: client.ApiClient) -> None:
    """The server stops at once although a client still watches."""
    stream = stream_of(client.CoreV1Api(api).list_namespace, timeout_seconds=30)
    next(stream)
    stopper = threading.Thread(target=server.stop)
    stopper.start()
    stopper.join(60)
    assert not stopper.is_alive()
    stream.close()
