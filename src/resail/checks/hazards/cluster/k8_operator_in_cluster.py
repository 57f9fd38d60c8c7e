"""K8: the in-cluster operator ends with 1.24, and the one that runs goes on."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.models.field_path import first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="K8",
    title="The in-cluster operator would undo the upgrade",
    proof="provable",
    severity="blocker",
    installed="<1.24.0",
    target=">=1.24.0",
    detection="A Deployment istio-operator runs, and there is an IstioOperator, which it follows.",
    effect="The old operator turns the new installation back, or deleting its objects hangs on their finalizer.",
    fix="scale the operator to zero, go over to istioctl, Helm or the Sail Operator, and take the finalizers out",
    gates=("G12",),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/pull/52090",
        "https://github.com/istio/istio/issues/35114",
        "https://github.com/istio/istio/issues/29451",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    running = [one for one in case.all("Deployment.apps") if _is_operator(one)]
    if not running:
        return
    for followed in case.all("IstioOperator.install.istio.io"):
        finalizers = first(followed, "metadata.finalizers")
        for deployment in running:
            path = "spec.replicas" if first(deployment, "spec.replicas") is not None else ""
            seen = (Seen(deployment, path), Seen(followed, "metadata.finalizers" if finalizers else "metadata.name"))
            yield Sign(seen, "the operator follows it, knows no version from 1.24 on, and would turn the upgrade back")


def _is_operator(deployment: Manifest) -> bool:
    name = first(deployment, "metadata.name")
    return isinstance(name, str) and name.startswith("istio-operator") and first(deployment, "spec.replicas", 1) != 0


RULE = Rule(_HAZARD, _find)
