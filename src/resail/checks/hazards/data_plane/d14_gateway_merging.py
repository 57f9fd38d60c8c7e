"""D14: an Istio Gateway no longer reaches managed gateways of other namespaces."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.discovery import is_on, told_now
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.mesh import holds_back
from resail.models.field_path import first

__all__ = ["RULE"]

_FLAG = "PILOT_ENABLE_STRICT_GATEWAY_MERGING"

_HAZARD = Hazard(
    id="D14",
    title="An Istio Gateway no longer reaches managed gateways of other namespaces",
    proof="provable",
    severity="blocker",
    installed="<1.31.0",
    target=">=1.31.0",
    detection=f"A Gateway selects pods of a managed gateway in another namespace, and neither {_FLAG}=false nor "
    "compatibilityVersion 1.30 keeps it.",
    effect="The Gateway's ports and hosts vanish from that proxy.",
    fix=f"move the Gateway into the namespace of its proxy, or set {_FLAG} to false for this step",
    gates=("G4", "G10"),
    undo=("U3",),
    sources=(
        "https://github.com/istio/istio/blob/1.31.0-rc.0/releasenotes/notes/strict-gateway-merging.yaml",
        "https://github.com/istio/istio/blob/1.31.0-rc.0/manifests/charts/istio-control/istio-discovery/files/"
        "profile-compatibility-version-1.30.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    if holds_back(case, "1.30", _FLAG) or is_on(told_now(case, "PILOT_SCOPE_GATEWAY_TO_NAMESPACE")):
        return
    managed = {one.workload for one in case.snapshot.components if one.role == "gateway" and one.managed_by_istiod}
    proxies = [one for one in case.snapshot.workloads if one.ref in managed]
    for gateway in case.all("Gateway.networking.istio.io"):
        selector = first(gateway, "spec.selector")
        if not isinstance(selector, dict) or not selector:
            continue
        for proxy in proxies:
            foreign = proxy.ref.namespace != first(gateway, "metadata.namespace")
            if foreign and all(proxy.labels.get(key) == value for key, value in selector.items()):
                message = f"{case.target} drops this Gateway from the proxies of {proxy.ref}, which istiod manages"
                yield Sign.at(gateway, "spec.selector", message)


RULE = Rule(_HAZARD, _find)
