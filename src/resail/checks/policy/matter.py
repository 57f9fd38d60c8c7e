"""One thing that a rule judges: a manifest, a finding or a step."""

from typing import Any

import msgspec

from resail.checks.policy.pairs import Pair
from resail.models.finding import Finding, FindingObject
from resail.models.identity import ObjectRef
from resail.models.mesh_objects import group_kind
from resail.models.plan import Step
from resail.models.policy import Subject

__all__ = ["Matter"]


class Matter(msgspec.Struct, frozen=True):
    """It, as JSON has it."""

    about: Subject
    value: Any
    objects: tuple[FindingObject, ...] = ()
    """Where it stands."""
    running: Any = None
    """What runs in its place; None: nothing, or it is no manifest."""

    @classmethod
    def of_manifest(cls, pair: Pair) -> "Matter":
        """An object that will be written."""
        ref = ObjectRef.of(pair.object)
        return cls("manifest", pair.object, (FindingObject(ref.kind, ref.namespace, ref.name),), pair.running)

    @classmethod
    def of_finding(cls, finding: Finding) -> "Matter":
        """What something else found."""
        return cls("finding", _as_json(finding), finding.objects)

    @classmethod
    def of_step(cls, index: int, step: Step) -> "Matter":
        """A step of the plan; ``index`` is its position there."""
        return cls("step", _as_json(step), (FindingObject("Plan", "", "plan", f"steps[{index}]"),))

    @property
    def names(self) -> tuple[str, ...]:
        """What rules may match it by: kind (with and without group) of a manifest, id of a finding, type of a step."""
        match self.about:
            case "manifest":
                kind = str(self.value.get("kind", ""))
                return (kind, group_kind(str(self.value.get("apiVersion", "")), kind))
            case "finding":
                return (str(self.value.get("id", "")),)
            case "step":
                return (str(self.value.get("type", "")),)


def _as_json(value: Finding | Step) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))
