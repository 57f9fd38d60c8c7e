"""An image of the mesh cannot be pulled."""

from collections import defaultdict
from collections.abc import Iterator

import msgspec

from resail.checks.diagnosis.control_planes import hangs_on
from resail.checks.diagnosis.pods import ContainerSeen, containers, events_of, reference
from resail.checks.diagnosis.sign import Place, Rule, Sign, at, place_of
from resail.checks.diagnosis.situation import Situation
from resail.models.diagnosis import Diagnosis
from resail.models.identity import ObjectRef

__all__ = ["RULE"]

_ID = "image-not-pulled"
_REASONS = frozenset(
    ("ErrImageNeverPull", "ErrImagePull", "ImageInspectError", "ImagePullBackOff", "InvalidImageName", "RegistryUnavailable")
)
_INJECTED = frozenset(("istio-proxy", "istio-init", "istio-validation"))


class _Lacking(msgspec.Struct, frozen=True):
    """A container that waits for its image."""

    owner: ObjectRef
    seen: ContainerSeen


def _find(situation: Situation) -> Iterator[Sign]:
    by_image: dict[str, list[_Lacking]] = defaultdict(list)
    for one in _lacking(situation):
        by_image[one.seen.image].append(one)
    for image, found in sorted(by_image.items()):
        owners = list(dict.fromkeys(one.owner for one in found))
        # Of several tries ErrImagePull has the registry's words, and ImagePullBackOff only that it was tried.
        spoken = sorted(found, key=lambda one: (one.seen.waiting != "ErrImagePull", not one.seen.words))
        names = ", ".join(sorted({one.seen.name for one in found}))
        yield Sign(
            diagnosis=Diagnosis(
                id=_ID,
                certainty="certain",
                cause=f"image {image} of {names} in {', '.join(map(str, owners[:3]))} cannot be pulled",
                objects=(*(at(ref) for ref in owners), *(at(one.seen.ref, one.seen.path) for one in found[:5])),
                evidence=tuple(
                    line
                    for one in spoken[:3]
                    for line in (
                        f"{one.seen.ref} {one.seen.path}: {one.seen.waiting}{f': {one.seen.words}' if one.seen.words else ''}",
                        *events_of(situation, one.seen.ref),
                    )
                ),
                undo=(
                    "see that the registry has the image under this name and tag, and that the nodes may pull it (pull secrets)",
                    "set `global.hub`, `global.tag` or the annotation `sidecar.istio.io/proxyImage` right, or `resail rollback`",
                    "restart what waits",
                ),
                source="https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff",
            ),
            explains=_explained(situation, owners),
        )


def _lacking(situation: Situation) -> Iterator[_Lacking]:
    snapshot = situation.snapshot
    parts = snapshot.parts
    owners = {(one.ref.namespace, pod.name): one.ref for one in snapshot.workloads for pod in one.pods}
    for pod in situation.pods:
        ref = reference(pod)
        owner = owners.get((ref.namespace, ref.name), ref)
        for seen in containers(pod):
            if seen.waiting in _REASONS and (seen.name in _INJECTED or owner in parts):
                yield _Lacking(owner, seen)


def _explained(situation: Situation, owners: list[ObjectRef]) -> frozenset[Place]:
    planes = [plane for plane in situation.snapshot.control_planes if plane.deployment in owners]
    return frozenset((*map(place_of, owners), *(place for plane in planes for place in hangs_on(situation, plane))))


RULE = Rule(_ID, _find)
