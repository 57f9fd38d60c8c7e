"""D13: ServiceEntries without addresses get them from istiod, which may be other ones than clients know."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.discovery import is_on, told_now
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.mesh import captures_dns, holds_back
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_FLAG = "PILOT_ENABLE_IP_AUTOALLOCATE"

_HAZARD = Hazard(
    id="D13",
    title="ServiceEntries without addresses get other automatic addresses",
    proof="indicative",
    severity="warning",
    installed="<1.25.0",
    target=">=1.25.0",
    detection="Sidecars capture DNS, and ServiceEntries have no addresses. Whether backends rely on x-envoy headers from private "
    "addresses no API shows: the checklist asks.",
    effect="Clients resolve these hosts to other virtual addresses; who has an old one written down does not reach them.",
    fix="write no virtual addresses down, give the entry an address of its own, or set PILOT_ENABLE_IP_AUTOALLOCATE to false",
    gates=("G4",),
    undo=("U3",),
    sources=(
        "https://github.com/istio/istio/blob/1.25.0/releasenotes/notes/ip-allocation-v2-default.yaml",
        "https://github.com/istio/istio/blob/1.25.0/releasenotes/notes/53402.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    capture = captures_dns(case)
    if capture is None or holds_back(case, "1.24", _FLAG) or is_on(told_now(case, _FLAG)):
        return
    entries = [entry for entry in case.all("ServiceEntry.networking.istio.io") if _gets_one(entry)]
    if entries:
        more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
        message = f"hosts of {entries[0]['metadata'].get('name', '')}{more} resolve to other virtual addresses"
        yield Sign((Seen(entries[0], "spec.hosts"), capture), message)


def _gets_one(entry: Manifest) -> bool:
    return (
        not first(entry, "spec.addresses")
        and first(entry, "spec.resolution", "NONE") != "NONE"
        and first(entry, "metadata.labels.networking.istio.io/enable-autoallocate-ip") != "false"
        and any(isinstance(field.value, str) and "*" not in field.value for field in find(entry, "spec.hosts[*]"))
    )


RULE = Rule(_HAZARD, _find)
