"""C7: DNS of ambient pods is captured in new pods only."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.nodes.agents import agent, enrolled, redirection, rendered, running, setting, version_of
from resail.checks.hazards.span import within

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="C7",
    title="DNS of ambient pods is captured in new pods only",
    proof="provable",
    severity="warning",
    installed="<1.25.0",
    target=">=1.24.0",
    modes=("ambient",),
    detection=(
        "ambient.dnsCapture comes on with the target (its default from 1.25) while ambient pods run; or it is on, and istio-cni "
        "is 1.23 or older."
    ),
    effect="Pods of one mesh resolve names differently; those from before 1.24 lose DNS once ztunnel is newer than their rules.",
    fix="set ambient.dnsCapture to what it is now, upgrade, then change it and restart the pods",
    gates=("G4", "G5"),
    undo=("U8",),
    sources=(
        "https://istio.io/latest/news/releases/1.25.x/announcing-1.25/upgrade-notes/",
        "https://github.com/istio/istio/blob/1.25.0/releasenotes/notes/ambient-dns-on.yaml",
        "https://github.com/istio/ztunnel/issues/1360",
    ),
)
_CAPTURE, _RECONCILE = "AMBIENT_DNS_CAPTURE", "AMBIENT_RECONCILE_POD_RULES_ON_STARTUP"


def _find(case: Case) -> Iterator[Sign]:
    cni, pods = agent(case, "cni"), enrolled(case)
    if cni is None or not pods:
        return
    before, after = setting(running(case, "cni"), _CAPTURE), rendered(case, "cni")
    if before is not None and before.value == "true":
        if within(version_of(cni), "<1.24.0"):
            message = f"{len(pods)} running pods have DNS rules of istio-cni {cni.version}, which fail with ztunnel {case.target}"
            yield Sign((before.seen, redirection(pods[0])), message, fix="restart the pods after istio-cni and before ztunnel")
        return
    capture, reconcile = setting(after, _CAPTURE), setting(after, _RECONCILE)
    if capture is None or capture.value != "true" or (reconcile is not None and reconcile.value == "true"):
        return
    message = f"DNS is captured from {case.target} on in new pods, and in {len(pods)} running ones only once they restart"
    yield Sign((capture.seen, redirection(pods[0])), message)


RULE = Rule(_HAZARD, _find)
