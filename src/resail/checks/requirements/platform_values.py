"""platform-values: istio-cni writes where the platform does not look."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.nodes.agents import agent, rendered, running
from resail.checks.requirements.platforms import Platform, platform_of
from resail.models.field_path import first
from resail.models.identity import Manifest
from resail.models.mesh_objects import group_kind

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="platform-values",
    title="istio-cni writes where this platform does not look, or is told of another platform",
    proof="provable",
    severity="warning",
    detection=(
        "The target's istio-cni mounts another directory than the platform of the nodes reads, and nobody chose it by hand; or "
        "global.platform is another platform than that of the nodes."
    ),
    effect="Nodes do not find the plugin, so that new pods start without their rules, or not at all.",
    fix="set global.platform to the platform of the nodes for every chart",
    gates=("G12", "G1"),
    undo=("U8", "U1"),
    sources=(
        "https://istio.io/latest/docs/ambient/install/platform-prerequisites/",
        "https://github.com/istio/istio/pull/54141",
        "https://github.com/istio/istio/issues/58094",
    ),
)
_CONFIGURATION, _PLUGINS = "cni-net-dir", "cni-bin-dir"
_VALUES = {_CONFIGURATION: "cniConfDir", _PLUGINS: "cniBinDir"}
_DIRECTORIES = {
    "gke": (_PLUGINS, "/home/kubernetes/bin"),
    "k3d": (_CONFIGURATION, "/var/lib/rancher/k3s/agent/etc/cni/net.d"),
    "k3s": (_CONFIGURATION, "/var/lib/rancher/k3s/agent/etc/cni/net.d"),
    "microk8s": (_CONFIGURATION, "/var/snap/microk8s/current/args/cni-network"),
    "openshift": (_CONFIGURATION, "/etc/cni/multus/net.d"),
}
"""Platform → volume of the agent, and the directory that the platform reads (``profile-platform-*.yaml`` of chart ``cni``)."""
_KNOWN = {*_DIRECTORIES, "minikube"}
"""What the charts take for ``global.platform``."""


def _find(case: Case) -> Iterator[Sign]:
    if agent(case, "cni") is None:
        return
    platform = platform_of(case)
    if platform is None:
        return
    yield from _told_otherwise(case, platform)
    if platform.name in _DIRECTORIES:
        volume, directory = _DIRECTORIES[platform.name]
        yield from _directory(case, platform, volume, directory)


def _told_otherwise(case: Case, platform: Platform) -> Iterator[Sign]:
    for pattern in ("global.platform", "platform"):
        for setting in case.settings(pattern):
            if isinstance(setting.value, str) and setting.value in _KNOWN - {platform.name}:
                message = f"chart {setting.part.chart} is told of {setting.value}, and the nodes are those of {platform.name}"
                yield Sign((Seen(setting.part.source, setting.path), platform.seen), message)


def _directory(case: Case, platform: Platform, volume: str, directory: str) -> Iterator[Sign]:
    value = _VALUES[volume]
    if any(True for pattern in (value, f"cni.{value}") for _ in case.settings(pattern, "cni")):
        return
    path = f"spec.template.spec.volumes[name={volume}].hostPath.path"
    before = {_clean(first(one, path)) for one in running(case, "cni")}
    for daemon_set in rendered(case, "cni"):
        after = _clean(first(daemon_set, path))
        if after in ("", directory) or not _is_agent(daemon_set):
            continue
        leaves = directory in before
        message = f"istio-cni {'goes over to' if leaves else 'stays in'} {after}, and {platform.name} reads {directory}"
        yield Sign((Seen(daemon_set, path), platform.seen), message, severity="blocker" if leaves else "info")


def _is_agent(manifest: Manifest) -> bool:
    return group_kind(manifest["apiVersion"], manifest["kind"]) == "DaemonSet.apps"


def _clean(path: object) -> str:
    return path.rstrip("/") if isinstance(path, str) else ""


RULE = Rule(_HAZARD, _find)
