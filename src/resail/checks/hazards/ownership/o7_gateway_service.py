"""O7: what was changed by hand in a gateway's Service is overwritten, or goes with it."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case, Part
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.ownership.field_managers import field_managers
from resail.checks.hazards.ownership.plan_changes import removed_by_plan
from resail.checks.hazards.ownership.rendered import live, named, rendered_parts
from resail.models.field_path import first
from resail.models.identity import Manifest, ObjectRef

__all__ = ["RULE"]

_BY_HAND = ("kubectl", "k9s", "Mozilla", "dashboard")
"""Beginnings of the field managers of people; controllers write what is theirs again."""

_FIELDS = ("spec.clusterIP", "spec.loadBalancerIP", "spec.externalTrafficPolicy")
_ANNOTATIONS = "metadata.annotations."
_OWN = "kubectl.kubernetes.io/"

_HAZARD = Hazard(
    id="O7",
    title="A gateway's Service was changed by hand",
    proof="provable",
    severity="warning",
    detection=(
        "Somebody set a node port, an address, the external traffic policy or an annotation of a gateway's Service, and the "
        "target sets it otherwise or not at all."
    ),
    effect="Load balancers and firewalls outside go on pointing to a port or address that is no more.",
    fix="write what the Service has into the values of the gateway first",
    gates=("G2", "G4"),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/issues/31418",
        "https://github.com/istio/istio/issues/34431",
        "https://github.com/istio/istio/issues/28310",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    for part in rendered_parts(case, "gateway"):
        # What istioctl renders has all components, and only what it applied tells which are a gateway's.
        made = part.running if part.method == "istioctl" else (*part.running, *part.target)
        for own in made:
            service = live(case, own) if own["kind"] == "Service" else None
            if service is not None:
                yield from _signs(case, part, service, named(part.target, own))


def _signs(case: Case, part: Part, service: Manifest, rendered: Manifest | None) -> Iterator[Sign]:
    ref = ObjectRef.of(service)
    goes = (rendered is None and part.method == "helm") or ref in removed_by_plan(case)
    edited = sorted(path for path, managers in field_managers(service).items() if _is_edited(path, managers))
    # What server-side apply would overwrite the plan asks about, and O2 tells.
    merged = first(part.source, "applyMethod") != "ssa"
    lost = [path for path in edited if goes or (merged and first(rendered, path) not in (None, first(service, path)))]
    kept = [path for path in edited if path not in lost and first(rendered, path) is None]
    if lost:
        becomes = "goes" if goes else "is written by the release"
        yield Sign(tuple(Seen(service, path) for path in lost), f"what was set by hand in {ref} is lost, since it {becomes}")
    if kept:
        told = f"what was set by hand in {ref} stays as long as the Service does; made anew it would lack it"
        yield Sign(tuple(Seen(service, path) for path in kept), told, severity="info")


def _is_edited(path: str, managers: frozenset[str]) -> bool:
    annotation = path.startswith(_ANNOTATIONS) and not path.startswith(_ANNOTATIONS + _OWN)
    counts = annotation or path in _FIELDS or path.endswith(".nodePort")
    return counts and all(manager.startswith(_BY_HAND) for manager in managers)


RULE = Rule(_HAZARD, _find)
