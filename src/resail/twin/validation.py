"""What the API server refuses of an object: as far as the engine, and the contract suite, can meet it."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from resail.models.identity import Manifest
from resail.models.selector import Selector
from resail.twin.kinds import Kind
from resail.twin.refusals import invalid
from resail.twin.schedule import is_schedule
from resail.twin.schemas import problems

__all__ = ["check_change", "check_new"]

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")

_PATH_NAMES = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
"""Their names may hold what a path may."""

_TEMPLATES = ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")

_FIXED: dict[str, tuple[str, ...]] = {
    "ClusterRoleBinding": ("roleRef",),
    "CustomResourceDefinition": ("spec.group", "spec.scope", "spec.names.kind"),
    "DaemonSet": ("spec.selector",),
    "Deployment": ("spec.selector",),
    "Job": ("spec.selector", "spec.template", "spec.completions", "spec.completionMode"),
    "ReplicaSet": ("spec.selector",),
    "RoleBinding": ("roleRef",),
    "Secret": ("type",),
}
"""Fields that are what they were when the object was made."""

_STATEFUL_SET = ("replicas", "ordinals", "template", "updateStrategy", "persistentVolumeClaimRetentionPolicy", "minReadySeconds")
_POD = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")
"""All that may change of its spec, beside images."""


def check_new(kind: Kind, manifest: Manifest) -> None:
    """Raises ``ApiInvalidError`` where the object is not valid by itself."""
    name = manifest["metadata"].get("name") or ""
    _refuse(kind, name, _of_itself(kind, manifest, name))


def check_change(kind: Kind, before: Manifest, after: Manifest) -> None:
    """As ``check_new``, and where it may not be made of what it was."""
    name = after["metadata"]["name"]
    _refuse(kind, name, _of_itself(kind, after, name))
    _refuse(kind, name, _of_change(kind.id, before, after))


def _refuse(kind: Kind, name: str, found: Iterator[str]) -> None:
    told = list(found)
    if told:
        raise invalid(kind, name, told[0] if len(told) == 1 else f"[{', '.join(told)}]")


def _of_itself(kind: Kind, manifest: Manifest, name: str) -> Iterator[str]:
    if not name:
        yield "metadata.name: Required value: name or generateName is required"
    elif kind.id not in _PATH_NAMES and (len(name) > 253 or not _NAME.fullmatch(name)):
        yield (
            f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric '
            "characters, '-' or '.', and must start and end with an alphanumeric character"
        )
    yield from _of_metadata(manifest["metadata"])
    if kind.id in ("ConfigMap", "Secret"):
        yield from _of_texts("data", manifest.get("data") or {})
    if kind.id in _TEMPLATES:
        yield from _of_template(manifest["spec"])
    if kind.id == "Deployment":
        yield from _of_deadline(manifest["spec"])
    if kind.id == "CronJob" and not is_schedule(manifest["spec"].get("schedule", "")):
        yield f"spec.schedule: Invalid value: {manifest['spec'].get('schedule', '')!r}: it is no schedule of cron"
    if kind.id == "Pod" and not manifest["spec"].get("containers"):
        yield "spec.containers: Required value"
    schema = kind.schemas.get(manifest["apiVersion"].rpartition("/")[2])
    if schema:
        spec = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind", "metadata")}
        yield from problems(spec, schema)


def _of_metadata(metadata: dict[str, Any]) -> Iterator[str]:
    for field in ("labels", "annotations"):
        yield from _of_texts(f"metadata.{field}", metadata.get(field) or {})
    for value in (metadata.get("labels") or {}).values():
        if isinstance(value, str) and (len(value) > 63 or not _LABEL_VALUE.fullmatch(value)):
            yield f'metadata.labels: Invalid value: "{value}": a valid label consists of letters and digits'


def _of_texts(field: str, values: dict[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if not isinstance(value, str):
            yield f"{field}.{name}: Invalid value: {value!r}: must be a string"


def _of_template(spec: dict[str, Any]) -> Iterator[str]:
    labels = spec["template"]["metadata"].get("labels") or {}
    if not spec.get("selector"):
        yield "spec.selector: Required value"
    elif not msgspec.convert(spec["selector"], Selector).fits(labels):
        yield f"spec.template.metadata.labels: Invalid value: {labels}: `selector` does not match template `labels`"
    if not spec["template"]["spec"].get("containers"):
        yield "spec.template.spec.containers: Required value"
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    if rolling.get("maxSurge") in (0, "0%") and rolling.get("maxUnavailable") in (0, "0%"):
        yield "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"


def _of_deadline(spec: dict[str, Any]) -> Iterator[str]:
    deadline = spec["progressDeadlineSeconds"]
    if deadline <= spec.get("minReadySeconds", 0):
        yield f"spec.progressDeadlineSeconds: Invalid value: {deadline}: must be greater than minReadySeconds"


def _of_change(kind: str, before: Manifest, after: Manifest) -> Iterator[str]:
    added = set(after["metadata"].get("finalizers") or ()) - set(before["metadata"].get("finalizers") or ())
    if added and "deletionTimestamp" in before["metadata"]:
        yield f"metadata.finalizers: Forbidden: no new ones can be added while it is being deleted, found {sorted(added)}"
    if kind == "Job" and before["spec"]["suspend"] and not before["status"].get("startTime"):
        before, after = _without_directives(before), _without_directives(after)
    for path in _FIXED.get(kind, ()):
        if _at(before, path) != _at(after, path):
            yield f"{path}: Invalid value: field is immutable"
    if (
        kind in ("ConfigMap", "Secret")
        and before.get("immutable")
        and _rest(before, ("metadata",)) != _rest(after, ("metadata",))
    ):
        yield "data: Forbidden: field is immutable when `immutable` is set"
    if kind == "StatefulSet" and _rest(before["spec"], _STATEFUL_SET) != _rest(after["spec"], _STATEFUL_SET):
        allowed = ", ".join(f"'{field}'" for field in _STATEFUL_SET[:-1])
        yield f"spec: Forbidden: updates to statefulset spec for fields other than {allowed} and 'minReadySeconds' are forbidden"
    if kind == "Pod" and _without_images(before["spec"]) != _without_images(after["spec"]):
        yield "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`"
    if kind == "Service":
        address = before["spec"].get("clusterIP")
        if address and after["spec"].get("clusterIP") != address and after["spec"]["type"] != "ExternalName":
            yield "spec.clusterIP: Invalid value: field is immutable"


def _at(manifest: Manifest, path: str) -> Any:
    value: Any = manifest
    for name in path.split("."):
        value = (value or {}).get(name)
    return value


def _rest(spec: dict[str, Any], changeable: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in changeable}


def _without_directives(job: Manifest) -> Manifest:
    """Without what decides on nodes, which a Job that has not begun may still change."""
    template = job["spec"]["template"]
    rest = {"metadata": {}, "spec": _rest(template["spec"], ("affinity", "nodeSelector", "schedulingGates", "tolerations"))}
    return {**job, "spec": {**job["spec"], "template": rest}}


def _without_images(spec: dict[str, Any]) -> dict[str, Any]:
    rest = _rest(spec, _POD)
    for name in ("containers", "initContainers"):
        rest[name] = [{key: value for key, value in one.items() if key != "image"} for one in spec.get(name) or ()]
    return rest
