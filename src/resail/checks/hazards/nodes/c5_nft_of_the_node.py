"""C5: nft on a node crashes over rules that a newer nft wrote."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.nodes.agents import agent, rendered, setting
from resail.checks.hazards.nodes.c4_packet_filters import is_distroless
from resail.checks.hazards.span import within
from resail.models.field_path import first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="C5",
    title="nft on the node crashes over rules that a newer nft wrote",
    proof="indicative",
    severity="warning",
    target=">=1.28.0",
    detection="nativeNftables is on, and the distroless image of 1.28.0 to 1.28.2, or of 1.31 and later, has the newest nft.",
    effect="Programs of the node that list or delete rules crash, kube-proxy and firewalls among them.",
    fix="update package nftables on the nodes first, or choose a release from 1.28.3 to 1.30",
    gates=("G5",),
    undo=("U6",),
    sources=(
        "https://github.com/istio/istio/issues/58492",
        "https://github.com/istio/istio/pull/58544",
        "https://github.com/istio/istio/pull/61224",
        "https://github.com/istio/istio/blob/1.30.3/docker/iptables.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    newest_nft = within(case.target, ">=1.28.0,<1.28.3") or within(case.target, ">=1.31.0")
    if not newest_nft or agent(case, "cni") is None:
        return
    after = rendered(case, "cni")
    nftables = setting(after, "NATIVE_NFTABLES")
    if nftables is None or nftables.value != "true" or not any(map(is_distroless, after)):
        return
    systems: dict[str, Seen] = {}
    for node in case.all("Node"):
        system = first(node, "status.nodeInfo.osImage")
        if isinstance(system, str) and system:
            systems.setdefault(system, Seen(node, "status.nodeInfo.osImage"))
    known = ", ".join(sorted(systems)) or "whose system is not known"
    message = f"the image of istio-cni {case.target} brings a newer nft than that of the nodes ({known}) may bear"
    yield Sign((nftables.seen, *systems.values()), message)


RULE = Rule(_HAZARD, _find)
