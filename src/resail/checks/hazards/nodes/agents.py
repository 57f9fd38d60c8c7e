"""The agents of the nodes, istio-cni and ztunnel: their version, and what they are told, before a hop and after it."""

from typing import Literal

import msgspec

from resail.checks.hazards.case import Case, Unknown
from resail.checks.hazards.hazard import Seen
from resail.errors import UsageError
from resail.models.field_path import find, first
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.snapshot import Component

__all__ = ["Told", "agent", "daemon_set", "enrolled", "image_of", "redirection", "rendered", "running", "setting", "version_of"]

Role = Literal["cni", "ztunnel"]
"""Also the name of its chart."""

_CONTAINERS = {"cni": "install-cni", "ztunnel": "istio-proxy"}
_REDIRECTION = "metadata.annotations.ambient.istio.io/redirection"
_CONFIG = "istio-cni-config"


class Told(msgspec.Struct, frozen=True):
    """One setting of the CNI agent."""

    seen: Seen
    value: str


def agent(case: Case, role: Role) -> Component | None:
    """The agent as the mesh has it before the hop."""
    return next((one for one in case.snapshot.components if one.role == role), None)


def version_of(component: Component) -> IstioVersion:
    """Of its image.

    Raises:
        Unknown: the image does not tell.
    """
    try:
        return IstioVersion.parse(component.version)
    except UsageError:
        raise Unknown(f"the image of {component.workload}, {component.image or 'none'}, does not tell its version") from None


def image_of(case: Case, component: Component) -> Seen:
    """Where the image of an agent stands."""
    manifest = daemon_set(case, component)
    path = f"spec.template.spec.containers[name={_CONTAINERS[component.role]}].image"
    return Seen(manifest, path if first(manifest, path) is not None else "")


def daemon_set(case: Case, component: Component) -> Manifest:
    """The DaemonSet of an agent before the hop.

    Raises:
        Unknown: it cannot be read.
    """
    for manifest in (*running(case, component.role), *case.all("DaemonSet.apps")):
        if ObjectRef.of(manifest) == component.workload:
            return manifest
    raise Unknown(f"{component.workload} was not read")


def running(case: Case, chart: str) -> tuple[Manifest, ...]:
    """What runs of a chart before the hop: as its installer stored it, or from the cluster where it stored nothing."""
    stored = tuple(manifest for part in case.parts if part.chart == chart for manifest in part.running)
    return stored or (*case.all("DaemonSet.apps"), *case.all("ConfigMap"))


def rendered(case: Case, chart: str) -> tuple[Manifest, ...]:
    """What runs of a chart after the hop.

    Raises:
        Unknown: it was not rendered.
    """
    parts = [part for part in case.parts if part.chart == chart]
    if not parts:
        raise Unknown(f"it is not known who installs chart {chart}, and with which values")
    return tuple(manifest for part in parts for manifest in part.target)


def setting(objects: tuple[Manifest, ...], name: str) -> Told | None:
    """What the CNI agent is told by an environment variable: in its ConfigMap, or in its DaemonSet as older charts do it."""
    for manifest in objects:
        kind, called = manifest.get("kind"), first(manifest, "metadata.name")
        if kind == "ConfigMap" and called == _CONFIG:
            told = _told(manifest, f"data.{name}")
        elif kind == "DaemonSet" and called == "istio-cni-node":
            told = _told(manifest, f"spec.template.spec.containers[name=install-cni].env[name={name}].value")
        else:
            continue
        if told is not None:
            return told
    return None


def _told(manifest: Manifest, path: str) -> Told | None:
    for field in find(manifest, path):
        if isinstance(field.value, str):
            return Told(Seen(manifest, field.path), field.value)
    return None


def enrolled(case: Case) -> list[Manifest]:
    """Pods that the CNI agent has taken into the ambient mesh, as its own mark on them tells."""
    return [pod for pod in case.all("Pod") if first(pod, _REDIRECTION) == "enabled"]


def redirection(pod: Manifest) -> Seen:
    """Where the mark stands."""
    return Seen(pod, _REDIRECTION)
