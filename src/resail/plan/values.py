"""Helm values: carried over from what runs, with the user's laid over, and pins to the old version moved on."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion
from resail.models.snapshot import HelmRelease

__all__ = ["carry_over", "has_path", "image_foreign", "image_moved", "merged"]

_VARIANTS = ("", "-distroless", "-debug")
_TAG = "tag"
_IMAGE = "image"


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` laid over ``below``, key by key; ``None`` takes a key away, as Helm does it."""
    result = copy.deepcopy(dict(below))
    for key, value in above.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def has_path(values: Mapping[str, Any], path: str) -> bool:
    """Does a chart know the value at a dotted path?"""
    here: Any = values
    for key in path.split("."):
        if not isinstance(here, Mapping) or key not in here:
            return False
        here = here[key]
    return True


def carry_over(
    running: HelmRelease, installed: Sequence[IstioVersion], target: IstioVersion, wishes: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Finding]]:
    """The values for the next version of a release, and what should be known of them.

    A tag or image pinned to an installed version is moved to the target, and said so; one pinned to anything else, that the
    user's wishes do not replace, blocks: the release would not run what the plan says.
    """
    values = merged(running.values, wishes)
    findings: list[Finding] = []
    for path, holder, key in list(_pins(values)):
        pinned = str(holder[key])
        moved = image_moved(key, pinned, installed, target)
        if moved is not None:
            holder[key] = moved
            findings.append(_finding(running, path, "info", f"{pinned} → {moved}"))
        elif image_foreign(key, pinned, target):
            findings.append(_finding(running, path, "blocker", pinned))
    return values, findings


def _pins(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, dict[str, Any], str]]:
    for key, value in values.items():
        path = f"{above}.{key}" if above else key
        if isinstance(value, dict):
            yield from _pins(value, path)
        elif key in (_TAG, _IMAGE) and isinstance(value, str | int | float) and str(value):
            yield path, values, key


def image_moved(key: str, pinned: str, installed: Sequence[IstioVersion], target: IstioVersion) -> str | None:
    """A ``tag`` or ``image`` of one of the versions, moved to the target in its variant; None for any other."""
    name, colon, tag = ("", "", pinned) if key == _TAG else pinned.rpartition(":")
    if key == _IMAGE and (not colon or "/" in tag):
        return None
    for variant in _VARIANTS:
        if tag in [f"{version}{variant}" for version in installed]:
            return f"{name}{colon}{target}{variant}"
    return None


def image_foreign(key: str, pinned: str, target: IstioVersion) -> bool:
    """Does a ``tag`` or ``image`` pin anything but the target?"""
    tag = pinned if key == _TAG else pinned.rpartition(":")[2]
    if key == _IMAGE and (":" not in pinned or "/" in tag):
        return False
    return tag not in [f"{target}{variant}" for variant in _VARIANTS]


def _finding(running: HelmRelease, path: str, severity: Any, evidence: str) -> Finding:
    moved = severity == "info"
    return Finding(
        id="image-pin-moved" if moved else "image-pinned",
        severity=severity,
        message=f"value {path} of {running.key} {'is moved to the target' if moved else 'pins an image of another version'}",
        objects=(FindingObject("HelmRelease", running.namespace, running.name, path),),
        evidence=evidence,
        fix="" if moved else f"give the wanted tag by --set {running.chart}:{path}=TAG, or take the value away with =null",
        source="https://istio.io/latest/docs/setup/upgrade/helm/",
    )
