"""cni-exclusive: Cilium keeps the nodes' CNI configuration for itself."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.nodes.agents import agent
from resail.models.field_path import first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="cni-exclusive",
    title="Cilium keeps the nodes' CNI configuration for itself",
    proof="provable",
    severity="warning",
    detection="istio-cni runs beside Cilium, whose ConfigMap has cni-exclusive: true.",
    effect="Whenever Cilium restarts on a node it takes istio-cni out, and pods that start then have no rules.",
    fix="set cni.exclusive: false in Cilium's values, and restart its agents one by one, before the upgrade",
    gates=("G12", "G5"),
    undo=("U11",),
    sources=(
        "https://istio.io/latest/docs/ambient/install/platform-prerequisites/#cilium",
        "https://docs.cilium.io/en/stable/network/servicemesh/istio/",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    if agent(case, "cni") is None:
        return
    for config in case.all("ConfigMap"):
        if first(config, "metadata.name") == "cilium-config" and first(config, "data.cni-exclusive") == "true":
            yield Sign.at(config, "data.cni-exclusive", "Cilium removes the istio-cni plugin from each node on which it restarts")


RULE = Rule(_HAZARD, _find)
