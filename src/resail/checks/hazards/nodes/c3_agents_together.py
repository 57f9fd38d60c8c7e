"""C3: istio-cni and ztunnel are replaced together, or ztunnel some minutes after istio-cni was told otherwise."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.nodes.agents import agent, rendered, running, setting
from resail.checks.hazards.span import within
from resail.models.plan import InstallerStep, UpgradeCNI, UpgradeZtunnel

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="C3",
    title="istio-cni and ztunnel replaced together, or with a gap that matters",
    proof="indicative",
    severity="warning",
    modes=("ambient",),
    detection=(
        "One step of the plan replaces istio-cni and ztunnel, and the target is 1.24.0 to 1.24.2; or ztunnel comes after "
        "istio-cni on the way to 1.28, and what istio-cni captures or excludes changes."
    ),
    effect="New pods fail with no ztunnel connection, or running pods lose outbound connections until ztunnel is replaced.",
    fix="replace one after the other, node pool by node pool, and look at traffic in between",
    gates=("G5", "G4"),
    undo=("U6",),
    sources=(
        "https://github.com/istio/istio/issues/53843",
        "https://github.com/istio/istio/blob/1.25.0/releasenotes/notes/54565.yaml",
        "https://github.com/istio/istio/issues/58523",
    ),
)
_RACING = ">=1.24.0,<1.24.3"
_CAPTURE = ("AMBIENT_DNS_CAPTURE", "EXCLUDE_NAMESPACES")


def _find(case: Case) -> Iterator[Sign]:
    cni, ztunnel = agent(case, "cni"), agent(case, "ztunnel")
    if cni is None or ztunnel is None:
        return
    if within(case.target, _RACING):
        plan = case.plan
        for index, step in enumerate(case.steps or ()):
            if isinstance(step, InstallerStep) and {cni.workload, ztunnel.workload} <= set(step.change.replaced):
                message = f"step {step.id} replaces istio-cni and ztunnel at the same time"
                yield Sign.at(plan, f"steps[{index}].change.replaced", message)
    if case.crosses("1.28.0"):
        yield from _gap(case)


def _gap(case: Case) -> Iterator[Sign]:
    plan = case.plan
    steps = list(enumerate(case.steps or ()))
    first = next((index for index, step in steps if isinstance(step, UpgradeCNI)), None)
    then = next((index for index, step in steps if isinstance(step, UpgradeZtunnel)), None)
    if first is None or then is None or then <= first:
        return
    for name in _CAPTURE:
        before, after = setting(running(case, "cni"), name), setting(rendered(case, "cni"), name)
        if before is not None and after is not None and before.value != after.value:
            yield Sign(
                (Seen(plan, f"steps[{first}].title"), Seen(plan, f"steps[{then}].title"), after.seen),
                f"{name} of istio-cni goes from {before.value!r} to {after.value!r}, and ztunnel is replaced only afterwards",
            )


RULE = Rule(_HAZARD, _find)
