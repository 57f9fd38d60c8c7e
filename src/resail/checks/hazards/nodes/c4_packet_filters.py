"""C4: rules of iptables and nftables are mixed on one node."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.nodes.agents import agent, rendered, running, setting
from resail.checks.hazards.span import within
from resail.models.field_path import first
from resail.models.identity import Manifest

__all__ = ["RULE", "is_distroless"]

_HAZARD = Hazard(
    id="C4",
    title="Rules of iptables and nftables mixed on one node",
    proof="indicative",
    severity="warning",
    target=">=1.27.0,<1.30.1,!=1.29.4,!=1.29.5,!=1.29.6,!=1.29.7",
    detection=(
        "nativeNftables is switched on with 1.28.0 or 1.28.1; or it is on with IPv6 off at 1.28.0, or with an image whose nft "
        "writes no JSON."
    ),
    effect="Rules of the old kind stay in force, and pods lose connections or go past their proxy.",
    fix="change the kind of rules in a step of its own with a reboot of each node, never together with the version",
    gates=("G5", "G4"),
    undo=("U6", "U7"),
    sources=(
        "https://github.com/istio/istio/issues/58353",
        "https://github.com/istio/istio/issues/58249",
        "https://github.com/istio/istio/issues/58964",
        "https://github.com/istio/istio/blob/1.30.1/releasenotes/notes/60328.yaml",
    ),
)
_NFTABLES, _IPV6 = "NATIVE_NFTABLES", "AMBIENT_IPV6"


def _find(case: Case) -> Iterator[Sign]:
    if agent(case, "cni") is None:
        return
    after = rendered(case, "cni")
    nftables = setting(after, _NFTABLES)
    if nftables is None or nftables.value != "true":
        return
    before = setting(running(case, "cni"), _NFTABLES)
    if (before is None or before.value != "true") and within(case.target, ">=1.28.0,<1.28.2"):
        message = f"istio-cni {case.target} goes over to nftables at once, and the rules of iptables stay on the nodes"
        yield Sign((nftables.seen,), message)
    ipv6 = setting(after, _IPV6)
    if ipv6 is not None and ipv6.value == "false" and within(case.target, "=1.28.0"):
        yield Sign((nftables.seen, ipv6.seen), "istio-cni 1.28.0 writes rules for IPv6, which is off, and stops when that fails")
    for daemon_set in after:
        path = "spec.template.spec.containers[name=install-cni].image"
        image = first(daemon_set, path)
        if isinstance(image, str) and not is_distroless(daemon_set):
            message = f"nft in {image} writes no JSON, so that istio-cni cannot take a pod out of the mesh"
            yield Sign((nftables.seen, Seen(daemon_set, path)), message, fix="set global.variant: distroless")


def is_distroless(daemon_set: Manifest) -> bool:
    """Is the image of this CNI agent the distroless one, which has another nft?"""
    return "distroless" in str(first(daemon_set, "spec.template.spec.containers[name=install-cni].image"))


RULE = Rule(_HAZARD, _find)
