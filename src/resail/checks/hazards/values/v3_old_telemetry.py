"""V3: overrides of the old telemetry."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="V3",
    title="Overrides of telemetry.v2: two stop the chart, the others are ignored",
    proof="provable",
    severity="blocker",
    installed="<1.21.0",
    target=">=1.21.0",
    methods=("helm", "sail"),
    detection="Chart istiod has a value below telemetry.v2 that 1.21 took out.",
    effect="The chart is not rendered, or the metrics lose the names and tags that were set.",
    fix="write the override as a Telemetry resource, and take the value out",
    gates=("G1", "G11"),
    undo=("U1", "U2"),
    sources=(
        "https://github.com/istio/istio/blob/1.21.0/manifests/charts/istio-control/istio-discovery/templates/NOTES.txt",
        "https://github.com/istio/istio/issues/52763",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/drop-telemetry-envoyfilter.yaml",
    ),
)

# The chart means to refuse all but the last, but takes every second name of its list for what replaces the first.
_REFUSED = ("prometheus.configOverride", "stackdriver.disableOutbound")
_IGNORED = ("stackdriver.configOverride", "stackdriver.outboundAccessLogging", "accessLogPolicy")


def _find(case: Case) -> Iterator[Sign]:
    for name in _REFUSED:
        for setting in case.settings(f"telemetry.v2.{name}", "istiod"):
            if setting.value is not None and setting.part.rendered is None:
                message = f"chart istiod of {case.target} is not rendered while telemetry.v2.{name} is set"
                yield Sign.at(setting.part.source, setting.path, message)
    for name in _IGNORED:
        for setting in case.settings(f"telemetry.v2.{name}", "istiod"):
            # Empty, it changed nothing before either.
            if setting.value:
                message = f"chart istiod of {case.target} ignores telemetry.v2.{name}"
                yield Sign.at(setting.part.source, setting.path, message, severity="warning")


RULE = Rule(_HAZARD, _find)
