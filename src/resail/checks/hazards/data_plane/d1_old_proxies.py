"""D1: proxies that are too old for what the new istiod sends."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.mesh import mesh_settings
from resail.checks.hazards.span import within
from resail.models.field_path import find, first
from resail.models.identity import IstioVersion, Manifest, ObjectRef

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="D1",
    title="Proxies that are too old for what the new istiod sends",
    proof="provable",
    severity="blocker",
    detection="(a) The target sends HBONE listeners that proxies before 1.29.2 refuse (1.29.2 to 1.29.4, 1.30.0, 1.30.1), and "
    "waypoints or HBONE sidecars of such versions are there. (b) A proxy is more than one minor behind its istiod, or ahead of "
    "it: a warning by revision, where its restart mends that.",
    effect="(a) Proxies that restart never become ready. (b) What istiod sends may be refused; nobody tests such pairs.",
    fix="(a) go to 1.29.5 or 1.30.2; (b) restart these workloads first",
    gates=("G3",),
    undo=("U2", "U7"),
    sources=(
        "https://github.com/istio/istio/pull/60486",
        "https://istio.io/latest/docs/releases/supported-releases/#control-planedata-plane-skew",
        "https://github.com/istio/istio/issues/49764",
    ),
)

_SENDS = (">=1.29.2,<1.29.5", ">=1.30.0,<1.30.2")
_UNDERSTANDS = IstioVersion(1, 29, 2)
_EAST_WEST = "eastwest"
_HBONE = "ISTIO_META_ENABLE_HBONE"


def _find(case: Case) -> Iterator[Sign]:
    if any(within(case.target, span) for span in _SENDS):
        yield from _listeners(case)
    yield from _skewed(case)


def _listeners(case: Case) -> Iterator[Sign]:
    gateways = {one.workload for one in case.snapshot.components if one.role == "waypoint"}
    everywhere = any(_is_true(one.field.value) for one in mesh_settings(case, f"defaultConfig.proxyMetadata.{_HBONE}"))
    kinds = ("Deployment.apps", "StatefulSet.apps", "DaemonSet.apps")
    workloads = {ObjectRef.of(one): one for kind in kinds for one in case.all(kind)}
    for workload in case.snapshot.workloads:
        proxies = [version for pod in workload.pods if (version := IstioVersion.parse_if(pod.proxy_version)) is not None]
        old = [version for version in proxies if version < _UNDERSTANDS]
        manifest = workloads.get(workload.ref)
        if old and manifest is not None and (workload.ref in gateways or everywhere or _asks(manifest)):
            message = f"its proxies are of {min(old)} and refuse the HBONE listeners that {case.target} sends"
            yield Sign.at(manifest, "spec.template", message)


def _asks(manifest: Manifest) -> bool:
    """Is it an east-west gateway of ambient mode, or are its sidecars told to?"""
    if _EAST_WEST in str(first(manifest, "metadata.labels.gateway.istio.io/managed")):
        return True
    config = "spec.template.metadata.annotations.proxy.istio.io/config.proxyMetadata"
    return any(_is_true(field.value) for field in find(manifest, f"{config}.{_HBONE}"))


def _skewed(case: Case) -> Iterator[Sign]:
    """Of pods as they are; what the plan leaves behind the planner tells."""
    planes = {plane.revision: IstioVersion.parse_if(plane.version) for plane in case.snapshot.control_planes}
    wanted: dict[tuple[str, str], str] = {}
    for workload in case.snapshot.workloads:
        for pod in workload.pods:
            plane, proxy = planes.get(pod.revision), IstioVersion.parse_if(pod.proxy_version)
            if plane is None or proxy is None or pod.phase in ("Succeeded", "Failed"):
                continue
            behind = plane.minor - proxy.minor
            if behind > 1 or behind < 0:
                how = f"{behind} minors behind" if behind > 0 else "ahead of"
                wanted[workload.ref.namespace, pod.name] = f"its proxy {proxy} is {how} istiod {plane}"
                break
    for one in case.all("Pod") if wanted else ():
        message = wanted.get((str(one["metadata"].get("namespace", "")), str(one["metadata"].get("name", ""))))
        if message:
            yield Sign((Seen(one, _image(one)),), message, severity="warning" if case.strategy == "canary" else None)


def _image(pod: Manifest) -> str:
    for place in ("spec.containers", "spec.initContainers"):
        for field in find(pod, f"{place}[name=istio-proxy].image"):
            return field.path
    return "metadata.annotations" if first(pod, "metadata.annotations") else ""


def _is_true(value: object) -> bool:
    return str(value).lower() == "true"


RULE = Rule(_HAZARD, _find)
