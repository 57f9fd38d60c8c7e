"""V6: a compatibilityVersion that the target does not have."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case, Unknown
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.models.field_path import find
from resail.models.identity import IstioVersion

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="V6",
    title="A compatibilityVersion that the target does not have",
    proof="provable",
    severity="blocker",
    target=">=1.21.0",
    detection="compatibilityVersion names a version for which the target's charts have no profile.",
    effect="The chart is not rendered: unknown compatibility version.",
    fix="see which defaults it holds back, then take it out or name a version that the target has",
    gates=("G1",),
    undo=("U1", "U8"),
    sources=(
        "https://github.com/istio/istio/blob/1.30.3/manifests/charts/istio-control/istio-discovery/templates/zzz_profile.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/compatibility-version-1-20.yaml",
    ),
)

_OLDEST = {21: 20, 22: 20, 23: 20, 24: 21, 25: 22, 26: 23, 27: 24, 28: 25, 29: 25, 30: 25, 31: 25}
"""Minor → the oldest minor that its charts are compatible with; all from there to the one before it are. Source: the charts."""


def _find(case: Case) -> Iterator[Sign]:
    for part in case.parts:
        paths = [f"{part.path}.compatibilityVersion"] + (["spec.compatibilityVersion"] if part.method == "istioctl" else [])
        for field in (field for path in paths for field in find(part.source, path)):
            if isinstance(field.value, str) and field.value and part.rendered is None:
                known = _known(case)
                if field.value not in known:
                    message = f"{case.target} has compatibilityVersion {known[0]} to {known[-1]}, and not {field.value}"
                    yield Sign.at(part.source, field.path, message)


def _known(case: Case) -> list[str]:
    if case.target_facts is not None and case.target_facts.compatibility_versions:
        return sorted(case.target_facts.compatibility_versions, key=_by_number)
    if case.target.minor not in _OLDEST:
        raise Unknown(f"which compatibility versions {case.target} has is not known")
    return [f"1.{minor}" for minor in range(_OLDEST[case.target.minor], case.target.minor)]


def _by_number(version: str) -> IstioVersion:
    return IstioVersion.parse(f"{version}.0")


RULE = Rule(_HAZARD, _find)
