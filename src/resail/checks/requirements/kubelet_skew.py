"""kubelet-skew: nodes whose kubelet Kubernetes itself does not support with this API server."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.requirements.kubernetes import kubernetes_minor
from resail.models.field_path import first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="kubelet-skew",
    title="Nodes too far behind the API server, or ahead of it",
    proof="provable",
    severity="warning",
    detection="A kubelet is more than three minors older than the API server (two before kubelet 1.25), or newer.",
    effect="Pods that restart on such nodes may not start as the API server describes them.",
    fix="bring these nodes to the version of the API server first",
    gates=("G12",),
    undo=("U11",),
    sources=("https://kubernetes.io/releases/version-skew-policy/#kubelet",),
)
_PATH = "status.nodeInfo.kubeletVersion"


def _find(case: Case) -> Iterator[Sign]:
    cluster = case.cluster
    server = kubernetes_minor(cluster["version"])
    far: dict[str, list[Seen]] = {}
    for node in case.all("Node"):
        version = first(node, _PATH)
        kubelet = kubernetes_minor(version) if isinstance(version, str) else -1
        if kubelet >= 0 and not 0 <= server - kubelet <= (3 if kubelet >= 25 else 2):
            far.setdefault(version, []).append(Seen(node, _PATH))
    for version, nodes in far.items():
        message = f"kubelet {version} on {len(nodes)} nodes does not go with API server {cluster['version']}"
        yield Sign((nodes[0], Seen(cluster, "version")), message)


RULE = Rule(_HAZARD, _find)
