"""D9: exclusions of ports and addresses begin to count for DNS, too."""

import ipaddress
from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.mesh import captures_dns
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="D9",
    title="Exclusions of ports and addresses begin to count for DNS, too",
    proof="provable",
    severity="warning",
    installed="<1.23.0",
    target=">=1.23.0",
    modes=("sidecar",),
    detection="A pod template whose sidecar captures DNS excludes port 53 or the address of the cluster's DNS.",
    effect="Its queries pass the sidecar by: hosts of ServiceEntries and automatic addresses do not resolve there.",
    fix="take port 53 and the DNS address out of the exclusion",
    gates=("G4",),
    undo=("U9",),
    sources=(
        "https://github.com/istio/istio/issues/53949",
        "https://github.com/istio/istio/blob/1.25.0/releasenotes/notes/53998.yaml",
    ),
)

_KINDS = ("Deployment.apps", "StatefulSet.apps", "DaemonSet.apps")
_ANNOTATIONS = "spec.template.metadata.annotations"
_PORTS = f"{_ANNOTATIONS}.traffic.sidecar.istio.io/excludeOutboundPorts"
_RANGES = f"{_ANNOTATIONS}.traffic.sidecar.istio.io/excludeOutboundIPRanges"
_OWN = f"{_ANNOTATIONS}.proxy.istio.io/config.proxyMetadata.ISTIO_META_DNS_CAPTURE"
_DNS = "53"


def _find(case: Case) -> Iterator[Sign]:
    everywhere = captures_dns(case)
    addresses = _addresses(case)
    for kind in _KINDS:
        for workload in case.all(kind):
            own = next(find(workload, _OWN), None)
            if own is not None and str(own.value).lower() != "true":
                continue
            why = Seen(workload, own.path) if own else everywhere
            if why is not None:
                for path in _excluding(workload, addresses):
                    yield Sign(
                        (Seen(workload, path), why), "its DNS queries begin to pass the sidecar by, which captures them now"
                    )


def _addresses(case: Case) -> list[str]:
    """Of the cluster's DNS."""
    return [
        str(first(service, "spec.clusterIP"))
        for service in case.all("Service")
        if service["metadata"].get("namespace") == "kube-system"
        and (first(service, "metadata.labels.k8s-app") == "kube-dns" or service["metadata"].get("name") == "kube-dns")
    ]


def _excluding(workload: Manifest, addresses: list[str]) -> Iterator[str]:
    for field in find(workload, _PORTS):
        if _DNS in str(field.value).replace(" ", "").split(","):
            yield field.path
    for field in find(workload, _RANGES):
        if any(_has(one, address) for one in str(field.value).split(",") for address in addresses):
            yield field.path


def _has(network: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network.strip(), strict=False)
    except ValueError:
        return False


RULE = Rule(_HAZARD, _find)
