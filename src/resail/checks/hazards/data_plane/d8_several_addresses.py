"""D8: named patches refuse ServiceEntries with several addresses, or lack listeners for them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.span import within
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="D8",
    title="Named patches refuse ServiceEntries with several addresses, or lack listeners for them",
    proof="provable",
    severity="blocker",
    target=">=1.22.0,<1.24.3",
    modes=("sidecar",),
    detection="A ServiceEntry has several addresses; and it mixes single ones with ranges (1.22.4, 1.23.0), shares address and "
    "port with another (1.22.4, 1.23.0, 1.24.0 to 1.24.2), or has TCP ports and no Sidecar is there (the rest of 1.22 and "
    "1.23).",
    effect="Proxies refuse their listeners, or have none for some of the addresses.",
    fix="give each address an entry of its own, or go to 1.24.3 or later",
    gates=("G3",),
    undo=("U7",),
    sources=(
        "https://github.com/istio/istio/pull/54207",
        "https://github.com/istio/istio/issues/52944",
        "https://github.com/istio/istio/issues/52847",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/fix-overlapping-se.yaml",
    ),
)

_MIXES = ">=1.22.4,<1.22.5"
_MIXES_TOO = ">=1.23.0,<1.23.1"
_SHARES = ">=1.24.0,<1.24.3"
_TCP = ("TCP", "TLS", "HTTPS", "MONGO", "MYSQL", "REDIS")


def _find(case: Case) -> Iterator[Sign]:
    mixes = within(case.target, _MIXES) or within(case.target, _MIXES_TOO)
    shares = mixes or within(case.target, _SHARES)
    entries = case.all("ServiceEntry.networking.istio.io")
    taken = _taken(case, entries) if shares else Counter()
    sidecars = bool(case.all("Sidecar.networking.istio.io"))
    for entry in entries:
        addresses = _addresses(entry)
        if len(addresses) < 2:
            continue
        if mixes and len({"/" in one for one in addresses}) == 2:
            yield Sign.at(entry, "spec.addresses", f"{case.target} refuses single addresses and ranges in one entry")
        elif shares and any(taken[one] > 1 for one in _places(addresses, entry)):
            yield Sign.at(entry, "spec.addresses", f"{case.target} refuses an address and port that another has, too")
        elif not shares and not sidecars and any(_is_tcp(port.value) for port in find(entry, "spec.ports[*]")):
            yield Sign.at(
                entry, "spec.addresses", f"{case.target} makes a TCP listener for the first of {len(addresses)} addresses"
            )


def _taken(case: Case, entries: tuple[Manifest, ...]) -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    for entry in entries:
        found.update(set(_places(_addresses(entry), entry)))
    for service in case.all("Service"):
        address = first(service, "spec.clusterIP")
        if isinstance(address, str):
            ports = {field.value for field in find(service, "spec.ports[*].port") if isinstance(field.value, int)}
            found.update((address, port) for port in ports)
    return found


def _places(addresses: list[str], entry: Manifest) -> Iterator[tuple[str, int]]:
    for port in find(entry, "spec.ports[*].number"):
        if isinstance(port.value, int):
            yield from ((address, port.value) for address in addresses)


def _addresses(entry: Manifest) -> list[str]:
    return [field.value for field in find(entry, "spec.addresses[*]") if isinstance(field.value, str)]


def _is_tcp(port: Any) -> bool:
    return str(first(port, "protocol", "TCP")).upper() in _TCP


RULE = Rule(_HAZARD, _find)
