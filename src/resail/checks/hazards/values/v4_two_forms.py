"""V4: one value in two forms."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case, Part
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.values.leaves import PREFIXES, leaves

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="V4",
    title="The same value stands at the root and below pilot or cni, and differs",
    proof="provable",
    severity="info",
    target=">=1.24.0",
    methods=("helm", "sail"),
    detection="A value below pilot (chart istiod) or cni (chart cni) stands at the root, too, with another content.",
    effect="The one below pilot or cni wins; whoever edits the one at the root changes nothing.",
    fix="keep the one at the root, with the content that is wanted, and take the other out",
    gates=("G1",),
    undo=("U1", "U8"),
    sources=(
        "https://github.com/istio/istio/blob/1.24.0/manifests/charts/istio-control/istio-discovery/templates/zzy_descope_legacy.yaml",
        "https://github.com/istio/istio/blob/1.24.0/manifests/charts/istio-cni/templates/zzy_descope_legacy.yaml",
        "https://github.com/istio/istio/issues/56761",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    for part in case.parts:
        prefix = PREFIXES.get(part.chart)
        if prefix is not None:
            yield from _twice(part, prefix)


def _twice(part: Part, prefix: str) -> Iterator[Sign]:
    all_leaves = {leaf.path: leaf.value for leaf in leaves(part.values)}
    for path, value in all_leaves.items():
        root = path.removeprefix(f"{prefix}.")
        if root in all_leaves and all_leaves[root] != value:
            yield Sign(
                (Seen(part.source, f"{part.path}.{path}"), Seen(part.source, f"{part.path}.{root}")),
                f"chart {part.chart} takes {path}, and {root} has no effect",
            )


RULE = Rule(_HAZARD, _find)
