"""Reads the routing objects of a cluster through its HTTP API, with plain list requests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp

from playground.traffic.routing import Object, Objects

LISTS = {
    "virtualservices": "networking.istio.io/v1beta1",
    "destinationrules": "networking.istio.io/v1beta1",
    "trafficsplits": "split.smi-spec.io/v1alpha2",
    "httproutes": "gateway.networking.k8s.io/v1",
}


class ClusterSilent(RuntimeError):
    """The cluster did not answer a list request; the message says which and how."""


class ClusterReader:
    """Lists the routing objects of some namespaces of the cluster at `url`."""

    def __init__(self, session: aiohttp.ClientSession, url: str, namespaces: Sequence[str]) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._namespaces = tuple(namespaces)

    async def read(self) -> Objects:
        """Return all objects as they are now; ClusterSilent when any list fails."""
        lists = await asyncio.gather(*(self._read(kind) for kind in LISTS))
        return Objects(**dict(zip(LISTS, lists, strict=True)))

    async def _read(self, plural: str) -> tuple[Object, ...]:
        pages = [await self._list(f"/apis/{LISTS[plural]}/namespaces/{name}/{plural}") for name in self._namespaces]
        return tuple(item for page in pages for item in page)

    async def _list(self, path: str) -> list[Object]:
        try:
            async with self._session.get(self._url + path) as answer:
                # A cluster without these resource types is a cluster without such routes.
                if answer.status == 404:
                    return []
                answer.raise_for_status()
                body = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ClusterSilent(f"GET {self._url}{path} failed: {error or type(error).__name__}") from error
        items: list[Object] = body.get("items") or []
        return items
