"""N2: an upgrade that goes on with the defaults of the old chart."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.models.field_path import first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="N2",
    title="The old chart's defaults are kept as values",
    proof="provable",
    severity="blocker",
    methods=("helm",),
    detection="A HelmRelease of Flux preserves values as --reuse-values does, or the values hold a chart's block of defaults.",
    effect="The chart is not rendered, or it runs new templates with the old defaults, image tags among them.",
    fix="give the chart what you set yourself (helm get values, without --all) and nothing else",
    gates=("G1", "G12"),
    undo=("U1",),
    sources=(
        "https://github.com/istio/istio/blob/1.24.0/manifests/charts/istio-control/istio-discovery/templates/zzz_profile.yaml",
        "https://github.com/argoproj/argo-helm/issues/1114",
        "https://github.com/rancher/rancher/issues/30190",
    ),
)

_REFUSED = "defaults"
_REFUSED_SINCE = 24
_INNER = "_internal_defaults_do_not_set"
"""What charts keep their defaults below since 1.24; up to 1.23 it was ``defaults``."""


def _find(case: Case) -> Iterator[Sign]:
    for part in case.parts:
        if part.method == "helm":
            name = first(part.source, "metadata.name")
            if case.target.minor >= _REFUSED_SINCE and part.values.get(_REFUSED) and part.rendered is None:
                message = f"chart {part.chart} of {case.target} is not rendered while release {name} has values below defaults"
                yield Sign.at(part.source, f"{part.path}.{_REFUSED}", message)
            if part.values.get(_INNER):
                message = f"release {name} sets defaults of its chart, which then hide those of {case.target}"
                yield Sign.at(part.source, f"{part.path}.{_INNER}", message)
    releases = {(release.namespace, release.name): release for release in case.snapshot.helm_releases if release.installed}
    for flux in case.all("HelmRelease.helm.toolkit.fluxcd.io"):
        release = releases.get(_release(flux))
        if release is not None and first(flux, "spec.upgrade.preserveValues") is True:
            message = f"Flux upgrades {release.name} with the values of before, the defaults of {case.installed} among them"
            fix = "take spec.upgrade.preserveValues out of the HelmRelease"
            yield Sign.at(flux, "spec.upgrade.preserveValues", message, fix=fix)


def _release(flux: Manifest) -> tuple[str, str]:
    """Namespace and name of the release that Flux keeps. Source: API of helm-controller, ``spec.releaseName``."""
    own, name = str(first(flux, "metadata.namespace")), str(first(flux, "metadata.name"))
    namespace = first(flux, "spec.targetNamespace")
    composed = f"{namespace}-{name}" if namespace else name
    return str(first(flux, "spec.storageNamespace") or own), str(first(flux, "spec.releaseName") or composed)


RULE = Rule(_HAZARD, _find)
