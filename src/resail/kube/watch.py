"""List, then follow: a watch that survives what a long run meets."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

import msgspec

from resail.cluster import WatchEvent
from resail.errors import ClusterApiError, ClusterUnreachableError
from resail.kube.clock import SystemClock
from resail.kube.discovery import Discovery
from resail.kube.errors import error_of_status, status_of, unreadable
from resail.kube.http import Api
from resail.kube.lists import list_whole
from resail.kube.objects import checked
from resail.models.identity import KindRef, Manifest

__all__ = ["watch"]

_SERVER_TIMEOUT = 240  # seconds after which the server ends a watch by itself
_FIRST_PAUSE = 0.5  # seconds before a broken watch is taken up again; doubled while nothing comes of it
_LONGEST_PAUSE = 8.0

_FOR_GOOD = frozenset({400, 401, 403, 404, 405, 422})
"""Answers that asking again does not change."""


class _Line(msgspec.Struct):
    type: str
    object: dict[str, Any]


async def watch(api: Api, discovery: Discovery, kind: KindRef, namespace: str, labels: str) -> AsyncGenerator[WatchEvent, None]:
    """As ``ClusterReader.watch``. After a gap the objects are listed again, and only differences are told.

    SYNCED comes once, after the first list. A DELETED that a later list brings to light has the object as it was last
    seen; one that was made anew under the same name is told as DELETED, then ADDED.

    Raises:
        ClusterUnreachableError: the API did not answer a list for a minute.
        ClusterApiError: it does not allow, or does not serve, what is watched.
    """
    known: dict[str, Manifest] = {}
    synced = False
    pause = _FIRST_PAUSE
    path = await discovery.collection(kind, namespace)
    while True:
        listed, version = await _list(api, path, kind, labels)
        for event in _differences(known, listed):
            yield event
        known = listed
        if not synced:
            synced = True
            yield WatchEvent("SYNCED", {})
        try:
            async with aclosing(_follow(api, path, labels, version)) as events:
                async for event in events:
                    if event.type == "DELETED":
                        known.pop(_uid(event.object), None)
                    else:
                        known[_uid(event.object)] = event.object
                    pause = _FIRST_PAUSE
                    yield event
        except (ClusterUnreachableError, ClusterApiError) as error:
            if isinstance(error, ClusterApiError) and error.status in _FOR_GOOD:
                raise
        await SystemClock().sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _list(api: Api, path: str, kind: KindRef, labels: str) -> tuple[dict[str, Manifest], str]:
    listed, version = await list_whole(api, path, kind, dict[str, Any], labels)
    whole = [{"apiVersion": kind.api_version, "kind": kind.kind, **checked(manifest, f"list {path}")} for manifest in listed]
    return {_uid(manifest): manifest for manifest in whole}, version


def _differences(before: dict[str, Manifest], now: dict[str, Manifest]) -> list[WatchEvent]:
    gone = [WatchEvent("DELETED", manifest) for uid, manifest in before.items() if uid not in now]
    events = []
    for uid, manifest in now.items():
        if uid not in before:
            events.append(WatchEvent("ADDED", manifest))
        elif _version(manifest) != _version(before[uid]):
            events.append(WatchEvent("MODIFIED", manifest))
    return gone + events


async def _follow(api: Api, path: str, labels: str, version: str) -> AsyncGenerator[WatchEvent, None]:
    """One watch after the other, as long as each brings something; ends with one that does not.

    Raises:
        ResailError: the watch was refused, broke off or expired.
    """
    what = f"watch {path}"
    brought = True
    while brought:
        brought = False
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(_SERVER_TIMEOUT),
        }
        async with api.stream(path, what=what, params=params | ({"labelSelector": labels} if labels else {})) as lines:
            async for line in lines:
                event = _decode(line, what)
                version = _version(event.object)
                brought = True
                told = _told(event.type)
                if told is not None:
                    yield WatchEvent(told, event.object)


def _decode(line: bytes, what: str) -> _Line:
    try:
        event = msgspec.json.decode(line, type=_Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise unreadable(error, what) from error
    if event.type == "ERROR":
        code = event.object.get("code")
        raise error_of_status(status_of(code if isinstance(code, int) else 500, msgspec.json.encode(event.object)), what)
    checked(event.object, what)
    return event


def _told(kind: str) -> Literal["ADDED", "MODIFIED", "DELETED"] | None:
    match kind:
        case "ADDED" | "MODIFIED" | "DELETED":
            return kind
        case _:
            return None


def _uid(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("uid", ""))


def _version(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("resourceVersion", ""))
