"""K4: objects that are there, and that the target's CRDs refuse."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case, Refusal, Unknown
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.models.field_path import first
from resail.models.identity import Manifest
from resail.models.mesh_objects import group_kind

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="K4",
    title="The target's CRDs refuse objects that are there",
    proof="provable",
    severity="warning",
    installed="<1.30.0",
    target=">=1.20.0",
    detection="A stored object is refused by the target's CRDs, and not by those that are installed.",
    effect="The object goes on working, and can no longer be changed: later corrections of it fail.",
    fix="correct the object before the CRDs change",
    gates=("G2",),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/blob/1.24.0/manifests/charts/base/files/crd-all.gen.yaml",
        "https://github.com/istio/istio/blob/1.23.6/manifests/charts/base/crds/crd-all.gen.yaml",
    ),
)

_LONGEST = 200


def _find(case: Case) -> Iterator[Sign]:
    if case.refusals is None:
        raise Unknown("the objects were not tried against the target's CRDs")
    for refusal in case.refusals:
        ref = refusal.ref
        for one in case.all(group_kind(ref.api_version, ref.kind)):
            if (first(one, "metadata.namespace", ""), first(one, "metadata.name")) == (ref.namespace, ref.name):
                yield Sign.at(one, _place(one, refusal.path), f"the CRDs of {case.target} refuse it: {_said(refusal)}")
    if case.unreplayed:
        raise Unknown(case.unreplayed)


def _place(manifest: Manifest, path: str) -> str:
    """The field, or what it is missing from."""
    while path and first(manifest, path, _place) is _place:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return path


def _said(refusal: Refusal) -> str:
    words = f"{refusal.path}: {refusal.words}" if refusal.path else refusal.words
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


RULE = Rule(_HAZARD, _find)
