"""D12: what istiod merges, and how it connects to hosts outside, by the defaults of 1.24."""

from collections import defaultdict
from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.mesh import holds_back
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
    detection="compatibilityVersion does not hold 1.23, and a DestinationRule sets TLS for a host outside the mesh whose "
    "endpoints say something of TLS, too, or several of one namespace are for the same host with other exportTo.",
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

_TLS_FLAG = "PREFER_DESTINATIONRULE_TLS_FOR_EXTERNAL_SERVICES"
_MERGE_FLAG = "ENABLE_ENHANCED_DESTINATIONRULE_MERGE"


def _find(case: Case) -> Iterator[Sign]:
    rules = case.all("DestinationRule.networking.istio.io")
    if not holds_back(case, "1.23", _TLS_FLAG):
        yield from _external(case, rules)
    if not holds_back(case, "1.23", _MERGE_FLAG):
        yield from _merged(rules)


def _external(case: Case, rules: tuple[Manifest, ...]) -> Iterator[Sign]:
    """Only where its endpoints say something of TLS themselves can there be another result."""
    outside = {
        field.value
        for entry in case.all("ServiceEntry.networking.istio.io")
        if first(entry, "spec.location", "MESH_EXTERNAL") == "MESH_EXTERNAL"
        and any(True for _ in find(entry, "spec.endpoints[*].labels.security.istio.io/tlsMode"))
        for field in find(entry, "spec.hosts[*]")
        if isinstance(field.value, str)
    }
    for rule in rules:
        host = first(rule, "spec.host")
        if isinstance(host, str) and host in outside and first(rule, "spec.trafficPolicy.tls"):
            yield Sign.at(rule, "spec.trafficPolicy.tls", f"it begins to go before what the endpoints of {host} say of TLS")


def _merged(rules: tuple[Manifest, ...]) -> Iterator[Sign]:
    by_host: dict[tuple[object, str], list[Manifest]] = defaultdict(list)
    for rule in rules:
        host = first(rule, "spec.host")
        if isinstance(host, str):
            by_host[rule["metadata"].get("namespace"), host].append(rule)
    for (_, host), those in by_host.items():
        if len({_exported(one) for one in those}) > 1:
            seen = tuple(Seen(one, "spec.host") for one in those[:5])
            yield Sign(seen, f"{len(those)} rules for {host} are exported differently, and no longer become one")


def _exported(rule: Manifest) -> tuple[str, ...]:
    return tuple(sorted(str(field.value) for field in find(rule, "spec.exportTo[*]")))


RULE = Rule(_HAZARD, _find)
