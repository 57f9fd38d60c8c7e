"""O1: chart base has the CRDs from 1.24 on, and Helm wants its marks on those that are there."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case, Part
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.ownership.helm_marks import release_of, signs_of_strangers
from resail.checks.hazards.ownership.rendered import named
from resail.models.field_path import first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_CRD = "CustomResourceDefinition.apiextensions.k8s.io"

_HAZARD = Hazard(
    id="O1",
    title="Istio's CRDs are not marked as those of the base release",
    proof="provable",
    severity="blocker",
    installed="<1.24.0",
    target=">=1.24.0",
    methods=("helm",),
    detection="A CRD of Istio lacks label and annotations of the Helm release of chart base, which has it from 1.24 on.",
    effect="Helm stops the upgrade of base, and no CRD is brought on.",
    fix="give the CRDs label app.kubernetes.io/managed-by and both annotations meta.helm.sh, once",
    gates=("G2",),
    undo=("U4", "U11"),
    sources=(
        "https://github.com/istio/istio/blob/1.24.0/releasenotes/notes/53318.yaml",
        "https://github.com/istio/istio/issues/43204",
        "https://github.com/istio/istio/blob/1.24.0/manifests/charts/base/templates/crds.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    for part in case.parts:
        if part.chart == "base" and part.method == "helm" and _templates(part):
            wanted = [crd for crd in case.all(_CRD) if _is_istios(crd) and _comes_with(part, crd)]
            yield from signs_of_strangers(case, release_of(part), wanted)


def _templates(part: Part) -> bool:
    return first(part.source, f"{part.path}.base.enableCRDTemplates") is not False


def _is_istios(crd: Manifest) -> bool:
    group = first(crd, "spec.group")
    return isinstance(group, str) and group.endswith(".istio.io")


def _comes_with(part: Part, crd: Manifest) -> bool:
    """Is it among what the target renders, as far as that is known?"""
    return part.rendered is None or named(part.rendered, crd) is not None


RULE = Rule(_HAZARD, _find)
