"""N1: images come from a registry that closes, or from another one than those that run. ``checks/images.py`` asks for each."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

import msgspec

from resail.checks.hazards.case import Case, Part
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.ownership.rendered import rendered_parts
from resail.models.field_path import Field, find
from resail.models.identity import Manifest

__all__ = ["RULE"]

_RETIRED = ("gcr.io/istio-release", "registry.istio.io/release")
_ENDS = date(2026, 12, 31)
"""They go in December 2026; no day was known when this was written, so none before its last is taken for it."""

_IMAGES = (
    "spec.template.spec.containers[*].image",
    "spec.template.spec.initContainers[*].image",
    "data.values.global.proxy.image",
)
_HUBS = ("hub", "global.hub", "pilot.hub", "cni.hub", "global.proxy.image")

_HAZARD = Hazard(
    id="N1",
    title="Images come from a registry that closes, or that the mesh has not used",
    proof="provable",
    severity="blocker",
    detection=(
        "A value or a rendered image names gcr.io/istio-release or registry.istio.io/release; or the chart's own hub is on "
        "another registry than the images that run."
    ),
    effect="New pods wait for images that nobody serves, or that mirrors, pull secrets and policies do not know.",
    fix="set global.hub to docker.io/istio or to a mirror that has the target's images",
    gates=("G1", "G12"),
    undo=("U8", "U1"),
    sources=(
        "https://github.com/istio/istio/issues/61467",
        "https://github.com/istio/istio/pull/59364",
        "https://github.com/istio/istio.io/pull/17539",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    for part in case.parts:
        for hub in _hubs(part):
            if _is_retired(hub.value):
                yield _closes(case, Seen(part.source, hub.path), hub.value)
    for part in rendered_parts(case):
        if not any(hub.value for hub in _hubs(part)):
            yield from _of_the_chart(case, part)


def _hubs(part: Part) -> Iterator[Field]:
    """What its user set."""
    for path in (*(f"{part.path}.{hub}" for hub in _HUBS), "spec.hub"):
        yield from find(part.source, path)


def _of_the_chart(case: Case, part: Part) -> Iterator[Sign]:
    """Nobody set a hub: what comes of the chart's own."""
    before = {_host(image.image) for image in _images(part.running)}
    others: dict[str, list[_Image]] = defaultdict(list)
    for image in _images(part.target):
        if _is_retired(image.image):
            yield _closes(case, Seen(image.manifest, image.path), image.image)
        elif before and _host(image.image) not in before:
            others[_host(image.image)].append(image)
    for host, images in others.items():
        told = f"images come from {host}, and no longer from {', '.join(sorted(before))}: mirrors, pull secrets and policies"
        yield Sign.at(images[0].manifest, images[0].path, f"{told} must know it", severity="warning")


def _closes(case: Case, seen: Seen, image: str) -> Sign:
    if case.today > _ENDS:
        return Sign((seen,), f"{image} is on a registry that was shut in December 2026")
    return Sign((seen,), f"{image} is on a registry that shuts in December 2026", severity="warning")


class _Image(msgspec.Struct, frozen=True):
    """Where an image is named."""

    manifest: Manifest
    path: str
    image: str


def _images(manifests: tuple[Manifest, ...]) -> Iterator[_Image]:
    for manifest in manifests:
        for path in _IMAGES:
            for field in find(manifest, path):
                if isinstance(field.value, str) and "/" in field.value:
                    yield _Image(manifest, field.path, field.value)


def _is_retired(image: object) -> bool:
    return isinstance(image, str) and any(image == hub or image.startswith(f"{hub}/") for hub in _RETIRED)


def _host(image: str) -> str:
    """``docker.io`` where none is named."""
    host, _, _ = image.partition("/")
    return host if "." in host or ":" in host or host == "localhost" else "docker.io"


RULE = Rule(_HAZARD, _find)
