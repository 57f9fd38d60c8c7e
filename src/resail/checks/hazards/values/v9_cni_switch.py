"""V9: the switch of the CNI plugin has moved to pilot.cni."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case, Part, Setting
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.models.field_path import find, first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="V9",
    title="The switch of the CNI plugin is where the target does not look, or is no mapping",
    proof="provable",
    severity="blocker",
    installed="<1.24.0",
    target=">=1.22.0",
    modes=("sidecar",),
    detection="istio_cni.enabled is true, and pilot.cni.enabled is not, for a target from 1.24 on; or pilot.cni is no mapping.",
    effect="New pods get istio-init, which clusters without NET_ADMIN for pods refuse; or no pod is injected at all.",
    fix="set pilot.cni.enabled (for Multus pilot.cni.provider, too), and take istio_cni out",
    gates=("G1", "G6"),
    undo=("U1", "U8"),
    sources=(
        "https://github.com/istio/istio/issues/51071",
        "https://github.com/istio/istio/pull/49352",
        "https://github.com/istio/istio/issues/54968",
        "https://github.com/istio/istio/blob/1.24.0/manifests/charts/istio-control/istio-discovery/files/injection-template.yaml",
    ),
)

_NEW_ALONE = 24
"""Minor from which on only ``pilot.cni`` is read."""


def _find(case: Case) -> Iterator[Sign]:
    for setting in case.settings("pilot.cni", "istiod"):
        if setting.value is not None and not isinstance(setting.value, dict):
            message = f"pilot.cni is {str(setting.value).lower()}, of which injection by {case.target} makes an error"
            yield Sign.at(setting.part.source, setting.path, message)
    if case.target.minor >= _NEW_ALONE:
        for setting in case.settings("istio_cni.enabled", "istiod"):
            if setting.value is True and not _switched_on(setting):
                message = f"{case.target} ignores istio_cni.enabled: new pods get istio-init in place of the CNI plugin"
                yield Sign.at(setting.part.source, setting.path, message)


def _switched_on(setting: Setting) -> bool:
    part = setting.part
    if part.rendered is not None:
        return any(_injects_with_cni(part))
    values = part.values
    if part.method == "istioctl" and first(part.source, "spec.components.cni.enabled") is True:
        return True
    return first(values, "pilot.cni.enabled", first(values, "cni.enabled")) is True


def _injects_with_cni(part: Part) -> Iterator[bool]:
    for manifest in part.rendered or ():
        for field in find(manifest, "data.values.pilot.cni.enabled"):
            yield field.value is True


RULE = Rule(_HAZARD, _find)
