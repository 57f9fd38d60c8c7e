"""N10: a ServiceEntry with resolution NONE starts to honour targetPort."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.models.field_path import find, first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="N10",
    title="A ServiceEntry with resolution NONE starts to honour targetPort",
    proof="provable",
    severity="warning",
    installed="<1.22.0",
    target=">=1.22.0",
    modes=("sidecar",),
    detection="A ServiceEntry has resolution NONE, and a port whose targetPort is another than its number.",
    effect="Connections that went to the port's number go to its targetPort.",
    fix="make targetPort equal to the port's number, or take it out",
    gates=("G4",),
    undo=("U3", "U4"),
    sources=("https://istio.io/latest/news/releases/1.22.x/announcing-1.22/upgrade-notes/",),
)


def _find(case: Case) -> Iterator[Sign]:
    for entry in case.all("ServiceEntry.networking.istio.io"):
        if first(entry, "spec.resolution", "NONE") != "NONE":
            continue
        for port in find(entry, "spec.ports[*]"):
            number, goal = first(port.value, "number"), first(port.value, "targetPort")
            if goal and goal != number:
                yield Sign(
                    (Seen(entry, f"{port.path}.targetPort"), Seen(entry, f"{port.path}.number")),
                    f"connections to port {number} will go to port {goal}",
                )


RULE = Rule(_HAZARD, _find)
