"""C6: when the CNI agent restarts, pods of the ambient mesh lose their connections."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.nodes.agents import agent, enrolled, image_of, redirection
from resail.models.field_path import find
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="C6",
    title="A restart of the CNI agent cuts running ambient pods off",
    proof="indicative",
    severity="warning",
    target=">=1.29.0,<1.30.1,!=1.29.4,!=1.29.5,!=1.29.6,!=1.29.7",
    modes=("ambient",),
    detection="The target is 1.29.0 to 1.29.3 or 1.30.0, and ambient pods run; it was seen on clusters with IPv6.",
    effect="Running pods lose DNS and outbound connections once the agent of their node has restarted.",
    fix="choose 1.29.4, 1.30.1 or later, or drain each node before its agent restarts",
    gates=("G5", "G4"),
    undo=("U7",),
    sources=(
        "https://github.com/istio/istio/issues/60328",
        "https://github.com/istio/istio/blob/1.30.1/releasenotes/notes/60328.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    cni, pods = agent(case, "cni"), enrolled(case)
    if cni is None or not pods:
        return
    addresses = [address for pod in pods for address in _ipv6(pod)]
    shown = addresses[0] if addresses else redirection(pods[0])
    told = f"{len(addresses)} of {len(pods)} ambient pods have IPv6" if addresses else f"{len(pods)} ambient pods run"
    message = f"{told}, and agents of istio-cni {case.target} were seen to cut such pods off when they restart"
    yield Sign((image_of(case, cni), shown), message)


def _ipv6(pod: Manifest) -> list[Seen]:
    """The first such address, where there is one."""
    found = [field for field in find(pod, "status.podIPs[*].ip") if isinstance(field.value, str) and ":" in field.value]
    return [Seen(pod, field.path) for field in found[:1]]


RULE = Rule(_HAZARD, _find)
