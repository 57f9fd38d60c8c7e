"""service-port-vanishes: the target's Service lacks a port that is served now."""

from collections.abc import Iterator
from typing import Any

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.ownership.rendered import live, named, rendered_parts
from resail.models.field_path import find, first
from resail.models.identity import Manifest, ObjectRef

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="service-port-vanishes",
    title="A port of a Service goes with the upgrade",
    proof="provable",
    severity="warning",
    detection="A Service that the installer made has a port that the target does not render.",
    effect="Clients and load balancers that use the port are refused.",
    fix="set the port in the values, where the chart takes it; else move its clients first",
    gates=("G1", "G4"),
    undo=("U1", "U8"),
    sources=("https://kubernetes.io/docs/concepts/services-networking/service/#multi-port-services",),
)


def _find(case: Case) -> Iterator[Sign]:
    for part in rendered_parts(case):
        for rendered in part.target:
            there = live(case, rendered) if rendered["kind"] == "Service" else None
            if there is None:
                continue
            # A port that others added stays, as it is in no manifest of the installer. Sail's is not known: all count.
            before = there if part.method == "sail" else named(part.running, rendered)
            gone = _ports(before).keys() - _ports(rendered).keys()
            for port, path in _ports(there).items():
                if port in gone:
                    yield Sign.at(there, f"{path}.port", f"port {port[0]} of {ObjectRef.of(there)} goes with the upgrade")


def _ports(service: Manifest | None) -> dict[tuple[str, str], str]:
    """Number and protocol of each → its path."""
    return {_named(one.value): one.path for one in find(service, "spec.ports[*]") if first(one.value, "port") is not None}


def _named(port: Any) -> tuple[str, str]:
    return str(first(port, "port")), str(first(port, "protocol", "TCP"))


RULE = Rule(_HAZARD, _find)
