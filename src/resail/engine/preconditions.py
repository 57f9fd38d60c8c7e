"""Is the world what a step was planned for? Judged over what the step owns, and nothing else."""

import re
from collections.abc import Sequence
from typing import Any

from resail.checks.trust import trust_problems
from resail.engine.context import Context
from resail.errors import NotFoundError, StalePlanError
from resail.models.encoding import digest_of
from resail.models.essence import essence, excerpt
from resail.models.identity import KindRef, ObjectRef
from resail.models.plan import (
    ComponentIs,
    LabelsAre,
    ObjectIs,
    Precondition,
    ReleaseAbsent,
    ReleaseIs,
    ResourceIs,
    Step,
    TagIs,
    TrustIs,
)
from resail.snapshot.trust import gather_trust

__all__ = ["check_preconditions", "check_start"]

_OF_COMPONENTS = (KindRef("apps/v1", "Deployment"), KindRef("apps/v1", "DaemonSet"), KindRef("v1", "ServiceAccount"))
"""Each component of istioctl has one of these."""
_WEBHOOK = KindRef("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration")


async def check_start(context: Context, steps: Sequence[Step]) -> None:
    """Before the first write: all that the plan expects of the mesh as it is now.

    What a step expects of something that an earlier step changes cannot hold yet, and is checked at its turn.

    Raises:
        StalePlanError: names everything that no longer holds.
    """
    seen: set[str] = set()
    wrong: list[str] = []
    for step in steps:
        for precondition in step.preconditions:
            subject = _subject(precondition)
            if subject not in seen:
                wrong += await _wrong(context, precondition)
            seen.add(subject)
    _refuse(wrong, "the plan")


async def check_preconditions(context: Context, step: Step, *, only: ObjectRef | None = None) -> None:
    """Before a step, or before it goes on with one object.

    Raises:
        StalePlanError: names what does not hold.
    """
    asked = [one for one in step.preconditions if only is None or (isinstance(one, ObjectIs) and one.object == only)]
    wrong = [problem for precondition in asked for problem in await _wrong(context, precondition)]
    _refuse(wrong, f"step {step.id}")


def _refuse(wrong: list[str], on: str) -> None:
    if wrong:
        raise StalePlanError(
            f"the mesh is not what it was planned for: {'; '.join(wrong)}", on=on, next_step="plan again, for the mesh as it is"
        )


def _subject(precondition: Precondition) -> str:
    match precondition:
        case ReleaseIs(release=release) | ReleaseAbsent(release=release):
            return f"release {release}"
        case ComponentIs(component=component, revision=revision):
            return f"component {component} of {revision}"
        case ResourceIs(resource=resource):
            return f"resource {resource}"
        case TagIs(tag=tag):
            return f"tag {tag}"
        case TrustIs(namespaces=namespaces):
            return f"trust in {', '.join(namespaces)}"
        case LabelsAre(namespace=namespace):
            return f"namespace {namespace}"
        case ObjectIs(object=ref, fields=fields):
            return f"object {ref} {' '.join(fields)}"


async def _wrong(context: Context, precondition: Precondition) -> list[str]:
    match precondition:
        case ReleaseIs():
            return await _wrong_release(context, precondition)
        case ReleaseAbsent(release=release):
            state = await context.installer.state(release)
            return [] if state is None else [f"Helm release {release} exists (revision {state.revision}, {state.status})"]
        case ComponentIs():
            return await _wrong_component(context, precondition)
        case ResourceIs(resource=resource, fields=fields):
            return await _wrong_resource(context, resource, fields)
        case TagIs(tag=tag, revision=revision):
            found = await context.reader.list_objects(_WEBHOOK, labels=f"istio.io/tag={tag}")
            pointed = sorted({(hook["metadata"].get("labels") or {}).get("istio.io/rev", "") for hook in found})
            return [] if pointed == [revision] else [f"tag {tag} points to {', '.join(pointed) or 'nothing'}, not {revision}"]
        case TrustIs():
            return await _wrong_trust(context, precondition)
        case LabelsAre(namespace=namespace, labels=labels):
            return await _wrong_labels(context, namespace, labels)
        case ObjectIs():
            return await _wrong_object(context, precondition)


async def _wrong_release(context: Context, expected: ReleaseIs) -> list[str]:
    name = f"Helm release {expected.release}"
    state = await context.installer.state(expected.release)
    if state is None:
        return [f"{name} is gone"]
    if state.status != "deployed":
        return [f"{name} is {state.status} (revision {state.revision})"]
    # Our own revisions may have other numbers than planned, where one had to be done again.
    if state.run != context.run and state.revision != expected.revision:
        return [f"{name} is at revision {state.revision}, not {expected.revision}"]
    if state.chart_version != expected.chart_version:
        return [f"{name} is of chart {state.chart_version}, not {expected.chart_version}"]
    if state.manifest_digest != expected.manifest_digest:
        return [f"{name} has another manifest"]
    return []


async def _wrong_object(context: Context, expected: ObjectIs) -> list[str]:
    try:
        found = await context.reader.get(expected.object)
    except NotFoundError:
        return [f"{expected.object} is gone"]
    held = excerpt(found, expected.fields) if expected.fields else essence(found)
    what = f"{expected.object} {' '.join(expected.fields)}".rstrip()
    return [] if digest_of(held) == expected.digest else [f"{what} was changed"]


async def _wrong_resource(context: Context, resource: ObjectRef, fields: dict[str, Any]) -> list[str]:
    try:
        spec = (await context.reader.get(resource)).get("spec") or {}
    except NotFoundError:
        return [f"{resource} is gone"]
    return [f"{resource} has {path}={live}, not {value}" for path, value in fields.items() if (live := _at(spec, path)) != value]


def _at(spec: Any, path: str) -> Any:
    for key in path.split("."):
        spec = spec.get(key) if isinstance(spec, dict) else None
    return spec


async def _wrong_trust(context: Context, expected: TrustIs) -> list[str]:
    if await context.reader.cluster_id() != context.files.plan.cluster_id:
        # A copy of a mesh has an authority of its own.
        return []
    found = await gather_trust(context.reader, context.files.plan.istio_namespace, expected.namespaces)
    return trust_problems(found, expected)


async def _wrong_component(context: Context, expected: ComponentIs) -> list[str]:
    """Judged by the newest of its objects: what a later version no longer had, it left with an older version's label."""
    labels = f"operator.istio.io/component={expected.component},istio.io/rev={expected.revision},operator.istio.io/version"
    found = {
        manifest["metadata"]["labels"]["operator.istio.io/version"]
        for kind in _OF_COMPONENTS
        for manifest in await context.reader.list_objects(kind, labels=labels)
    }
    newest = max(found, key=_age, default="")
    if newest == expected.version:
        return []
    name = f"component {expected.component} of istioctl, revision {expected.revision},"
    return [f"{name} is {f'at {newest}' if newest else 'not there'}, not {expected.version or 'absent'}"]


def _age(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


async def _wrong_labels(context: Context, namespace: str, labels: dict[str, str | None]) -> list[str]:
    try:
        found = await context.reader.get(ObjectRef("v1", "Namespace", "", namespace))
    except NotFoundError:
        return [f"namespace {namespace} is gone"]
    live = found["metadata"].get("labels") or {}
    return [
        f"namespace {namespace} has {label}={live.get(label)}, not {value}"
        for label, value in labels.items()
        if live.get(label) != value
    ]
