"""List, then follow: a watch that survives what a long run meets."""

from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec

from resail.cluster import WatchEvent
from resail.errors import ClusterApiError, ClusterUnreachableError, WatchExpiredError
from resail.kube.clock import SystemClock
from resail.kube.discovery import Discovery
from resail.kube.errors import error_of_status, status_of
from resail.kube.http import Api
from resail.kube.lists import list_page
from resail.models.identity import KindRef, Manifest

__all__ = ["watch"]

_SERVER_TIMEOUT = 240  # seconds after which the server ends a watch by itself
_PAUSE = 0.5  # seconds before a broken watch is taken up again


class _Line(msgspec.Struct):
    type: str
    object: dict[str, Any]


async def watch(api: Api, discovery: Discovery, kind: KindRef, namespace: str, labels: str) -> AsyncIterator[WatchEvent]:
    """As ``ClusterReader.watch``. After a gap the objects are listed again, and only differences are told."""
    known: dict[str, Manifest] = {}
    synced = False
    while True:
        listed, version = await _list_all(api, discovery, kind, namespace, labels)
        for event in _differences(known, listed):
            yield event
        known = listed
        if not synced:
            synced = True
            yield WatchEvent("SYNCED", {})
        try:
            async for event in _follow(api, discovery, kind, namespace, labels, version):
                identity = event.object["metadata"]["uid"]
                if event.type == "DELETED":
                    known.pop(identity, None)
                else:
                    known[identity] = event.object
                yield event
        except WatchExpiredError:
            continue
        except (ClusterUnreachableError, ClusterApiError) as error:
            if isinstance(error, ClusterApiError) and error.status in (401, 403, 404):
                raise
            await SystemClock().sleep(_PAUSE)


async def _list_all(
    api: Api, discovery: Discovery, kind: KindRef, namespace: str, labels: str
) -> tuple[dict[str, Manifest], str]:
    path = await discovery.collection(kind, namespace)
    found: dict[str, Manifest] = {}
    token = ""
    while True:
        page, token, version = await list_page(api, path, kind, dict[str, Any], labels, token)
        for item in page:
            item.setdefault("apiVersion", kind.api_version)
            item.setdefault("kind", kind.kind)
            found[item["metadata"]["uid"]] = item
        if not token:
            return found, version


def _differences(before: dict[str, Manifest], now: dict[str, Manifest]) -> list[WatchEvent]:
    gone = [WatchEvent("DELETED", manifest) for uid, manifest in before.items() if uid not in now]
    events = []
    for uid, manifest in now.items():
        if uid not in before:
            events.append(WatchEvent("ADDED", manifest))
        elif _version(manifest) != _version(before[uid]):
            events.append(WatchEvent("MODIFIED", manifest))
    return gone + events


async def _follow(
    api: Api, discovery: Discovery, kind: KindRef, namespace: str, labels: str, version: str
) -> AsyncIterator[WatchEvent]:
    path = await discovery.collection(kind, namespace)
    what = f"watch {path}"
    while True:
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(_SERVER_TIMEOUT),
        }
        async with api.stream(path, what=what, params=params | ({"labelSelector": labels} if labels else {})) as lines:
            async for line in lines:
                event = msgspec.json.decode(line, type=_Line)
                if event.type == "ERROR":
                    raise error_of_status(status_of(int(event.object.get("code", 500)), msgspec.json.encode(event.object)), what)
                version = _version(event.object)
                told = _told(event.type)
                if told is not None:
                    yield WatchEvent(told, event.object)


def _told(kind: str) -> Literal["ADDED", "MODIFIED", "DELETED"] | None:
    match kind:
        case "ADDED" | "MODIFIED" | "DELETED":
            return kind
        case _:
            return None


def _version(manifest: Manifest) -> str:
    return str(manifest["metadata"]["resourceVersion"])
