"""N3: a manifest names an API that Kubernetes no longer has."""

import re
from collections.abc import Iterable, Iterator

from resail.checks.hazards.case import Case, Part, Unknown
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.models.field_path import first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="N3",
    title="A stored or rendered manifest names an API that Kubernetes no longer has",
    proof="provable",
    severity="blocker",
    methods=("helm", "istioctl"),
    detection="The Helm release's manifest, or what the target renders, has an apiVersion that this Kubernetes took out.",
    effect="helm upgrade stops before it changes anything, since it cannot read its own manifest or apply the new one.",
    fix="rewrite the stored manifest with the plugin mapkubeapis",
    gates=("G2", "G12"),
    undo=("U4",),
    sources=(
        "https://github.com/helm/helm/issues/12803",
        "https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
        "https://github.com/istio/istio/issues/41262",
        "https://github.com/istio/istio/issues/44507",
    ),
)

_GONE_SINCE = {
    ("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration"): 22,
    ("admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration"): 22,
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"): 22,
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"): 25,
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"): 26,
    ("policy/v1beta1", "PodDisruptionBudget"): 25,
    ("policy/v1beta1", "PodSecurityPolicy"): 25,
    **{("rbac.authorization.k8s.io/v1beta1", kind): 22 for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")},
}
"""What charts of Istio have had → the minor of Kubernetes that has it no more. Source: its deprecation guide."""


def _find(case: Case) -> Iterator[Sign]:
    for part in case.parts:
        name = first(part.source, "metadata.name")
        stored = _gone(case, part.running) if part.method == "helm" else []
        if stored:
            yield _sign(case, stored, f"the stored manifest of release {name} has {_words(stored)}")
        rendered = _gone(case, part.rendered or ())
        if rendered:
            message = f"chart {part.chart} of {case.target} renders {_words(rendered)}"
            yield _sign(case, rendered, message, fix=_fix_of_values(part))


def _gone(case: Case, objects: Iterable[Manifest]) -> list[Manifest]:
    old = [(manifest, _GONE_SINCE.get((str(manifest.get("apiVersion")), str(manifest.get("kind"))))) for manifest in objects]
    return [manifest for manifest, since in old if since is not None and since <= _minor(case)]


def _minor(case: Case) -> int:
    matched = re.match(r"v?1\.(\d+)", case.snapshot.cluster.kubernetes_version)
    if matched is None:
        raise Unknown("the version of Kubernetes is not known")
    return int(matched[1])


def _sign(case: Case, old: list[Manifest], words: str, fix: str = "") -> Sign:
    cluster = case.cluster
    message = f"{words}, which Kubernetes {cluster['version']} does not have"
    return Sign((*(Seen(manifest, "apiVersion") for manifest in old), Seen(cluster, "version")), message, fix=fix)


def _words(old: list[Manifest]) -> str:
    return ", ".join(sorted({f"{manifest['kind']} of {manifest['apiVersion']}" for manifest in old}))


def _fix_of_values(part: Part) -> str:
    if first(part.values, "global.autoscalingv2API") is False:
        return "take global.autoscalingv2API out of the values"
    return "go to a release whose charts have the present version"


RULE = Rule(_HAZARD, _find)
