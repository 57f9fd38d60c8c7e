"""D7: the place where spans go is no longer known: the implied zipkin, OpenCensus, Lightstep."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.mesh import holds_back, mesh_settings
from resail.models.field_path import find, first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="D7",
    title="The destination of traces is no longer known",
    proof="provable",
    severity="warning",
    installed="<1.27.0",
    target=">=1.22.0",
    detection=(
        "Spans go to a Service zipkin that no configuration names (until 1.22), or a provider of traces is OpenCensus "
        "(until 1.25) or Lightstep (until 1.27)."
    ),
    effect="No spans arrive any longer, and nothing reports an error.",
    fix="define an extension provider (such as OpenTelemetry), and name it in a Telemetry object",
    gates=("G11",),
    undo=("U3", "U8"),
    sources=(
        "https://istio.io/latest/news/releases/1.22.x/announcing-1.22/upgrade-notes/",
        "https://github.com/istio/istio/blob/1.25.0/releasenotes/notes/opencensus-removal.yaml",
        "https://github.com/istio/istio/blob/1.27.0/releasenotes/notes/54002.yaml",
    ),
)

_REMOVED = (("opencensus", "OpenCensus", "1.25.0"), ("lightstep", "Lightstep", "1.27.0"))
_EXPLICIT = ("defaultConfig.tracing", "defaultProviders.tracing[*]")


def _find(case: Case) -> Iterator[Sign]:
    if case.crosses("1.22.0") and not holds_back(case, "1.21") and not _is_told(case):
        for service in case.all("Service"):
            metadata = service["metadata"]
            if metadata.get("name") == "zipkin" and metadata.get("namespace") == case.snapshot.istio_namespace:
                yield Sign.at(service, "metadata.name", f"proxies send spans here by default, and those of {case.target} do not")
    for key, name, version in _REMOVED:
        if case.crosses(version):
            for setting in mesh_settings(case, f"extensionProviders[*].{key}"):
                message = f"this provider sends spans by {name}, which {case.target} cannot"
                yield Sign.at(setting.object, setting.field.path, message)


def _is_told(case: Case) -> bool:
    """Does any configuration say where spans go, or that there are none?"""
    if any(setting.field.value is False for setting in mesh_settings(case, "enableTracing")):
        return True
    # What charts up to 1.21 write where their user says nothing.
    implied = {"zipkin": {"address": f"zipkin.{case.snapshot.istio_namespace}:9411"}}
    told = [setting.field.value for pattern in _EXPLICIT for setting in mesh_settings(case, pattern)]
    if any(one and one != implied for one in told) or any(case.settings("meshConfig.defaultConfig.tracing", "istiod")):
        return True
    telemetries = case.all("Telemetry.telemetry.istio.io")
    return any(first(field.value, "name") for one in telemetries for field in find(one, "spec.tracing[*].providers[*]"))


RULE = Rule(_HAZARD, _find)
