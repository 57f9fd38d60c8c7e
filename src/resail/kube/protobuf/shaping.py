"""Messages → shapes: the same as JSON would have been decoded to.

The functions that do it are generated, as those of dataclasses are: ten thousand pods have some million fields, and a call for
each of them would cost more than all the rest.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from msgspec import inspect

from resail.kube.protobuf.messages import ABSENT

__all__ = ["shaper"]

T = TypeVar("T")


def shaper(shape: type[T], message: type[Message]) -> Callable[[memoryview], T]:
    """How the bytes of such a message become a ``shape``, a msgspec struct whose encoded names are the API's.

    What Kubernetes does not have there gets the shape's default, as what it leaves out does: a shape may be of several kinds.

    Raises:
        TypeError: the message does not declare what the shape asks for, or not so.
    """
    parse: Callable[[Any], Message] = message.FromString
    shaped: Callable[[Message], T] = _shaper(cast(Any, shape), message.DESCRIPTOR)
    return lambda data: shaped(parse(data))


@cache
def _shaper(shape: Any, message: Any) -> Callable[[Any], Any]:
    described = inspect.type_info(shape)
    assert isinstance(described, inspect.StructType)
    source = _Source()
    name = source.struct(described, message)
    exec("\n".join(source.functions), source.known)
    shaped: Callable[[Any], Any] = source.known[name]
    return shaped


class _Source:
    """Functions, each of which makes a struct of a message ``m``; the methods return expressions."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self.known: dict[str, Any] = {"_int_or_string": _int_or_string, "_time": _time, "_written_time": _written_time}
        """The names in them."""

    def struct(self, described: inspect.StructType, message: Descriptor) -> str:
        """The name of the function that makes it."""
        fields = ", ".join(self._field(field, message) for field in described.fields)
        name = self._know(None)
        self.functions.append(f"def {name}(m): return {self._know(described.cls)}({fields})")
        return name

    def _know(self, value: Any) -> str:
        name = f"_{len(self.known)}"
        self.known[name] = value
        return name

    def _field(self, field: inspect.Field, message: Descriptor) -> str:
        declared = message.fields_by_name.get(field.encode_name)
        if declared is None:
            if field.encode_name not in ABSENT.get(message.name, "").split():
                raise TypeError(f"{message.name} declares no {field.encode_name}")
            return self._default(field)
        value = f"m.{declared.name}"
        if declared.is_repeated:
            # Nothing and an empty list or map are the same on the wire.
            return f"{self._many(field.type, declared, value)} or {self._default(field)}"
        if declared.message_type is None and (field.required or field.default == declared.default_value):
            return value
        return f"{self._one(field.type, declared, value)} if m.HasField({declared.name!r}) else {self._default(field)}"

    def _default(self, field: inspect.Field) -> str:
        if field.default_factory is not msgspec.NODEFAULT:
            return f"{self._know(field.default_factory)}()"
        return "None" if field.required else repr(field.default)

    def _many(self, wanted: inspect.Type, declared: FieldDescriptor, values: str) -> str:
        wanted = _present(wanted)
        entry = declared.message_type
        if isinstance(wanted, inspect.DictType) and entry is not None and entry.GetOptions().map_entry:
            value = entry.fields_by_name["value"]
            if value.message_type is None:
                return f"dict({values})"
            return f"{{key: {self._one(wanted.value_type, value, 'value')} for key, value in {values}.items()}}"
        if not isinstance(wanted, inspect.ListType):
            raise TypeError(f"{declared.full_name} is repeated")
        return f"[{self._one(wanted.item_type, declared, 'value')} for value in {values}]"

    def _one(self, wanted: inspect.Type, declared: FieldDescriptor, value: str) -> str:
        wanted = _present(wanted)
        message = declared.message_type
        if message is None:
            return value
        if isinstance(wanted, inspect.StructType):
            return f"{self.struct(wanted, message)}({value})"
        match message.name:
            case "Quantity":
                return f"{value}.string"
            case "IntOrString":
                return f"_int_or_string({value})"
            case "Time":
                return f"{'_time' if isinstance(wanted, inspect.DateTimeType) else '_written_time'}({value})"
            case name:
                raise TypeError(f"{declared.full_name}: a {name} is no {wanted}")


def _present(wanted: inspect.Type) -> inspect.Type:
    """What a type is where it is not None; a choice of several for a quantity or the like stays one."""
    if not isinstance(wanted, inspect.UnionType):
        return wanted
    others = [each for each in wanted.types if not isinstance(each, inspect.NoneType)]
    return others[0] if len(others) == 1 else wanted


def _int_or_string(found: Any) -> int | str:
    value: int | str = found.strVal if found.type else found.intVal
    return value


def _time(found: Any) -> datetime | None:
    """To the second, as in JSON; the zero time is an empty message here and null there."""
    return datetime.fromtimestamp(found.seconds, UTC) if found.HasField("seconds") else None


def _written_time(found: Any) -> str | None:
    time = _time(found)
    return None if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"
