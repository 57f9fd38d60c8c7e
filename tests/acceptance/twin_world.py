"""As ``world``, of a twin; and what of a run is to be seen on it and in the journal."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from resail.models.identity import Manifest, ObjectRef
from resail.models.journal import CallIntent, Entry
from resail.models.plan import (
    AdoptObjects,
    HelmChange,
    IstioctlChange,
    LabelNamespace,
    MoveTag,
    PlanFiles,
    RemoveRevision,
    RestartWave,
    Step,
    UpgradeCRDs,
    UpgradeGateway,
)
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.acceptance.exemptions import ELECTION, KINDS, NAMES
from tests.acceptance.world import World

__all__ = ["at_rest", "evicted_twice", "pods_in", "rolled_out_in", "unexplained_calls", "world_in"]

_RESTING = 120.0  # seconds in which pods that end are gone, and whatever follows has followed


def at_rest(path: Path) -> list[Manifest]:
    """All objects of a twin, some time later, when nothing happens on it any more."""

    async def read() -> list[Manifest]:
        async with open_twin(path) as twin:
            await twin.clock.sleep(_RESTING)
            return [manifest for key in twin.store.everything() if (manifest := twin.store.get(key)) is not None]

    return run(read())


def world_in(objects: Sequence[Manifest]) -> World:
    """``namespace/Kind/name`` → object, without what is exempt."""
    found: World = {}
    for item in objects:
        name = f"{item['kind']}/{item['metadata']['name']}"
        elected = ELECTION in (item["metadata"].get("annotations") or {})
        if item["kind"] not in KINDS and not elected and not name.startswith(tuple(NAMES)):
            found[f"{item['metadata'].get('namespace', '')}/{name}"] = item
    return found


def pods_in(objects: Sequence[Manifest]) -> Counter[tuple[str, ...]]:
    """The pods but for their names: namespace, labels that tell whose it is, sidecar, images, readiness."""
    return Counter(_facts(item) for item in objects if item["kind"] == "Pod")


def rolled_out_in(objects: Sequence[Manifest]) -> dict[str, int]:
    """How often the specification of each workload was changed, and how many templates it has had."""
    found = {str(ObjectRef.of(item)): item["metadata"]["generation"] for item in objects if item["kind"] in _WORKLOADS}
    templates = Counter(
        f"{item['metadata']['namespace']}/{owner['kind']}/{owner['name']} templates"
        for item in objects
        if item["kind"] in ("ReplicaSet", "ControllerRevision")
        for owner in item["metadata"]["ownerReferences"]
    )
    return {**found, **templates}


def unexplained_calls(entries: Sequence[Entry], files: PlanFiles) -> list[str]:
    """Writes of the journal that their step of the plan does not show."""
    steps = {step.id: step for step in files.plan.steps}
    calls = [entry.body for entry in entries if isinstance(entry.body, CallIntent)]
    return [f"{call.verb} {call.object} by {call.step}" for call in calls if not _shows(steps[call.step], call, files)]


def evicted_twice(entries: Sequence[Entry], files: PlanFiles) -> list[str]:
    """Workloads of which more pods were evicted than they have."""
    evicted = {entry.body.object for entry in entries if isinstance(entry.body, CallIntent) and entry.body.verb == "evict"}
    return [
        str(restart.workload)
        for step in files.plan.steps
        if isinstance(step, RestartWave)
        for restart in step.restarts
        if sum(_is_pod_of(name, restart.workload) for name in evicted) > restart.pods
    ]


_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


def _facts(pod: Manifest) -> tuple[str, ...]:
    metadata, spec = pod["metadata"], pod["spec"]
    labels = metadata.get("labels") or {}
    ready = [condition["status"] for condition in pod["status"].get("conditions", ()) if condition["type"] == "Ready"]
    return (
        metadata["namespace"],
        labels.get("app") or labels.get("k8s-app") or "",
        (metadata.get("annotations") or {}).get("istio.io/rev", ""),
        *(container["image"] for container in [*spec.get("initContainers", ()), *spec["containers"]]),
        *ready,
    )


def _shows(step: Step, call: CallIntent, files: PlanFiles) -> bool:
    match step:
        case AdoptObjects(objects=objects, fields=fields):
            adopted = call.verb in ("patch", "create") and call.object in {str(one.object) for one in objects}
            return adopted or (call.verb == "apply" and call.object in {str(one.object) for one in fields})
        case MoveTag(manifests=manifests):
            return call.verb == "patch" and call.object in {str(ObjectRef.of(hook)) for hook in files.manifests[manifests]}
        case LabelNamespace(namespace=namespace):
            return (call.verb, call.object) == ("patch", str(ObjectRef("v1", "Namespace", "", namespace)))
        case RestartWave(restarts=restarts):
            rolled = {("patch", str(one.workload)) for one in restarts if one.method == "rollout"}
            evicted = [one.workload for one in restarts if one.method == "evict"]
            return (call.verb, call.object) in rolled or (
                call.verb == "evict" and any(_is_pod_of(call.object, workload) for workload in evicted)
            )
        case RemoveRevision(release=release):
            return call.object == release and call.verb in ("helm uninstall", "helm rollback", "helm recover")
        case UpgradeGateway(workload=workload) if call.verb == "patch":
            return call.object == str(workload)
        case UpgradeCRDs(change=change) if call.verb == "apply":
            return call.object in {str(one.object) for one in change.objects}
        case _:
            changed = getattr(step, "change", None)
            if isinstance(changed, IstioctlChange):
                return _installs(changed, call)
            return isinstance(changed, HelmChange) and _changes(changed, call)


def _installs(change: IstioctlChange, call: CallIntent) -> bool:
    if call.verb.startswith("istioctl "):
        return call.object == f"revision {change.revision}"
    # What the older version does not know is removed after it.
    return call.verb == "delete" and call.object in {str(one.object) for one in change.objects if one.change == "add"}


def _changes(helm: HelmChange, call: CallIntent) -> bool:
    if call.verb.startswith("helm "):
        return call.object == f"{helm.namespace}/{helm.release}"
    # What an action that was cut short had added.
    return call.verb == "delete" and call.object in {str(one.object) for one in helm.objects if one.change == "add"}


def _is_pod_of(name: str, workload: ObjectRef) -> bool:
    return name.startswith(f"{workload.namespace}/Pod/{workload.name}-")
