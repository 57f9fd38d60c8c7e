"""D3: EnvoyFilters for telemetry that older releases of Istio installed."""

import re
from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.models.field_path import find, first
from resail.models.identity import ObjectRef

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="D3",
    title="EnvoyFilters for telemetry that older releases installed are still there",
    proof="provable",
    severity="warning",
    installed="<1.21.0",
    detection="An EnvoyFilter of the root namespace has one of the names and the labels that Istio's installers gave them.",
    effect="Proxies that it fits count and log requests twice, or patch a filter that is no longer there.",
    fix="delete it once no proxy of the versions that it is for is left",
    gates=("G11", "G3"),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/issues/48126",
        "https://github.com/istio/istio/issues/50350",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/49960.yaml",
    ),
)

_NAMES = re.compile(r"(tcp-)?(stats|metadata-exchange|stackdriver)-filter-.+")
_MARKS = ("metadata.labels.istio.io/rev", "metadata.labels.install.operator.istio.io/owning-resource")


def _find(case: Case) -> Iterator[Sign]:
    going = {ObjectRef.of(one) for part in case.parts if part.rendered is not None for one in part.running}
    for one in case.all("EnvoyFilter.networking.istio.io"):
        name = one["metadata"].get("name", "")
        if one["metadata"].get("namespace") != case.snapshot.istio_namespace or not _NAMES.fullmatch(name):
            continue
        if ObjectRef.of(one) in going:
            # The installer made it, and takes it away or keeps it with the target.
            continue
        mark = next((path for path in _MARKS if first(one, path) is not None), "")
        if not mark:
            continue
        version = next(find(one, "spec.configPatches[*].match.proxy.proxyVersion"), None)
        seen = (Seen(one, version.path),) if version else ()
        whose = f"is for proxies {version.value}" if version else "is for all proxies"
        yield Sign((*seen, Seen(one, mark)), f"EnvoyFilter {name} of an older release {whose}")


RULE = Rule(_HAZARD, _find)
