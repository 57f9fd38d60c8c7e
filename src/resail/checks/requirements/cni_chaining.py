"""cni-chaining: istio-cni as a link of the nodes' CNI chain, or beside it."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.nodes.agents import agent, rendered, running, setting
from resail.models.field_path import first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="cni-chaining",
    title="istio-cni joins or leaves the nodes' CNI chain, or stands beside it where nothing calls it",
    proof="provable",
    severity="warning",
    detection="chained differs between what runs and the target; or it is false, and there is no Multus to call the plugin.",
    effect="What the old agent wrote on the nodes stays, or new pods start without their rules.",
    fix="leave chained as it is, or change it in a step of its own, node by node",
    gates=("G12", "G5"),
    undo=("U8", "U6"),
    sources=("https://istio.io/latest/docs/setup/additional-setup/cni/",),
)
_CHAINED = "CHAINED_CNI_PLUGIN"


def _find(case: Case) -> Iterator[Sign]:
    if agent(case, "cni") is None:
        return
    before, after = setting(running(case, "cni"), _CHAINED), setting(rendered(case, "cni"), _CHAINED)
    if after is None:
        return
    if before is not None and before.value != after.value:
        yield Sign((after.seen,), f"the plugin goes from chained={before.value} to chained={after.value}")
    elif after.value == "false" and not _has_multus(case):
        yield Sign((after.seen,), "the plugin is not in the chain, and no Multus was found that would call it")


def _has_multus(case: Case) -> bool:
    """By the name of a DaemonSet, or by its custom resource, which OpenShift has."""
    daemon_sets = [str(first(one, "metadata.name")) for one in case.all("DaemonSet.apps")]
    definitions = [first(one, "metadata.name") for one in case.all("CustomResourceDefinition.apiextensions.k8s.io")]
    return any("multus" in name for name in daemon_sets) or "network-attachment-definitions.k8s.cni.cncf.io" in definitions


RULE = Rule(_HAZARD, _find)
