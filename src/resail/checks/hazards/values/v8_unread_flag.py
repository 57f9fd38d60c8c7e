"""V8: an environment variable that the target's programs no longer read."""

from collections.abc import Iterator

import msgspec

from resail.checks.hazards.case import Case, Unknown
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.models.field_path import find, first
from resail.models.identity import Manifest, ObjectRef

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="V8",
    title="An environment variable that the target's programs no longer read",
    proof="provable",
    severity="warning",
    detection="A variable is set that the installed release reads and the target does not, to another value than its default.",
    effect="The switch is without effect, and what it held back begins.",
    fix="make the mesh work without it before, then take it out",
    gates=("G4", "G12"),
    undo=("U2", "U7"),
    sources=(
        "https://github.com/istio/istio/blob/master/releasenotes/notes/55568.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/compatibility-version-1-20.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/remove-spawn-upstream-span-for-gateway.yaml",
    ),
)

_OF_VALUES = ("pilot.env", "env", "cni.env", "meshConfig.defaultConfig.proxyMetadata")
_METADATA = "meshConfig.defaultConfig.proxyMetadata"
_WORKLOADS = ("Deployment.apps", "StatefulSet.apps", "DaemonSet.apps")
_ANNOTATION = "spec.template.metadata.annotations.proxy.istio.io/config.proxyMetadata"


class _Variable(msgspec.Struct, frozen=True):
    """One that somebody has set."""

    name: str
    value: str
    object: Manifest
    path: str


def _find(case: Case) -> Iterator[Sign]:
    for variable in _variables(case):
        if case.running_facts is None or case.target_facts is None:
            raise Unknown(f"which environment variables {case.installed} and {case.target} read is not known")
        before = case.running_facts.flags
        if variable.name in before and variable.name not in case.target_facts.flags and not _is(variable, before[variable.name]):
            message = f"{variable.name}={variable.value} is not read by {case.target}"
            yield Sign.at(variable.object, variable.path, message)


def _is(variable: _Variable, default: str) -> bool:
    """Is it set to what it is anyway? Then what is built in afterwards is the same."""
    return variable.value.lower() == default.strip("\"'`").lower()


def _variables(case: Case) -> Iterator[_Variable]:
    for part in case.parts:
        for path in _OF_VALUES:
            yield from _keys(part.source, f"{part.path}.{path}")
        if part.method == "istioctl":
            yield from _keys(part.source, f"spec.{_METADATA}")
            yield from _list(part.source, "spec.components.*.k8s.env")
            yield from _list(part.source, "spec.components.*[*].k8s.env")
    for config in case.all("ProxyConfig.networking.istio.io"):
        yield from _keys(config, "spec.environmentVariables")
    for kind in _WORKLOADS:
        for workload in case.all(kind):
            yield from _keys(workload, _ANNOTATION)
    yield from _by_hand(case)


def _by_hand(case: Case) -> Iterator[_Variable]:
    """What istiod has in its environment and its installer did not put there."""
    planes = [plane.deployment for plane in case.snapshot.control_planes if plane.revision == case.revision]
    releases, components = case.snapshot.helm_releases, case.snapshot.istioctl_components
    objects = [manifest for release in releases for manifest in release.objects]
    objects += [manifest for component in components for manifest in component.objects]
    installed = {
        first(entry.value, "name")
        for manifest in objects
        if manifest.get("kind") == "Deployment"
        for entry in find(manifest, "spec.template.spec.containers[*].env[*]")
        if isinstance(first(entry.value, "name"), str)
    }
    for workload in case.all("Deployment.apps"):
        if ObjectRef.of(workload) in planes:
            for variable in _list(workload, "spec.template.spec.containers[name=discovery].env"):
                if variable.name not in installed:
                    yield variable


def _keys(manifest: Manifest, path: str) -> Iterator[_Variable]:
    for field in find(manifest, f"{path}.*"):
        if isinstance(field.value, str | bool | int | float):
            yield _Variable(field.path.rpartition(".")[2], str(field.value), manifest, field.path)


def _list(manifest: Manifest, path: str) -> Iterator[_Variable]:
    for field in find(manifest, f"{path}[*]"):
        name, value = first(field.value, "name"), first(field.value, "value")
        if isinstance(name, str) and isinstance(value, str):
            yield _Variable(name, value, manifest, f"{field.path}.value")


RULE = Rule(_HAZARD, _find)
