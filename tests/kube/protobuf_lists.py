"""Lists as an API server writes them in protobuf, and the kinds and shapes that resail reads so."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import Message

from resail.models.identity import KindRef
from resail.snapshot.shapes import (
    Autoscaler,
    Budget,
    Controller,
    EndpointSliceShape,
    NamespaceShape,
    NodeShape,
    OwnedShape,
    PodShape,
    ServiceShape,
)

__all__ = ["READ", "declared_fields", "envelope", "set_fields"]

READ: dict[KindRef, type[Any]] = {
    KindRef("v1", "Pod"): PodShape,
    KindRef("v1", "Service"): ServiceShape,
    KindRef("v1", "Secret"): OwnedShape,
    KindRef("v1", "Namespace"): NamespaceShape,
    KindRef("v1", "Node"): NodeShape,
    KindRef("apps/v1", "Deployment"): Controller,
    KindRef("apps/v1", "StatefulSet"): Controller,
    KindRef("apps/v1", "DaemonSet"): Controller,
    KindRef("apps/v1", "ReplicaSet"): Controller,
    KindRef("batch/v1", "Job"): Controller,
    KindRef("batch/v1", "CronJob"): Controller,
    KindRef("policy/v1", "PodDisruptionBudget"): Budget,
    KindRef("autoscaling/v2", "HorizontalPodAutoscaler"): Autoscaler,
    KindRef("discovery.k8s.io/v1", "EndpointSlice"): EndpointSliceShape,
}


def envelope(items: Iterable[bytes], metadata: bytes = b"") -> bytes:
    """``k8s\\0`` and a ``runtime.Unknown`` with its type, the list, its encoding and its content type."""
    listed = _field(1, metadata) + b"".join(_field(2, item) for item in items)
    return b"k8s\0" + _field(1, b"\n\x02v1\x12\x07AnyList") + _field(2, listed) + _field(3, b"") + _field(4, b"")


def _field(number: int, content: bytes) -> bytes:
    length, size = b"", len(content)
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def declared_fields(message: type[Message]) -> set[str]:
    """All that a message and those in it declare, as ``Message.field``."""
    found: set[str] = set()
    waiting = [message.DESCRIPTOR]
    while waiting:
        descriptor = waiting.pop()
        for field in descriptor.fields:
            if field.full_name not in found:
                found.add(field.full_name)
                waiting += [field.message_type] if field.message_type else []
    return found


def set_fields(message: Any) -> Iterator[str]:
    """Those of them that an object sets to something."""
    for field, value in message.ListFields():
        if value or field.is_repeated or field.message_type:
            yield field.full_name
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            yield from (f"{field.message_type.full_name}.{part}" for part in ("key", "value"))
            each = field.message_type.fields_by_name["value"]
            within = value.values() if each.message_type else ()
        else:
            within = value if field.is_repeated else [value]
        for one in within:
            yield from set_fields(one)
