"""What becomes of each part of a mesh in a hop: its values, and what the target makes of them."""

from collections.abc import Mapping, Sequence

import msgspec

from resail.checks.hazards.case import Part
from resail.checks.hazards.parts import helm_release_object, parts_of
from resail.models.identity import Manifest, ObjectRef
from resail.models.rendering import ChartFacts, IstioctlRequest, RenderRequest
from resail.models.snapshot import HelmRelease
from resail.plan.drafting import Draft, ReleasePart, WishPart
from resail.plan.stages import StagePart

__all__ = ["TargetPart", "target_parts"]


class TargetPart(msgspec.Struct, frozen=True):
    """A part that the hop brings on."""

    part: Part
    request: RenderRequest | IstioctlRequest
    """What was rendered for it."""


def target_parts(
    drafted: Draft,
    rendered: Sequence[tuple[Manifest, ...]],
    facts: Mapping[str, ChartFacts],
    operators: Sequence[Manifest] = (),
) -> tuple[TargetPart, ...]:
    """One for each Helm release, component of istioctl and resource of the Sail Operator that a hop brings on.

    Args:
        drafted: the hop.
        rendered: the objects of its requests, in their order.
        facts: of the target's charts, by name.
        operators: what istioctl's parts were asked for.
    """
    found = []
    made = _by_source(drafted, rendered)
    for part in parts_of(drafted.chosen.snapshot, operators):
        key = part.method if part.method == "istioctl" else str(ObjectRef.of(part.source))
        if key in made:
            request, objects = made[key]
            defaults = facts[part.chart].values
            found.append(TargetPart(msgspec.structs.replace(part, rendered=objects, target_defaults=defaults), request))
    return tuple(found)


def _by_source(
    drafted: Draft, rendered: Sequence[tuple[Manifest, ...]]
) -> dict[str, tuple[RenderRequest | IstioctlRequest, tuple[Manifest, ...]]]:
    """What holds a part's values → what is rendered of them; the first where there are several (base and its validator)."""
    given = iter(rendered)
    found: dict[str, tuple[RenderRequest | IstioctlRequest, tuple[Manifest, ...]]] = {}
    for part in drafted.parts:
        if isinstance(part, StagePart):
            stage = [next(given) for _ in part.requests]
            # Stages are cumulative: the last one has all.
            found["istioctl"] = (part.increments[-1], stage[len(part.increments) - 1])
            continue
        objects = next(given)
        source = _source(drafted, part)
        if source:
            found.setdefault(source, (part.request, objects))
    return found


def _source(drafted: Draft, part: ReleasePart | WishPart) -> str:
    if isinstance(part, WishPart):
        return str(part.wish.part.resource.ref)
    running = part.running or (drafted.chosen.selection.istiod if part.role == "istiod" else None)
    return str(ObjectRef.of(helm_release_object(running))) if isinstance(running, HelmRelease) else ""
