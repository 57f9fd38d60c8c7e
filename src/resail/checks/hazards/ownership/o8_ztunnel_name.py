"""O8: chart ztunnel of 1.25 names its objects by the release; those before and after do not."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.models.field_path import first

__all__ = ["RULE"]

_LINE = "1.25"
_FIXED = "ztunnel"

_HAZARD = Hazard(
    id="O8",
    title="The ztunnel DaemonSet is renamed, which takes it down on all nodes at once",
    proof="provable",
    severity="blocker",
    installed="<1.26.0",
    target=">=1.25.0",
    methods=("helm",),
    modes=("ambient",),
    detection="The release is not called ztunnel, resourceName is not set, and either the installed or the target is 1.25.",
    effect="Helm deletes the old DaemonSet while the new one starts: ambient traffic fails on every node.",
    fix="set resourceName to the name of the DaemonSet that runs",
    gates=("G1", "G5"),
    undo=("U1", "U8"),
    sources=(
        "https://github.com/istio/istio/blob/1.25.0/releasenotes/notes/ztunnel-helm-chart.yaml",
        "https://github.com/istio/istio/blob/1.26.0/releasenotes/notes/ztunnel-helm-chart-revert.yaml",
        "https://github.com/istio/istio/blob/1.25.0/manifests/charts/ztunnel/templates/_helpers.tpl",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    if (case.installed.line == _LINE) == (case.target.line == _LINE):
        return
    for part in case.parts:
        release = first(part.source, "metadata.name")
        named = first(part.source, f"{part.path}.resourceName")
        if part.chart != "ztunnel" or part.method != "helm" or release == _FIXED or named:
            continue
        before, after = (release, _FIXED) if case.installed.line == _LINE else (_FIXED, release)
        place = first(part.source, "metadata.namespace")
        there = [
            Seen(one, "metadata.name")
            for one in case.all("DaemonSet.apps")
            if first(one, "metadata.name") == before and first(one, "metadata.namespace") == place
        ]
        yield Sign(
            (Seen(part.source, "metadata.name"), *there),
            f"DaemonSet {place}/{before} is deleted, and {after} is made in its place",
            fix=f"set resourceName: {before} for this upgrade",
        )


RULE = Rule(_HAZARD, _find)
