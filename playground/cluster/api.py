"""The HTTP face of the cluster: paths, verbs, content types and answers as kube-apiserver has them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from playground.cluster import discovery, jsonpatches, patches
from playground.cluster.bodies import APPLY, no_map, read_body, read_object
from playground.cluster.knobs import PREFIX, Knobs, Seen
from playground.cluster.metadata import Ref
from playground.cluster.objects import Cluster, Obj, Write
from playground.cluster.paths import Target, parse
from playground.cluster.selectors import Test, selector
from playground.cluster.statuses import (
    ApiError,
    NoSuchPage,
    bad_request,
    invalid_option,
    method_not_allowed,
    no_such_path,
    too_large_version,
    unsupported_media_type,
)
from playground.cluster.trouble import suffer
from playground.cluster.watching import Doors, stream, unparsed, watch_of, whole_number

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_JSON_PATCH = "application/json-patch+json"
_EDITS: Mapping[str, Callable[[Obj, Any], Obj]] = {
    _JSON_PATCH: jsonpatches.json_patch,
    "application/merge-patch+json": patches.merge_patch,
    "application/strategic-merge-patch+json": patches.strategic_merge,
}
_CUSTOM_PATCHES = (_JSON_PATCH, "application/merge-patch+json", APPLY)
_WORDS = {"DELETE": "delete", "PUT": "update", "PATCH": "patch", "POST": "create"}
_LARGEST_BODY = 3 * 1024 * 1024  # bytes; kube-apiserver's limit for a request body


def make_app(cluster: Cluster, *, accept_after_s: float | None = None) -> web.Application:
    """Return the application that serves `cluster`, with its knobs under /_playground/.

    Parents of Gateway API routes accept them `accept_after_s` seconds after each change; None, as on a bare API
    server, never.
    """
    knobs, doors = Knobs(cluster), Doors()
    knobs.controller.turn(accept_after_s)
    app = web.Application(middlewares=[_recording(knobs), _troubling(knobs), _wording], client_max_size=_LARGEST_BODY)
    knobs.add_routes(app.router)
    app.router.add_route("*", "/{tail:.*}", Api(cluster, doors).handle)

    async def control(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(knobs.controller.run())
        yield
        task.cancel()

    app.cleanup_ctx.append(control)

    async def close(_: web.Application) -> None:
        doors.closing = True
        cluster.history.wake()

    app.on_shutdown.append(close)
    return app


class Api:
    """Answers every request outside the knobs."""

    def __init__(self, cluster: Cluster, doors: Doors) -> None:
        self._cluster = cluster
        self._doors = doors
        self._verbs = {
            ("GET", True): self._get,
            ("PUT", True): self._replace,
            ("PATCH", True): self._patch,
            ("DELETE", True): self._delete,
            ("GET", False): self._list,
            ("POST", False): self._create,
            ("DELETE", False): self._empty,
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; ApiError is turned into its Status object further out."""
        path = request.raw_path.partition("?")[0]
        if path in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        found = discovery.document(self._cluster.kinds, [part for part in path.split("/") if part])
        if found is not None:
            return _json(found)
        if (request.method, path) == ("POST", REVIEWS):
            # As an API server without an authorizer says: nothing is forbidden here.
            return _json({**await read_object(request), "status": {"allowed": True}}, status=201)
        target = parse(self._cluster.kinds, path)
        method = "GET" if request.method == "HEAD" else request.method
        verb = self._verbs.get((method, bool(target.name)))
        if verb is None or (target.status and method == "DELETE"):
            raise method_not_allowed(target.kind, _WORDS.get(method, ""))
        return await verb(request, target)

    async def _get(self, _: web.Request, target: Target) -> web.StreamResponse:
        return _shown(target, self._cluster.get(target.ref))

    async def _list(self, request: web.Request, target: Target) -> web.StreamResponse:
        test = _test_of(request, target)
        if request.query.get("watch", "") in ("1", "true"):
            return await stream(request, watch_of(self._cluster, target, test, query=request.query), self._doors)
        self._check_list(request)
        api_version = target.kind.api_version(target.version)
        found = self._cluster.list(target.kind, target.namespace, test)
        return _json(
            {
                "kind": f"{target.kind.kind}List",
                "apiVersion": api_version,
                "metadata": ({} if target.kind.builtin else {"continue": ""})
                | {"resourceVersion": str(self._cluster.version)},
                "items": [{**obj, "apiVersion": api_version} for obj in found],
            }
        )

    def _check_list(self, request: web.Request) -> None:
        whole_number(request.query, "limit")
        asked = request.query.get("resourceVersion", "")
        if asked and not asked.isdecimal():
            raise bad_request(f"invalid resource version: {unparsed('resourceVersion', asked)}")
        if int(asked or 0) > self._cluster.version:
            raise too_large_version(int(asked), self._cluster.version)

    async def _empty(self, request: web.Request, target: Target) -> web.StreamResponse:
        if target.kind.namespaced and not target.namespace:
            raise no_such_path() if target.kind.builtin else NoSuchPage()
        found = self._cluster.list(target.kind, target.namespace, _test_of(request, target))
        for obj in found:
            ref = Ref(target.kind, target.namespace, obj["metadata"]["name"])
            self._cluster.delete(ref, dry_run=_dry_run(request, "DeleteOptions"))
        version = target.kind.api_version(target.version)
        return _json({"kind": f"{target.kind.kind}List", "apiVersion": version, "metadata": {}, "items": found})

    async def _create(self, request: web.Request, target: Target) -> web.StreamResponse:
        if target.kind.namespaced and not target.namespace:
            raise method_not_allowed() if target.kind.builtin else NoSuchPage()
        obj = await read_object(request)
        created = self._cluster.create(
            target.kind, target.namespace, obj, write=_write(request, target, "CreateOptions")
        )
        return _shown(target, created, status=201)

    async def _replace(self, request: web.Request, target: Target) -> web.StreamResponse:
        obj = await read_object(request)
        return _shown(target, self._cluster.replace(target.ref, obj, write=_write(request, target, "UpdateOptions")))

    async def _patch(self, request: web.Request, target: Target) -> web.StreamResponse:
        if not target.kind.builtin and request.content_type not in _CUSTOM_PATCHES:
            raise unsupported_media_type(_CUSTOM_PATCHES)
        if request.content_type == APPLY:
            return await self._apply(request, target)
        if request.content_type not in _EDITS:
            raise unsupported_media_type((*_EDITS, APPLY))
        if request.query.get("force"):
            raise invalid_option("PatchOptions", "force", "Forbidden: may not be specified for non-apply patch")
        body = await read_body(request)
        if request.content_type != _JSON_PATCH and not isinstance(body, dict):
            raise bad_request(f"error decoding patch: {no_map(body)}")
        edit = partial(_edited, _EDITS[request.content_type], body)
        return _shown(target, self._cluster.patch(target.ref, edit, write=_write(request, target, "PatchOptions")))

    async def _apply(self, request: web.Request, target: Target) -> web.StreamResponse:
        if not request.query.get("fieldManager"):
            raise invalid_option("PatchOptions", "fieldManager", "Required value: is required for apply patch")
        applied = await read_object(request)
        force = request.query.get("force", "") in ("1", "true")
        made, created = self._cluster.apply(
            target.ref, applied, write=_write(request, target, "PatchOptions"), force=force
        )
        return _shown(target, made, status=201 if created else 200)

    async def _delete(self, request: web.Request, target: Target) -> web.StreamResponse:
        options = (await read_object(request)) if request.can_read_body else {}
        wanted = options.get("preconditions") or {}
        dry_run = _dry_run(request, "DeleteOptions") or options.get("dryRun") == ["All"]
        gone = self._cluster.delete(
            target.ref, uid=wanted.get("uid", ""), version=wanted.get("resourceVersion", ""), dry_run=dry_run
        )
        if target.kind.deletes_to_object or gone["metadata"].get("finalizers"):
            return _shown(target, gone)
        return _deleted(target, gone["metadata"]["uid"])


def _edited(edit: Callable[[Obj, Any], Obj], body: Any, obj: Obj) -> Obj:
    return edit(obj, body)


def _json(body: Mapping[str, Any], *, status: int = 200) -> web.Response:
    text = json.dumps(body, separators=(",", ":"))
    return web.Response(text=text, status=status, content_type="application/json")


def _shown(target: Target, obj: Obj, *, status: int = 200) -> web.Response:
    return _json({**obj, "apiVersion": target.kind.api_version(target.version)}, status=status)


def _deleted(target: Target, uid: str) -> web.Response:
    about = {"name": target.name, "group": target.kind.group, "kind": target.kind.plural, "uid": uid}
    details = {key: value for key, value in about.items() if value}
    return _json({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})


def _test_of(request: web.Request, target: Target) -> Test:
    query = request.query
    if query.get("sendInitialEvents"):
        why = "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        raise invalid_option("ListOptions", "sendInitialEvents", why)
    test = selector(target.kind, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    if not target.namespace:
        return test
    return lambda obj: obj["metadata"].get("namespace") == target.namespace and test(obj)


def _write(request: web.Request, target: Target, options: str) -> Write:
    agent = request.headers.get("User-Agent", "").split("/")[0]
    manager = request.query.get("fieldManager") or agent or "unknown"
    checking = request.query.get("fieldValidation", "")
    if checking not in ("", "Ignore", "Strict", "Warn"):
        why = f'Unsupported value: "{checking}": supported values: "", "Ignore", "Strict", "Warn"'
        raise invalid_option(options, "fieldValidation", why)
    return Write(manager[:128], target.version, _dry_run(request, options), target.status, checking == "Strict")


def _dry_run(request: web.Request, options: str) -> bool:
    given = request.query.getall("dryRun", [])
    if any(value != "All" for value in given):
        raise invalid_option(options, "dryRun", f'Unsupported value: {json.dumps(given)}: supported values: "All"')
    return bool(given)


@web.middleware
async def _wording(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except NoSuchPage as page:
        return web.Response(text=page.text, status=404)
    except ApiError as error:
        return _json(error.body(), status=error.code)
    except web.HTTPException as error:
        shown = no_such_path() if error.status == 404 else ApiError(error.status, error.reason, error.text or "")
        return _json(shown.body(), status=error.status)


def _recording(knobs: Knobs) -> Middleware:
    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(PREFIX):
            return await handler(request)
        begun, status = time.perf_counter(), 0
        try:
            response = await handler(request)
            status = response.status
        finally:
            knobs.seen.append(_seen(request, status, time.perf_counter() - begun))
        return response

    return record


def _seen(request: web.Request, status: int, seconds: float) -> Seen:
    agent, content_type = (request.headers.get(name, "") for name in ("User-Agent", "Content-Type"))
    return Seen(request.method, request.path, request.query_string, status, round(seconds, 6), agent, content_type)


def _troubling(knobs: Knobs) -> Middleware:
    @web.middleware
    async def trouble(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(PREFIX):
            return await handler(request)
        waiting = knobs.troubles.take(request.method, request.path)
        return await (handler(request) if waiting is None else suffer(waiting, request, handler, knobs.troubles))

    return trouble
