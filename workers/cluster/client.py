"""The only module that touches the `kubernetes` package: raw paths in, parsed JSON or meshbot's errors out."""

from __future__ import annotations

import json
import os
import ssl
import threading
from typing import Any
from urllib.parse import urlsplit

import urllib3
import yaml
from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.kube_config import KubeConfigMerger
from kubernetes.utils.keepalive import tcp_keepalive_socket_options

from mesh.domain.catalog import Cluster
from mesh.domain.errors import Refused, Unavailable
from workers.cluster.changes import Changes
from workers.cluster.faults import Asked, fault, not_json, unreachable
from workers.cluster.resources import Resource
from workers.cluster.routing import Object
from workers.cluster.served import Served, discover
from workers.cluster.together import AT_ONCE
from workers.cluster.writers import OURS

CONNECT_S = 2.0
READ_S = 5.0
PROBE_S = 5
PROBES = 5
"""A connection that says nothing is probed after `PROBE_S`, then each second; without `PROBES` answers it is dead."""
JSON_PATCH = "application/json-patch+json"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
Body = list[dict[str, Any]] | dict[str, Any]
_UNREADABLE = (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, AttributeError, KeyError)
"""What a kubeconfig that is none makes of the package."""


class KubernetesClient:
    """One cluster's API server. Any number of threads may ask at the same time.

    Connections are made at the first request of each process, so one client may be built before a fork; they are kept
    open and used again, up to `AT_ONCE` of them. An answer is waited for at most 2 s (connecting) plus 5 s (reading).
    Nothing is asked twice but a GET on a kept connection that was closed meanwhile.
    """

    def __init__(self, cluster: str, *, kubeconfig: str = "", context: str = "") -> None:
        """Name the cluster; with neither `kubeconfig` (a path) nor `context` the pod's own service account is used."""
        self.cluster = cluster
        self._kubeconfig = kubeconfig
        self._context = context
        self._api: tuple[int, ApiClient] | None = None
        self._building = threading.Lock()

    @classmethod
    def of(cls, cluster: Cluster, *, kubeconfig: str = "") -> KubernetesClient:
        """Return the client of a configured cluster; `kubeconfig` is the environment's, for those without their own."""
        if cluster.in_cluster:
            return cls(cluster.name)
        return cls(cluster.name, kubeconfig=cluster.kubeconfig or kubeconfig, context=cluster.context)

    def discover(self) -> Served:
        """Ask which versions the cluster serves; raise Unavailable."""
        return discover(lambda path: self._send(Asked(self.cluster, "get"), "GET", path))

    def objects(
        self, resource: Resource, namespace: str, *, labels: str = "", cached: bool = False
    ) -> list[Object] | None:
        """Return the objects of a namespace, those that carry `labels` ("a=b,c=d"); None when the kind is not served.

        `cached`: as the server has them in memory, which is a moment old. Without it the server first makes sure that
        it has missed nothing, which takes it up to 0.1 s ("Semantics for get and list" in Kubernetes' API concepts).
        Raises Refused without the right to, Unavailable.
        """
        asked = _asked(self.cluster, "list", resource, namespace)
        query = {"labelSelector": labels} if labels else {}
        if cached:
            query["resourceVersion"] = "0"
        answer = self._send(asked, "GET", resource.path(namespace), query=query)
        return None if answer is None else _items(answer, resource)

    def everywhere(self, resource: Resource) -> tuple[list[Object], str] | None:
        """Return the objects of all namespaces and the resource version of the list; None when it is not served.

        Raises Refused without the right to, Unavailable.
        """
        asked = Asked(self.cluster, "list", resource.group, resource.plural)
        answer = self._send(asked, "GET", resource.everywhere)
        if answer is None:
            return None
        return _items(answer, resource), str((answer.get("metadata") or {}).get("resourceVersion", ""))

    def changes(self, resource: Resource, version: str, *, seconds: float) -> Changes | None:
        """Watch all namespaces from a resource version on; None when the kind is not served.

        The server is asked to end it after `seconds`; one that says nothing for `READ_S` longer has broken it, and so
        has one that is dead, which shows within 10 s. Raises Refused without the right to, Unavailable.
        """
        asked = Asked(self.cluster, "watch", resource.group, resource.plural)
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": f"{seconds:.0f}",
        }
        request = ("GET", resource.everywhere, query, None)
        response = self._exchange(asked, request, watch_s=seconds)
        if response.status == 200:
            return Changes(response, lambda error: unreachable(asked, _why(error), sent=True))
        self._answer(asked, response)
        return None

    def read(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """Return one object; None when there is none. Raises Refused without the right to, Unavailable."""
        asked = _asked(self.cluster, "get", resource, namespace, name)
        return self._send(asked, "GET", resource.path(namespace, name))

    def patch(self, resource: Resource, namespace: str, name: str, operations: list[dict[str, Any]]) -> Object | None:
        """Send a JSON patch and return the object as it is now; None when there is none to patch.

        Raises Conflict (nothing written), Refused (nothing written), UnknownOutcome or Unavailable.
        """
        asked = _asked(self.cluster, "patch", resource, namespace, name)
        path = resource.path(namespace, name)
        return self._send(asked, "PATCH", path, query={"fieldManager": OURS}, body=operations)

    def may(self, group: str, plural: str, verb: str, namespace: str) -> bool:
        """Ask the server whether this account has a right, in all namespaces for an empty one; raise Unavailable.

        A plural may have its subresource behind it: `pods/exec`. Refused where an account may not even ask.
        """
        resource, _, subresource = plural.partition("/")
        what = {"group": group, "resource": resource, "subresource": subresource, "verb": verb, "namespace": namespace}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {name: value for name, value in what.items() if value}},
        }
        asked = Asked(self.cluster, "create", "authorization.k8s.io", "selfsubjectaccessreviews")
        answer = self._send(asked, "POST", REVIEWS, body=body)
        if answer is None:
            raise Unavailable(f"Cluster {self.cluster} answers no questions about rights.", hint="Is it an API server?")
        return bool((answer.get("status") or {}).get("allowed"))

    def _send(
        self,
        asked: Asked,
        method: str,
        path: str,
        *,
        query: dict[str, str] | None = None,
        body: Body | None = None,
    ) -> Object | None:
        return self._answer(asked, self._exchange(asked, (method, path, query or {}, body)))

    def _answer(self, asked: Asked, response: urllib3.BaseHTTPResponse) -> Object | None:
        status, data = response.status, response.data
        if status == 404 and not _is_stranger(data):
            return None
        try:
            answer = json.loads(data)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise fault(asked, status, {}) if status >= 400 and status != 404 else not_json(asked)
        if not 200 <= status < 300:
            raise fault(asked, status, answer)
        return answer

    def _exchange(
        self,
        asked: Asked,
        request: tuple[str, str, dict[str, str], Body | None],
        *,
        watch_s: float | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Return the answer, read to its end unless it is a watch of `watch_s` seconds."""
        method, path, query, body = request
        headers = {"Accept": "application/json"}
        if body is not None:
            # Without it the client sends a merge patch, which would replace whole lists of routes.
            headers["Content-Type"] = JSON_PATCH if method == "PATCH" else "application/json"
        sent = False
        address = ""
        try:
            api = self._connected()
            address = _address(api.configuration.host)
            serialized = api.param_serialize(
                method, path, query_params=list(query.items()), header_params=headers, body=body,
                auth_settings=["BearerToken"],
            )  # fmt: skip
            sent = True
            return _sent(api, serialized, tries=2 if method == "GET" else 1, watch_s=watch_s)
        except (ApiException, ConfigException, urllib3.exceptions.HTTPError, OSError) as error:
            arrived = sent and not _is_unconnected(error)
            raise unreachable(asked, _why(error), address=address, sent=arrived) from error

    def _connected(self) -> ApiClient:
        """Return this process's client: sockets of a parent process must not be shared."""
        if self._api is None or self._api[0] != os.getpid():
            # Without the lock each of several first questions would open a pool, and shake hands, for itself.
            with self._building:
                if self._api is None or self._api[0] != os.getpid():
                    self._api = (os.getpid(), self._build())
        return self._api[1]

    def _build(self) -> ApiClient:
        settings = Configuration()
        settings.retries = False
        # HTTPS_PROXY is for what is outside, and may let nothing through to an API server. `proxy-url` in a kubeconfig
        # is for one server alone, and goes by no NO_PROXY, as with kubectl.
        settings.proxy, settings.no_proxy = None, ""
        settings.connection_pool_maxsize = AT_ONCE
        # What stands between may forget a connection that says nothing for minutes, and a dead server says nothing.
        settings.socket_options = tcp_keepalive_socket_options(PROBE_S, 1, PROBES)
        try:
            if self._kubeconfig:
                config.load_kube_config(  # type: ignore[no-untyped-call]  # as above
                    self._kubeconfig, context=self._context or None, client_configuration=settings, persist_config=False
                )
            elif self._context:
                raise Unavailable(
                    f"Cluster {self.cluster} cannot be reached: it is the context {self._context} of a kubeconfig, and "
                    "none is given.",
                    # The pod's own account would do in a cluster that is perhaps another one.
                    hint="Set KUBECONFIG (the chart: kubeconfig.existingSecret), or `in_cluster: true` and no context.",
                )
            else:
                config.load_incluster_config(client_configuration=settings)  # type: ignore[no-untyped-call]  # as above
            program = self._failed_login(settings)
        except _UNREADABLE as error:
            raise Unavailable(
                f"Cluster {self.cluster} cannot be reached: {self._reason(error)}",
                hint="Check the kubeconfig's path and context, or the pod's service account.",
            ) from error
        if program:
            raise Unavailable(
                f"Cluster {self.cluster} cannot be reached: its kubeconfig logs in by the program {program}, which "
                "is not there or gave no credentials.",
                hint="Give a kubeconfig with a token or a client certificate; meshbot's image has no such program.",
            )
        api = ApiClient(settings)
        api.user_agent = OURS
        return api

    def _failed_login(self, settings: Configuration) -> str:
        """Return the program that should have brought credentials and brought none; the package goes on without."""
        if not self._kubeconfig or settings.api_key or settings.cert_file:
            return ""
        told = KubeConfigMerger(self._kubeconfig).config.value  # type: ignore[no-untyped-call]  # as above
        contexts, users = ({one.value["name"]: one.value for one in told[kind]} for kind in ("contexts", "users"))
        context = contexts[self._context or told["current-context"]]["context"]
        login = users.get(context.get("user"), {}).get("user") or {}
        return str((login.get("exec") or {}).get("command", ""))

    def _reason(self, error: Exception) -> str:
        if isinstance(error, ConfigException):
            return str(error)
        # What such a file holds may be a secret: the error that quotes it is not repeated.
        return f"{self._kubeconfig} is not a kubeconfig ({type(error).__name__})."


def _asked(cluster: str, verb: str, resource: Resource, namespace: str, name: str | None = None) -> Asked:
    """Describe a request; raise Refused for an empty name, with which the URL would mean something else."""
    if not namespace:
        raise Refused(
            f"No namespace is named for {resource.plural} of cluster {cluster}.", hint="Add `-n <namespace>`."
        )
    if name is not None and name in ("", ".", ".."):
        raise Refused(f"{name!r} is not the name of a {resource.kind}.", hint="Name the object.")
    return Asked(cluster, verb, resource.group, resource.plural, namespace, name or "")


def _sent(
    api: ApiClient, request: tuple[Any, Any, Any, Any, Any], *, tries: int, watch_s: float | None
) -> urllib3.BaseHTTPResponse:
    """Send a request and return its answer, whose body was read unless it is a watch.

    A server closes connections that were idle for long, at times in the moment we use one: then no answer ever comes.
    """
    for left in reversed(range(tries)):
        try:
            timeout = (CONNECT_S, READ_S + (watch_s or 0))
            response: urllib3.BaseHTTPResponse = api.call_api(*request, _request_timeout=timeout).response
            if watch_s is None or response.status != 200:
                _ = response.data
        except urllib3.exceptions.ProtocolError:
            if not left:
                raise
        else:
            return response
    raise AssertionError("at least one try")


def _items(answer: Object, resource: Resource) -> list[Object]:
    # Items of built-in lists carry neither; readers may rely on both.
    typed = {"apiVersion": resource.api_version, "kind": resource.kind}
    return [{**typed, **item} for item in answer.get("items") or []]


def _address(host: str) -> str:
    """Return scheme, host and port of a server's address, without a user or a password."""
    parts = urlsplit(host)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _is_stranger(data: bytes) -> bool:
    """Tell a 404 of something that is no API server (a proxy's page) from the API server's own."""
    return data.lstrip()[:1] == b"<"


def _is_unconnected(error: Exception) -> bool:
    """Tell whether no connection came about, so that the server cannot have seen the request."""
    # The package wraps TLS errors; a certificate is refused before any request is sent.
    cause = error.__context__ if isinstance(error, ApiException) else error
    untrusted = isinstance(cause, urllib3.exceptions.SSLError) and isinstance(
        cause.args[0], ssl.SSLCertVerificationError
    )
    return untrusted or isinstance(error, urllib3.exceptions.ConnectTimeoutError)


def _why(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError) and not isinstance(
        error, urllib3.exceptions.NewConnectionError
    ):
        return f"no connection within {CONNECT_S:g} s"
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return f"no answer within {READ_S:g} s"
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "no such host name is known"
    if isinstance(error, urllib3.exceptions.NewConnectionError) and isinstance(error.__cause__, OSError):
        return _why_unconnected(error.__cause__)
    return str(getattr(error, "reason", "") or error).splitlines()[-1]


def _why_unconnected(error: OSError) -> str:
    return "the connection was refused" if isinstance(error, ConnectionRefusedError) else str(error.strerror or error)
