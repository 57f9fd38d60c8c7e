"""V7: a profile, platform, chart or version that the target does not offer."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case, Part, Unknown
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.models.field_path import find, first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="V7",
    title="A profile, platform or version of which the target does not know the name",
    proof="provable",
    severity="blocker",
    target=">=1.22.0",
    detection="A value names a profile or platform that the target's charts lack, or the Sail Operator does not list the target.",
    effect="The chart is not rendered, or the Sail Operator refuses the version.",
    fix="name one that the target has",
    gates=("G1", "G2", "G12"),
    undo=("U1",),
    sources=(
        "https://github.com/istio/istio/blob/1.24.0/manifests/charts/istio-control/istio-discovery/templates/zzz_profile.yaml",
        "https://github.com/istio-ecosystem/sail-operator/blob/main/pkg/istioversion/versions.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/50218.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/53294.yaml",
    ),
)

_GONE_FROM_CHARTS = {"openshift": 24, "openshift-ambient": 24}
"""Profile → the minor that has it no more. Source: the directories of profiles."""

_GONE_FROM_ISTIOCTL = "external"

_PLATFORMS_SINCE = 24
"""Minor from which on the charts refuse a platform that they do not know."""

_VERSIONS = "spec.versions[*].schema.openAPIV3Schema.properties.spec.properties.version.enum"


def _find(case: Case) -> Iterator[Sign]:
    for part in case.parts:
        if part.method == "istioctl":
            yield from _profile_of_istioctl(case, part)
        if part.method == "sail":
            yield from _version_of_sail(case, part)
    for part in case.parts:
        # What was rendered has taken its names.
        if part.method != "istioctl" and part.rendered is None:
            yield from _profile_of_chart(case, part)
            yield from _platform(case, part)


def _profile_of_istioctl(case: Case, part: Part) -> Iterator[Sign]:
    name = first(part.source, "spec.profile")
    if name == _GONE_FROM_ISTIOCTL:
        message = f"istioctl {case.target} has no profile {name}"
        yield Sign.at(part.source, "spec.profile", message, fix="use profile remote")


def _profile_of_chart(case: Case, part: Part) -> Iterator[Sign]:
    for field in find(part.source, f"{part.path}.profile"):
        if isinstance(field.value, str) and field.value and _lacks_profile(case, field.value):
            fix = "set global.platform to openshift in its place" if field.value in _GONE_FROM_CHARTS else ""
            yield Sign.at(part.source, field.path, f"chart {part.chart} of {case.target} has no profile {field.value}", fix=fix)


def _lacks_profile(case: Case, name: str) -> bool:
    if name in _GONE_FROM_CHARTS:
        return case.target.minor >= _GONE_FROM_CHARTS[name]
    return name not in _profiles(case)


def _platform(case: Case, part: Part) -> Iterator[Sign]:
    if case.target.minor < _PLATFORMS_SINCE:
        return
    for field in find(part.source, f"{part.path}.global.platform"):
        if isinstance(field.value, str) and field.value and f"platform-{field.value}" not in _profiles(case):
            message = f"chart {part.chart} of {case.target} does not know the platform {field.value}"
            yield Sign.at(part.source, field.path, message)


def _profiles(case: Case) -> tuple[str, ...]:
    if case.target_facts is None or not case.target_facts.profiles:
        raise Unknown(f"which profiles {case.target} has is not known")
    return case.target_facts.profiles


def _version_of_sail(case: Case, part: Part) -> Iterator[Sign]:
    for resource in case.all("CustomResourceDefinition.apiextensions.k8s.io"):
        if first(resource, "spec.names.kind") == part.source["kind"] and first(resource, "spec.group") == "sailoperator.io":
            for known in find(resource, _VERSIONS):
                if isinstance(known.value, list) and f"v{case.target}" not in known.value:
                    wish = Seen(part.source, "spec.version" if first(part.source, "spec.version") is not None else "spec")
                    yield Sign(
                        (Seen(resource, known.path), wish),
                        f"the Sail Operator that runs cannot install v{case.target}",
                        fix="upgrade the Sail Operator first",
                    )


RULE = Rule(_HAZARD, _find)
