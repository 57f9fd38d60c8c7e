"""What the API server's audit log says was written: the judge that the engine cannot fool."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["Event", "Target", "evictions", "read", "restarts", "rollouts", "writes"]

_MARK = "resail.dev/restart"
_WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection"})


class _User(msgspec.Struct, frozen=True):
    username: str = ""


class _Status(msgspec.Struct, frozen=True):
    code: int = 0


class Target(msgspec.Struct, frozen=True, rename="camel"):
    """The object that a request was about."""

    resource: str = ""
    namespace: str = ""
    name: str = ""
    api_group: str = ""
    subresource: str = ""


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """One request."""

    verb: str
    request_received_timestamp: datetime
    user: _User = _User()
    user_agent: str = ""
    object_ref: Target = Target()
    response_status: _Status = _Status()
    request_object: Any = None
    request_uri: str = msgspec.field(default="", name="requestURI")

    @property
    def dry_run(self) -> bool:
        return "dryRun=All" in self.request_uri

    @property
    def succeeded(self) -> bool:
        return 200 <= self.response_status.code < 300


def read(path: Path) -> list[Event]:
    """The events of a log; a line that is still being written is left out."""
    decode = msgspec.json.Decoder(Event).decode
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    return [decode(line) for line in lines[:-1] if line]


def writes(events: list[Event], user: str) -> list[Event]:
    """What ``user`` really changed: dry runs and refused requests left out."""
    return [
        event
        for event in events
        if event.user.username == user and event.verb in _WRITING and event.succeeded and not event.dry_run
    ]


def restarts(events: list[Event], user: str) -> list[str]:
    """Workloads whose pod template ``user`` annotated for a restart: ``namespace/resource/name``, once per change.

    The same annotation written again is one restart, as the API server rolls nothing out for it; to take it away is one.
    """
    seen: dict[str, list[str | None]] = {}
    for event in writes(events, user):
        body = event.request_object if isinstance(event.request_object, dict) else {}
        template = (body.get("spec") or {}).get("template") or {}
        annotations = (template.get("metadata") or {}).get("annotations") or {}
        if _MARK not in annotations:
            continue
        mark = annotations[_MARK]
        target = event.object_ref
        marks = seen.setdefault(f"{target.namespace}/{target.resource}/{target.name}", [])
        if not marks or marks[-1] != mark:
            marks.append(mark)
    return [workload for workload, marks in seen.items() for _ in marks]


def evictions(events: list[Event], user: str) -> list[str]:
    """Pods that ``user`` evicted: ``namespace/name``, once per eviction that was granted."""
    return [
        f"{event.object_ref.namespace}/{event.object_ref.name}"
        for event in writes(events, user)
        if event.object_ref.resource == "pods" and event.object_ref.subresource == "eviction"
    ]


def rollouts(events: list[Event]) -> list[str]:
    """Pod templates that were new to the cluster, whoever changed them: ``namespace/name`` of each ReplicaSet or
    ControllerRevision that a controller created. One more than once for a workload is one restart too many."""
    return [
        f"{event.object_ref.namespace}/{event.object_ref.name}"
        for event in events
        if event.verb == "create"
        and event.object_ref.resource in {"replicasets", "controllerrevisions"}
        and event.succeeded
        and not event.dry_run
    ]
