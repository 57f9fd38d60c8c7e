"""C8: pods in namespaces that istio-cni excludes are taken out of the ambient mesh."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.nodes.agents import agent, enrolled, redirection, rendered, setting
from resail.models.field_path import first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="C8",
    title="Ambient pods in namespaces that istio-cni excludes leave the mesh",
    proof="provable",
    severity="blocker",
    installed="<1.30.0",
    target=">=1.30.0",
    modes=("ambient",),
    detection="A namespace that the target's istio-cni excludes has pods that are in the ambient mesh.",
    effect="They lose mTLS, and peers that require it refuse them.",
    fix="take the namespace out of excludeNamespaces, or take its pods out of the mesh first",
    gates=("G10", "G4"),
    undo=("U9", "U8"),
    sources=(
        "https://github.com/istio/istio/blob/1.30.0/releasenotes/notes/59295.yaml",
        "https://github.com/istio/istio/blob/1.30.0/manifests/charts/istio-cni/values.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    by_namespace: dict[str, list[Manifest]] = {}
    for pod in enrolled(case):
        by_namespace.setdefault(str(first(pod, "metadata.namespace")), []).append(pod)
    if agent(case, "cni") is None or not by_namespace:
        return
    told = setting(rendered(case, "cni"), "EXCLUDE_NAMESPACES")
    excluded = told.value.split(",") if told is not None else []
    for namespace in sorted(by_namespace.keys() & {name.strip() for name in excluded}):
        pods = by_namespace[namespace]
        message = f"namespace {namespace} is excluded, and {len(pods)} of its pods are in the ambient mesh until now"
        yield Sign((*([told.seen] if told else []), redirection(pods[0])), message)


RULE = Rule(_HAZARD, _find)
