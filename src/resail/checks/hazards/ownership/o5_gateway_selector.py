"""O5: istiod 1.24.0 to 1.24.2 cannot patch gateway Deployments that select by the old label."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.models.field_path import find, first
from resail.models.identity import ObjectRef

__all__ = ["RULE"]

_LABEL = "istio.io/gateway-name"
_GROUP = "gateway.networking.k8s.io/"

_HAZARD = Hazard(
    id="O5",
    title="The Deployment of a managed gateway has a selector that istiod cannot change",
    proof="provable",
    severity="blocker",
    installed="<1.24.0",
    target=">=1.24.0,<1.24.3",
    detection=f"The Deployment of a Gateway selects by label {_LABEL}.",
    effect="istiod fails to apply the Deployment again and again, so that the gateway keeps its old proxy and settings.",
    fix="go to 1.24.3 or newer; else remove the Deployment in a window, and have istiod make it anew",
    gates=("G12", "G10"),
    undo=("U7",),
    sources=(
        "https://github.com/istio/istio/issues/54145",
        "https://github.com/istio/istio/pull/54170",
        "https://github.com/istio/istio/blob/1.24.3/releasenotes/notes/54145.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    for deployment in case.all("Deployment.apps"):
        path = f"spec.selector.matchLabels.{_LABEL}"
        gateway = first(deployment, path)
        owners = [one.value for one in find(deployment, "metadata.ownerReferences[*]")]
        if isinstance(gateway, str) and any(_is_gateway(owner) for owner in owners):
            told = (
                f"istiod {case.target} cannot apply {ObjectRef.of(deployment)} of Gateway {gateway}: its selector may not change"
            )
            yield Sign.at(deployment, path, told)


def _is_gateway(owner: object) -> bool:
    version = first(owner, "apiVersion")
    return first(owner, "kind") == "Gateway" and isinstance(version, str) and version.startswith(_GROUP)


RULE = Rule(_HAZARD, _find)
