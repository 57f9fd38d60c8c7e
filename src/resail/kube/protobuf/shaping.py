"""Messages → shapes: the same as JSON would have been decoded to."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, cast

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from msgspec import inspect

__all__ = ["shaper"]

T = TypeVar("T")

_Reader = Callable[[Any], Any]
"""A message → one field of a shape."""


def shaper(shape: type[T], message: type[Message]) -> Callable[[memoryview], T]:
    """How the bytes of such a message become a ``shape``, a msgspec struct whose encoded names are the API's.

    What the message does not declare gets the shape's default, as what the API leaves out does: a shape may be of several kinds.

    Raises:
        TypeError: the message has no field that the shape needs, or of another kind.
    """
    parse: Callable[[Any], Message] = message.FromString
    shaped: Callable[[Message], T] = _shaper(cast(Any, shape), message.DESCRIPTOR)
    return lambda data: shaped(parse(data))


@cache
def _shaper(shape: Any, message: Any) -> Callable[[Any], Any]:
    described = inspect.type_info(shape)
    assert isinstance(described, inspect.StructType)
    return _struct(described, message)


def _struct(described: inspect.StructType, message: Descriptor) -> Callable[[Any], Any]:
    make = described.cls
    readers = [_field(field, message) for field in described.fields]

    def shaped(found: Any) -> Any:
        return make(*[read(found) for read in readers])

    return shaped


def _field(field: inspect.Field, message: Descriptor) -> _Reader:
    declared = message.fields_by_name.get(field.encode_name)
    if declared is None:
        if field.required:
            raise TypeError(f"{message.name} has no {field.encode_name}")
        return _default(field)
    name = declared.name
    if declared.is_repeated:
        # Nothing and an empty list or map are the same on the wire.
        many, default = _many(field.type, declared), _default(field)
        return lambda found: many(values) if (values := getattr(found, name)) else default(found)
    if declared.message_type is None and (field.required or field.default == declared.default_value):
        return attrgetter(name)
    one, default = _one(field.type, declared), _default(field)
    return lambda found: one(getattr(found, name)) if found.HasField(name) else default(found)


def _default(field: inspect.Field) -> _Reader:
    factory = field.default_factory
    if factory is not msgspec.NODEFAULT:
        return lambda _: factory()
    default = None if field.default is msgspec.NODEFAULT else field.default
    return lambda _: default


def _many(wanted: inspect.Type, declared: FieldDescriptor) -> _Reader:
    wanted = _present(wanted)
    entry = declared.message_type
    if isinstance(wanted, inspect.DictType) and entry is not None and entry.GetOptions().map_entry:
        value = entry.fields_by_name["value"]
        if value.message_type is None:
            return dict
        one = _one(wanted.value_type, value)
        return lambda values: {key: one(value) for key, value in values.items()}
    if not isinstance(wanted, inspect.ListType):
        raise TypeError(f"{declared.full_name} is repeated")
    if entry is None:
        return list
    item = _one(wanted.item_type, declared)
    return lambda values: [item(value) for value in values]


def _one(wanted: inspect.Type, declared: FieldDescriptor) -> _Reader:
    wanted = _present(wanted)
    message = declared.message_type
    if message is None:
        return _itself
    if isinstance(wanted, inspect.StructType):
        return _struct(wanted, message)
    match message.name:
        case "Quantity":
            return attrgetter("string")
        case "IntOrString":
            return _int_or_string
        case "Time" if isinstance(wanted, inspect.DateTimeType):
            return _time
        case "Time":
            return _written_time
        case name:
            raise TypeError(f"{declared.full_name}: a {name} is no {wanted}")


def _present(wanted: inspect.Type) -> inspect.Type:
    """What a type is where it is not None; a choice of several for a quantity or the like stays one."""
    if not isinstance(wanted, inspect.UnionType):
        return wanted
    others = [each for each in wanted.types if not isinstance(each, inspect.NoneType)]
    return others[0] if len(others) == 1 else wanted


def _itself(value: Any) -> Any:
    return value


def _int_or_string(found: Any) -> int | str:
    value: int | str = found.strVal if found.type else found.intVal
    return value


def _time(found: Any) -> datetime | None:
    """To the second, as in JSON; the zero time is an empty message here and null there."""
    return datetime.fromtimestamp(found.seconds, UTC) if found.HasField("seconds") else None


def _written_time(found: Any) -> str | None:
    time = _time(found)
    return None if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"
