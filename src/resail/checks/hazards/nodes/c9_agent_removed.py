"""C9: the CNI agent or ztunnel is removed while pods need it."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.nodes.agents import agent, enrolled, redirection
from resail.models.field_path import find
from resail.models.identity import Manifest
from resail.models.plan import InstallerStep, ObjectChange, RemoveRevision, Step

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="C9",
    title="istio-cni or ztunnel is removed while pods need it",
    proof="indicative",
    severity="warning",
    detection="A step of the plan removes istio-cni or ztunnel, and pods are in the ambient mesh or rely on istio-cni.",
    effect="Where a CNI configuration still names the plugin, pods can be neither made nor deleted; those there are cut off.",
    fix="take the pods out of the mesh and restart them first; then look at the CNI configuration of one node",
    gates=("G5", "G12"),
    undo=("U6",),
    sources=(
        "https://github.com/istio/istio/issues/49067",
        "https://github.com/istio/istio.io/issues/16748",
        "https://github.com/istio/istio.io/issues/16002",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    agents = {one.workload: one.role for role in ("cni", "ztunnel") if (one := agent(case, role))}
    if not agents:
        return
    plan = case.plan
    for index, step in enumerate(case.steps or ()):
        path, changes = _changes(step)
        for number, change in enumerate(changes):
            if change.change != "remove" or change.object not in agents:
                continue
            in_need = [redirection(pod) for pod in enrolled(case)]
            if agents[change.object] == "cni":
                in_need += [seen for pod in case.all("Pod") for seen in _served_by_cni(pod)]
            if in_need:
                message = f"step {step.id} removes {change.object}, and {len(in_need)} pods need it"
                yield Sign((Seen(plan, f"steps[{index}].{path}[{number}]"), in_need[0]), message)


def _changes(step: Step) -> tuple[str, tuple[ObjectChange, ...]]:
    """Path in the step, and what stands there."""
    if isinstance(step, RemoveRevision):
        return "objects", step.objects
    return "change.objects", step.change.objects if isinstance(step, InstallerStep) else ()


def _served_by_cni(pod: Manifest) -> list[Seen]:
    """The init container that only sees whether istio-cni made the rules."""
    return [Seen(pod, field.path) for field in find(pod, "spec.initContainers[name=istio-validation].name")]


RULE = Rule(_HAZARD, _find)
