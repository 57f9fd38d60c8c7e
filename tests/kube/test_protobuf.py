"""Protobuf gives the same shapes as JSON, whatever is in them and however it is cut."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from resail.errors import ClusterApiError
from resail.kube.pages import Page, reads_protobuf
from resail.kube.protobuf.messages import ABSENT, message_of, named
from resail.models.identity import KindRef
from tests.kube.protobuf_lists import READ, envelope

POINTERS = {"replicas", "controller", "ready", "minReplicas", "partition"}
"""Go has pointers for these: JSON tells a zero from nothing. Of other fields JSON leaves a zero out, and protobuf does not."""
NEEDED = {
    *("ObjectMeta.name", "OwnerReference.kind", "OwnerReference.name", "OwnerReference.apiVersion", "Container.name"),
    *("Condition.type", "Condition.status", "LabelSelectorRequirement.key", "LabelSelectorRequirement.operator"),
    *("HorizontalPodAutoscaler.spec", "HorizontalPodAutoscalerSpec.scaleTargetRef", "HorizontalPodAutoscalerSpec.maxReplicas"),
    *("CrossVersionObjectReference.kind", "CrossVersionObjectReference.name"),
}
"""What the API always gives, beside metadata."""

POD = KindRef("v1", "Pod")
TEXT = st.text(max_size=6)
SECONDS = st.integers(0, 4_000_000_000)


def read(kind: KindRef, *chunks: bytes) -> Page[Any]:
    page: Page[Any] = Page(kind, READ[kind])
    for chunk in chunks:
        page.take(chunk)
    page.close()
    return page


def fill(draw: st.DrawFn, message: Any) -> Any:
    """Put something into a message, and return the same as JSON has it."""
    match message.DESCRIPTOR.name:
        case "Time":
            message.seconds = draw(SECONDS)
            return f"{datetime.fromtimestamp(message.seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
        case "Quantity":
            message.string = draw(st.sampled_from(["0", "100m", "1Gi", "1500Mi", "2", "1e3"]))
            return message.string
        case "IntOrString":
            message.intVal, message.strVal = draw(st.integers(-5, 500)), draw(st.sampled_from(["", "25%"]))
            message.type = 1 if message.strVal else 0
            return message.strVal or message.intVal
    written: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        needed = field.name == "metadata" or f"{message.DESCRIPTOR.name}.{field.name}" in NEEDED
        if needed or draw(st.booleans()):
            value = put(draw, message, field)
            tells_zero = field.name in POINTERS or (field.message_type is not None and not field.is_repeated)
            if value or needed or tells_zero:
                written[field.name] = value
    return written


def put(draw: st.DrawFn, message: Any, field: Any) -> Any:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        values = getattr(message, field.name)
        if kind.fields_by_name["value"].message_type is None:
            values.update(chosen := draw(st.dictionaries(TEXT, TEXT, max_size=3)))
            return chosen
        return {key: fill(draw, values[key]) for key in draw(st.sets(TEXT, max_size=3))}
    if field.is_repeated and kind is None:
        getattr(message, field.name).extend(texts := draw(st.lists(TEXT, max_size=3)))
        return texts
    if field.is_repeated:
        return [filled(draw, getattr(message, field.name).add()) for _ in range(draw(st.integers(0, 2)))]
    if kind is not None:
        return filled(draw, getattr(message, field.name))
    value = draw({field.TYPE_STRING: TEXT, field.TYPE_BOOL: st.booleans()}.get(field.type, st.integers(0, 9)))
    setattr(message, field.name, value)
    return value


def filled(draw: st.DrawFn, message: Any) -> Any:
    message.SetInParent()
    return fill(draw, message)


@st.composite
def lists(draw: st.DrawFn) -> tuple[KindRef, bytes, bytes]:
    """A kind, and a list of it in protobuf and in JSON."""
    kind = draw(st.sampled_from(sorted(READ)))
    cls = message_of(kind)
    assert cls is not None
    messages: list[Message] = [cls() for _ in range(draw(st.integers(0, 3)))]
    items = [fill(draw, message) for message in messages]
    metadata: Any = named("ListMeta")(resourceVersion=draw(TEXT))
    setattr(metadata, "continue", draw(TEXT))
    document = {
        "metadata": {"resourceVersion": metadata.resourceVersion, "continue": getattr(metadata, "continue")},
        "items": items,
    }
    return (
        kind,
        envelope((one.SerializeToString() for one in messages), metadata.SerializeToString()),
        json.dumps(document).encode(),
    )


@given(lists(), st.data())
def test_the_same_as_json_however_it_is_cut(found: tuple[KindRef, bytes, bytes], data: st.DataObject) -> None:
    kind, protobuf, document = found
    cuts = sorted(data.draw(st.lists(st.integers(0, len(protobuf)), max_size=4)))
    ends = [*cuts, len(protobuf)]
    page = read(kind, *(protobuf[start:end] for start, end in zip([0, *cuts], ends, strict=True)))
    expected = read(kind, document)
    assert (page.items, page.token, page.version) == (expected.items, expected.token, expected.version)


@given(lists(), st.data())
def test_a_list_that_is_cut_short_is_refused(found: tuple[KindRef, bytes, bytes], data: st.DataObject) -> None:
    kind, protobuf, _ = found
    # The last four bytes are empty fields after the list.
    with pytest.raises(ClusterApiError, match="list"):
        read(kind, protobuf[: data.draw(st.integers(0, len(protobuf) - 5))])


@given(st.binary(max_size=60), st.integers(0, 60))
def test_what_is_no_list_is_an_error_of_ours(junk: bytes, at: int) -> None:
    good = envelope([b"\n\x03\n\x01a"] * 4)
    for body in (b"k8s\0" + junk, good[:at] + junk + good[at + len(junk) :]):
        try:
            read(POD, body)
        except ClusterApiError as error:
            assert error.on == "list Pod"


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 70_000])
def test_items_of_any_length(size: int) -> None:
    pod: Any = named("Pod")()
    pod.metadata.name = "a" * size
    (found,) = read(POD, envelope([pod.SerializeToString()])).items
    assert found.metadata.name == "a" * size


def test_what_is_not_declared_is_skipped() -> None:
    # Field 4 of a Pod and field 99 of its metadata, which no version has.
    pod: Any = named("Pod")()
    pod.metadata.name = "a"
    metadata = pod.metadata.SerializeToString() + b"\x9a\x06\x03new"
    (found,) = read(POD, envelope([b"\x0a" + bytes([len(metadata)]) + metadata + b"\x22\x01x"])).items
    assert found.metadata.name == "a"


def test_the_zero_time_is_none() -> None:
    pod: Any = named("Pod")()
    pod.metadata.name = "a"
    pod.metadata.creationTimestamp.SetInParent()
    (found,) = read(POD, envelope([pod.SerializeToString()])).items
    assert found.metadata.creation_timestamp is None


class _Asking(msgspec.Struct):
    """For a field that no message here declares."""

    hostname: str = ""


class _More(msgspec.Struct):
    spec: _Asking


@pytest.mark.parametrize("kind", sorted(READ), ids=lambda kind: kind.kind)
def test_what_resail_reads_is_declared_and_the_rest_is_read_as_json(kind: KindRef) -> None:
    assert reads_protobuf(kind, READ[kind])
    assert not reads_protobuf(kind, _More)
    assert not reads_protobuf(kind, dict[str, Any])


def test_what_is_absent_is_not_declared_too() -> None:
    for name, fields in ABSENT.items():
        assert not set(fields.split()) & set(named(name).DESCRIPTOR.fields_by_name)
