"""W5: several revisions run, and none is the default one."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.injection import DEFAULT, revision_behind
from resail.models.field_path import first
from resail.models.identity import ObjectRef

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="W5",
    title="Several revisions run and none is the default one: any of them may lead",
    proof="indicative",
    severity="warning",
    strategies=("canary",),
    detection="More than one istiod revision runs, and neither a revision nor a tag is called default.",
    effect="The status of Gateways and other objects may be written by the wrong version, or no longer.",
    fix="set the tag default to the revision that is to lead, before the next one starts",
    gates=("G8",),
    undo=("U2",),
    sources=(
        "https://github.com/istio/istio/issues/49808",
        "https://github.com/istio/istio/issues/55787",
        "https://github.com/istio/istio/issues/54280",
        "https://github.com/istio/istio/blob/1.30.3/pilot/pkg/leaderelection/leaderelection.go",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    planes = {plane.deployment: plane.revision for plane in case.snapshot.control_planes}
    if len(set(planes.values())) < 2 or revision_behind(case.snapshot, DEFAULT):
        return
    running = [one for one in case.all("Deployment.apps") if ObjectRef.of(one) in planes]
    seen = tuple(Seen(one, path) for one in running if first(one, path := "metadata.labels.istio.io/rev") is not None)
    if seen:
        yield Sign(seen, f"revisions {', '.join(sorted(set(planes.values())))} run, and any of them may hold the leader's leases")


RULE = Rule(_HAZARD, _find)
