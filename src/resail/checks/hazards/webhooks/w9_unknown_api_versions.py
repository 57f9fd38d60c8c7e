"""W9: an old validator refuses API versions that newer CRDs serve."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.span import within
from resail.models.field_path import find, first
from resail.models.identity import IstioVersion, Manifest
from resail.models.mesh_objects import group_kind
from resail.models.snapshot import ControlPlane

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="W9",
    title="An old validator refuses API versions that newer CRDs serve",
    proof="provable",
    severity="warning",
    installed="<1.23.5",
    detection="CRDs serve v1, the istiod that validates is older than 1.22.0 and does not know it, and someone applies objects "
    "in v1.",
    effect="Whoever applies such an object is refused until istiod is upgraded.",
    fix="go on with v1beta1 until istiod is upgraded, or have the new revision validate",
    gates=("G6",),
    undo=("U4",),
    sources=("https://github.com/istio/istio/blob/1.23.5/releasenotes/notes/futureproof-version.yaml",),
)

_KNOWS_V1 = ">=1.22.0"
_GROUPS = ("networking.istio.io", "security.istio.io", "telemetry.istio.io")
_APPLIED = "metadata.annotations.kubectl.kubernetes.io/last-applied-configuration.apiVersion"


def _find(case: Case) -> Iterator[Sign]:
    judges = [plane for plane in case.snapshot.control_planes if _validates(case, plane) and _is_old(plane)]
    if not judges:
        return
    for crd in case.all("CustomResourceDefinition.apiextensions.k8s.io"):
        group, kind = first(crd, "spec.group"), first(crd, "spec.names.kind")
        served = [one for one in find(crd, "spec.versions[*]") if _serves_v1(one.value)]
        if group not in _GROUPS or not isinstance(kind, str) or not served:
            continue
        for manifest in case.all(group_kind(f"{group}/v1", kind)):
            for path in _written_as(manifest, f"{group}/v1"):
                seen = (Seen(manifest, path), Seen(crd, f"{served[0].path}.name"))
                yield Sign(seen, f"istiod {judges[0].version} refuses it when it is applied again as {group}/v1")
                break


def _validates(case: Case, plane: ControlPlane) -> bool:
    name = plane.deployment.name
    called = {hook.service for hook in case.snapshot.webhooks if hook.ref.kind == "ValidatingWebhookConfiguration"}
    return f"{plane.deployment.namespace}/{name}" in called


def _is_old(plane: ControlPlane) -> bool:
    version = IstioVersion.parse_if(plane.version)
    return version is not None and not within(version, _KNOWS_V1)


def _serves_v1(version: Manifest) -> bool:
    return first(version, "name") == "v1" and first(version, "served") is True


def _written_as(manifest: Manifest, api_version: str) -> list[str]:
    """Where it shows that someone writes an object in this version."""
    fields = [*find(manifest, "metadata.managedFields[*].apiVersion"), *find(manifest, _APPLIED)]
    return [field.path for field in fields if field.value == api_version]


RULE = Rule(_HAZARD, _find)
