"""N15: istiod rolls the gateways that it manages as soon as it is of another version."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.injection import DEFAULT, revision_behind
from resail.models.field_path import first
from resail.models.identity import Manifest
from resail.models.snapshot import Component

__all__ = ["RULE"]

_LABEL = "gateway.networking.k8s.io/gateway-name"
_REVISION = "istio.io/rev"

_HAZARD = Hazard(
    id="N15",
    title="A managed gateway with one pod restarts with the control plane",
    proof="provable",
    severity="warning",
    target=">=1.18.0",
    detection=(
        "istiod manages the Deployment of a Gateway, which resolves to the revision that is upgraded and has one replica, or "
        "a strategy that takes all of its pods down before it brings up others."
    ),
    effect="Its pods restart at once, before the planned restarts and sometimes twice; connections break off.",
    fix="give the gateway two replicas and a budget before istiod is touched",
    gates=("G7", "G4", "G10"),
    undo=("U2", "U10"),
    sources=(
        "https://github.com/istio/istio/issues/59959",
        "https://github.com/istio/istio/issues/59709",
        "https://istio.io/latest/news/releases/1.18.x/announcing-1.18/upgrade-notes/",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    managed = [one for one in case.snapshot.components if one.managed_by_istiod]
    workloads = {one.ref: one for one in case.snapshot.workloads}
    gateways = case.all("Gateway.gateway.networking.k8s.io")
    for part in managed:
        workload = workloads.get(part.workload)
        name = workload.labels.get(_LABEL) if workload else None
        gateway = next((one for one in gateways if _is(one, part, name)), None)
        if workload is None or gateway is None or not _rolls(case, gateway, part):
            continue
        strategy = workload.strategy
        if workload.replicas == 1:
            how = "its only pod"
        elif 1 < workload.replicas <= strategy.max_unavailable and not strategy.max_surge:
            how = f"all of its {workload.replicas} pods at once"
        else:
            continue
        seen = [Seen(gateway, "spec.gatewayClassName")]
        deployment = next((one for one in case.all("Deployment.apps") if _is(one, part, part.workload.name)), None)
        if deployment is not None:
            paths = ("spec.replicas", "spec.strategy", "metadata.name")
            seen.append(Seen(deployment, next(path for path in paths if first(deployment, path) is not None)))
        yield Sign(
            tuple(seen), f"istiod restarts {how} of {part.role} {part.workload.namespace}/{name} as soon as it is upgraded"
        )


def _is(manifest: Manifest, part: Component, name: str | None) -> bool:
    wanted = (part.workload.namespace, name)
    return (first(manifest, "metadata.namespace"), first(manifest, "metadata.name")) == wanted


def _rolls(case: Case, gateway: Manifest, part: Component) -> bool:
    """Is the revision that is upgraded the one behind its label, or that of its namespace, and moves with the tag?"""
    own = first(gateway, f"metadata.labels.{_REVISION}")
    space = next((one for one in case.snapshot.namespaces if one.name == part.workload.namespace), None)
    pointer = own or (space.labels.get(_REVISION) if space else None) or DEFAULT
    if not isinstance(pointer, str):
        return False
    pinned = case.strategy == "canary" and own == case.revision and all(tag.tag != own for tag in case.snapshot.tags)
    return not pinned and revision_behind(case.snapshot, pointer) == case.revision


RULE = Rule(_HAZARD, _find)
