"""D3: EnvoyFilters for metrics that charts before 1.21 made, and that nothing removes."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.data_plane.envoy_filters import KIND, is_of_telemetry, takes
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.mesh import mesh_settings
from resail.models.field_path import find

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="D3",
    title="EnvoyFilters for metrics that older releases left behind",
    proof="provable",
    severity="warning",
    installed="<1.21.0",
    detection="An EnvoyFilter stats-filter, tcp-stats-filter or stackdriver-filter of an older chart acts on new proxies, or on none.",
    effect="Metrics are counted twice or lost, as it goes on beside the statistics that are built in.",
    fix="delete it once no proxy of its version is left",
    gates=("G11", "G3"),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/issues/48126",
        "https://github.com/istio/istio/issues/50350",
        "https://github.com/istio/istio/issues/51028",
        "https://github.com/istio/istio/blob/1.21.1/releasenotes/notes/49960.yaml",
    ),
)

_PATTERN = "spec.configPatches[*].match.proxy.proxyVersion"


def _find(case: Case) -> Iterator[Sign]:
    root = next((one.field.value for one in mesh_settings(case, "rootNamespace")), case.snapshot.istio_namespace)
    running = {pod.proxy_version for workload in case.snapshot.workloads for pod in workload.pods if pod.proxy_version}
    for manifest in case.all(KIND):
        if manifest["metadata"].get("namespace") != root or not is_of_telemetry(manifest):
            continue
        patterns = list(find(manifest, _PATTERN))
        new = next((field for field in patterns if takes(field.value, [case.target])), None)
        if new:
            yield Sign.at(manifest, new.path, f"it acts on proxies {case.target}, which have these statistics built in")
        elif patterns and not any(takes(field.value, running) for field in patterns):
            yield Sign.at(manifest, patterns[0].path, "no proxy that runs is of its version any more", severity="info")


RULE = Rule(_HAZARD, _find)
