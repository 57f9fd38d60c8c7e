"""D12: what istiod merges, and how it connects to hosts outside, by the defaults of 1.24."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.mesh import holds_back, mesh_settings
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="D12",
    title="What istiod merges, and TLS to hosts outside, follow the defaults of 1.24",
    proof="indicative",
    severity="warning",
    installed="<1.24.0",
    target=">=1.24.0",
    detection="compatibilityVersion does not hold 1.23; and proxies are told of client certificates of their own while a "
    "DestinationRule sets mutual TLS for a host outside the mesh, or several rules of one namespace are for one host with "
    "other exportTo.",
    effect="The mode of TLS, or which of the rules counts, changes without an edit.",
    fix="compare the configuration of one proxy with compatibilityVersion 1.23 and without it, then drop the flags one by one",
    gates=("G10", "G4"),
    undo=("U3",),
    sources=(
        "https://istio.io/latest/news/releases/1.24.x/announcing-1.24/upgrade-notes/",
        "https://github.com/istio/istio/blob/1.24.0/manifests/charts/istio-control/istio-discovery/files/"
        "profile-compatibility-version-1.23.yaml",
    ),
)

_OWN_CERTIFICATE = "defaultConfig.proxyMetadata.ISTIO_META_TLS_CLIENT_CERT_CHAIN"
_MUTUAL = ("MUTUAL", "ISTIO_MUTUAL")
_TLS_FLAG = "PREFER_DESTINATIONRULE_TLS_FOR_EXTERNAL_SERVICES"
_MERGE_FLAG = "ENABLE_ENHANCED_DESTINATIONRULE_MERGE"


def _find(case: Case) -> Iterator[Sign]:
    rules = case.all("DestinationRule.networking.istio.io")
    if not holds_back(case, "1.23", _TLS_FLAG):
        yield from _external(case, rules)
    if not holds_back(case, "1.23", _MERGE_FLAG):
        yield from _merged(rules)


def _external(case: Case, rules: tuple[Manifest, ...]) -> Iterator[Sign]:
    """The flag matters to proxies that are told of client certificates of their own, and to modes that use these.

    Source: ``buildUpstreamTLSSettings`` in ``pilot/pkg/networking/core/cluster_tls.go`` of Istio 1.24.0.
    """
    own = next((Seen(one.object, one.field.path) for one in mesh_settings(case, _OWN_CERTIFICATE)), None)
    if own is None:
        return
    outside = {
        field.value
        for entry in case.all("ServiceEntry.networking.istio.io")
        if first(entry, "spec.location", "MESH_EXTERNAL") == "MESH_EXTERNAL"
        for field in find(entry, "spec.hosts[*]")
        if isinstance(field.value, str)
    }
    for rule in rules:
        host, mode = first(rule, "spec.host"), first(rule, "spec.trafficPolicy.tls.mode")
        if isinstance(host, str) and host in outside and mode in _MUTUAL:
            message = f"its TLS begins to go before the certificates that proxies are told of, towards {host}"
            yield Sign((Seen(rule, "spec.trafficPolicy.tls.mode"), own), message)


def _merged(rules: tuple[Manifest, ...]) -> Iterator[Sign]:
    """Those for some workloads only were never merged, and a newer one that is exported to as many still is.

    Source: ``mergeDestinationRule`` in ``pilot/pkg/model/destination_rule.go`` of Istio 1.24.0.
    """
    by_host: dict[tuple[str, str], list[Manifest]] = defaultdict(list)
    for rule in sorted(rules, key=lambda one: str(first(one, "metadata.creationTimestamp", ""))):
        host, namespace = first(rule, "spec.host"), str(rule["metadata"].get("namespace", ""))
        if isinstance(host, str) and not first(rule, "spec.workloadSelector"):
            by_host[namespace, host if "." in host else f"{host}.{namespace}.svc.cluster.local"].append(rule)
    for (_, host), those in by_host.items():
        if any(not _still_becomes_one(older, newer) for older, newer in pairwise(those)):
            seen = tuple(Seen(one, "spec.host") for one in those[:5])
            yield Sign(seen, f"{len(those)} rules for {host} are exported differently, and no longer become one")


def _still_becomes_one(older: Manifest, newer: Manifest) -> bool:
    before, after = _exported(older), _exported(newer)
    return before == after or bool(before and set(before) <= set(after))


def _exported(rule: Manifest) -> tuple[str, ...]:
    return tuple(sorted(str(field.value) for field in find(rule, "spec.exportTo[*]")))


RULE = Rule(_HAZARD, _find)
