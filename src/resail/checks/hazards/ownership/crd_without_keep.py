"""crd-without-keep: uninstalling a release would delete a CRD, with all objects of its kind."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.ownership.rendered import live, rendered_parts
from resail.models.field_path import first

__all__ = ["RULE"]

_KEEP = "metadata.annotations.helm.sh/resource-policy"

_HAZARD = Hazard(
    id="crd-without-keep",
    title="A CRD with objects would go with its Helm release",
    proof="provable",
    severity="info",
    methods=("helm",),
    detection="The target renders a CRD without `helm.sh/resource-policy: keep`, and there are objects of its kind.",
    effect="Who uninstalls the release deletes the CRD, and with it all objects of its kind.",
    fix="do not uninstall the release; back the objects up before",
    gates=("G12",),
    undo=("U4",),
    sources=(
        "https://helm.sh/docs/howto/charts_tips_and_tricks/#tell-helm-not-to-uninstall-a-resource",
        "https://github.com/istio/istio/blob/1.27.9/manifests/charts/base/files/crd-all.gen.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    for part in rendered_parts(case, "base"):
        for crd in part.target if part.method == "helm" else ():
            if crd["kind"] != "CustomResourceDefinition" or first(crd, _KEEP) == "keep":
                continue
            there = live(case, crd)
            objects = case.all(f"{first(crd, 'spec.names.kind')}.{first(crd, 'spec.group')}") if there is not None else ()
            if there is not None and objects:
                release, name = first(part.source, "metadata.name"), first(crd, "metadata.name")
                told = f"uninstalling release {release} would delete CRD {name} with all its objects ({len(objects)})"
                yield Sign((Seen(there, "spec.names.kind"),), told)


RULE = Rule(_HAZARD, _find)
