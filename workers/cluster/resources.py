"""A resource of the Kubernetes API, and the paths it is found under."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class KnownKind:
    """A kind meshbot can read, before anybody asked which version of it a cluster serves."""

    kind: str
    group: str
    versions: tuple[str, ...]
    """Versions meshbot understands, the preferred one first."""
    plural: str


@dataclass(frozen=True)
class Resource:
    """One plural of one served version, e.g. `networking.istio.io/v1/virtualservices`."""

    group: str
    """API group; empty for the core group."""
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """What stands in `apiVersion:`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str, name: str = "") -> str:
        """Return the URL path of the collection in `namespace`, or of the object `name` in it.

        An empty namespace or a name that is no single path segment would silently address something else, so every
        part is quoted; callers refuse empty names.
        """
        tail = f"/{quote(name, safe='')}" if name else ""
        return f"{self._root}/namespaces/{quote(namespace, safe='')}/{self.plural}{tail}"

    @property
    def everywhere(self) -> str:
        """Return the URL path of the collection in all namespaces."""
        return f"{self._root}/{self.plural}"

    @property
    def _root(self) -> str:
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


SERVICES = Resource("", "v1", "services", "Service")
PODS = Resource("", "v1", "pods", "Pod")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
