"""What a rule tells of a cause."""

from collections.abc import Callable, Iterable

import msgspec

from resail.checks.diagnosis.situation import Situation
from resail.models.diagnosis import Diagnosis
from resail.models.finding import FindingObject
from resail.models.identity import ObjectRef

__all__ = ["Place", "Rule", "Sign", "at", "place_of"]

Place = tuple[str, str, str]
"""Kind, namespace and name of an object: where something is wrong."""


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """A diagnosis, and how it hangs together with others."""

    diagnosis: Diagnosis
    explains: frozenset[Place] = frozenset()
    """Objects that are not well on account of it."""
    symptom: bool = False
    """It tells that something is not well and not why: where a cause explains its first object, it is an effect of that."""

    @property
    def place(self) -> Place:
        """Of the diagnosis."""
        main = self.diagnosis.objects[0]
        return main.kind, main.namespace, main.name


class Rule(msgspec.Struct, frozen=True):
    """One cause, and how it is found."""

    id: str
    """Of its diagnoses, or the beginning of their ids."""
    find: Callable[[Situation], Iterable[Sign]]
    """Never raises, but for ``Unknown``."""


def at(ref: ObjectRef, field: str = "") -> FindingObject:
    """An object, or a field of it."""
    return FindingObject(ref.kind, ref.namespace, ref.name, field)


def place_of(ref: ObjectRef) -> Place:
    """Where an object is."""
    return ref.kind, ref.namespace, ref.name
