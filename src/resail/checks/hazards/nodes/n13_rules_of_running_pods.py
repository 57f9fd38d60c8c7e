"""N13: from 1.29 on the CNI agent changes the rules inside running ambient pods when it starts."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.nodes.agents import agent, enrolled, redirection, rendered, running, setting

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="N13",
    title="The CNI agent changes the rules inside running ambient pods from 1.29 on",
    proof="provable",
    severity="warning",
    installed="<1.29.0",
    target=">=1.29.0",
    modes=("ambient",),
    detection="ambient.reconcileIptablesOnStartup comes on with the target (its default from 1.29), and ambient pods run.",
    effect="While istio-cni is replaced the redirection of running pods changes, and that of their DNS.",
    fix="set ambient.reconcileIptablesOnStartup: false for this step, then switch it on node pool by node pool",
    gates=("G5", "G4"),
    undo=("U8", "U6"),
    sources=(
        "https://github.com/istio/istio/pull/58509",
        "https://github.com/istio/istio/blob/1.29.0/releasenotes/notes/reconcile-iptables-default-true.yaml",
        "https://github.com/istio/istio/blob/1.29.0/manifests/charts/istio-cni/values.yaml",
        "https://github.com/istio/istio/issues/61027",
    ),
)
_RECONCILE = "AMBIENT_RECONCILE_POD_RULES_ON_STARTUP"


def _find(case: Case) -> Iterator[Sign]:
    pods = enrolled(case)
    if agent(case, "cni") is None or not pods:
        return
    before, after = setting(running(case, "cni"), _RECONCILE), setting(rendered(case, "cni"), _RECONCILE)
    if after is not None and after.value == "true" and (before is None or before.value != "true"):
        message = f"istio-cni {case.target} will change the rules inside {len(pods)} running pods as it starts on their nodes"
        yield Sign((after.seen, redirection(pods[0])), message)


RULE = Rule(_HAZARD, _find)
