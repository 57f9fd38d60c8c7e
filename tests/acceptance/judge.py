"""The judge of a run: what the API server's audit log says was written, held against what the plan shows."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from resail.models.identity import ObjectRef
from resail.models.plan import (
    AdoptObjects,
    HelmChange,
    InstallBefore,
    IstioctlChange,
    LabelNamespace,
    MoveTag,
    PlanFiles,
    RemoveRevision,
    Restart,
    RestartWave,
)
from resail.testbed.audit import Event

__all__ = ["Kinds", "besides_bookkeeping", "restarted_twice", "unexplained"]

Kinds = Mapping[tuple[str, str], str]
"""API group and resource → kind, as discovery tells."""

_MARK = "resail.dev/restart"
_COPY = re.compile(r"resail-r-[0-9a-f]{8}(-(plan|log)-[0-9]+)?")
"""Names of the ConfigMaps that a run's copy is in."""

_Named = tuple[str, str, str, str]
"""Group, kind, namespace, name."""


def unexplained(events: Sequence[Event], files: PlanFiles, kinds: Kinds, *, undone: bool = False) -> list[str]:
    """Those writes that the plan does not show, one line each.

    Args:
        events: the real writes of the user that ran the plan.
        files: the plan.
        kinds: of the cluster.
        undone: the run was rolled back, so what the plan removes may come back, and a StatefulSet's stuck pod may go.
    """
    shown = _Shown(files, undone)
    written = besides_bookkeeping(events, files.plan.istio_namespace)
    return [line for event in written if (line := shown.complaint(event, kinds))]


def besides_bookkeeping(events: Sequence[Event], namespace: str) -> list[Event]:
    """Those that are neither of the lease nor of the copies of runs' journals, which are in the control plane's namespace."""
    return [event for event in events if not _is_bookkeeping(event, namespace)]


def _is_bookkeeping(event: Event, namespace: str) -> bool:
    target = event.object_ref
    if target.namespace != namespace or target.subresource:
        return False
    if (target.api_group, target.resource) == ("coordination.k8s.io", "leases"):
        return target.name == "resail" and event.verb in ("create", "patch")
    copy = (target.api_group, target.resource) == ("", "configmaps") and _COPY.fullmatch(target.name)
    return bool(copy) and event.verb in ("create", "patch", "delete")


def restarted_twice(events: Sequence[Event], files: PlanFiles) -> list[str]:
    """Workloads that were restarted more than once: two different marks, or more evictions than pods."""
    marks: dict[str, set[str | None]] = {}
    evicted: Counter[str] = Counter()
    pods = {str(one.workload): one.pods for one in _restarts(files)}
    for event in events:
        target = event.object_ref
        written = _marks(event.request_object).values()
        marks.setdefault(f"{target.namespace}/{target.resource}/{target.name}", set()).update(written)
        if target.subresource == "eviction":
            owners = [one for one in _restarts(files) if _is_pod_of(one, target.namespace, target.name)]
            evicted.update(str(one.workload) for one in owners)
    found = [f"{workload} by {used}" for workload, used in marks.items() if len(used) > 1]
    return found + [f"{workload}: {count} evictions" for workload, count in evicted.items() if count > pods[workload]]


class _Shown:
    """What a plan shows."""

    def __init__(self, files: PlanFiles, undone: bool) -> None:
        self._undone = undone
        self._by_istioctl = _by_istioctl(files, undone)
        changes = [getattr(step, "change", None) for step in files.plan.steps]
        self._changes = [change for change in changes if isinstance(change, HelmChange)]
        self._rendered = {_named(ObjectRef.of(manifest)) for one in self._changes for manifest in files.manifests[one.manifests]}
        removals = [step for step in files.plan.steps if isinstance(step, RemoveRevision)]
        self._changed = {(_named(each.object), each.change) for one in self._changes for each in one.objects}
        self._changed |= {(_named(each.object), each.change) for one in removals for each in one.objects}
        self._releases = {(one.namespace, one.release) for one in self._changes}
        self._releases |= {(one.release.partition("/")[0], one.release.partition("/")[2]) for one in removals}
        self._tags = {
            _named(ObjectRef.of(manifest))
            for step in files.plan.steps
            if isinstance(step, MoveTag)
            for manifest in files.manifests[step.manifests]
        }
        self._labels: dict[str, set[str]] = {}
        for step in files.plan.steps:
            if isinstance(step, LabelNamespace):
                self._labels.setdefault(step.namespace, set()).update(step.labels)
        self._restarts = _restarts(files)
        taken = [step for step in files.plan.steps if isinstance(step, AdoptObjects)]
        adopted = {_named(each.object) for step in taken for each in step.objects}
        self._taken = adopted | {_named(each.object) for step in taken for each in step.fields}

    def complaint(self, event: Event, kinds: Kinds) -> str:
        """Empty where the plan shows the write."""
        target = event.object_ref
        kind = kinds.get((target.api_group, target.resource), target.resource)
        # The API server gives a Namespace itself as its namespace.
        namespace = "" if kind == "Namespace" else target.namespace
        named = (target.api_group, kind, namespace, target.name)
        allowed = (
            self._by_a_release(event, named)
            or (named, event.verb == "delete") in self._by_istioctl
            or (named in self._tags and event.verb == "patch")
            or (named in self._taken and event.verb in ("patch", "create"))
            or self._labelling(event, named)
            or self._restart(event, named)
        )
        return "" if allowed else f"{event.verb} {'/'.join(filter(None, named))} {target.subresource}".rstrip()

    def _by_a_release(self, event: Event, named: _Named) -> bool:
        _, kind, namespace, name = named
        if kind == "Secret" and any(
            namespace == where and name.startswith(f"sh.helm.release.v1.{release}.v") for where, release in self._releases
        ):
            return True
        if event.verb == "delete":
            # Half an action that was cut short is cleared away before it is made again.
            return (named, "remove") in self._changed or (named, "add") in self._changed
        if self._undone and (named, "remove") in self._changed:
            return True
        return named in self._rendered

    def _labelling(self, event: Event, named: _Named) -> bool:
        _, kind, _, name = named
        body = event.request_object if isinstance(event.request_object, dict) else {}
        labels = set((body.get("metadata") or {}).get("labels") or {})
        only_labels = body.keys() <= {"metadata"} and (body.get("metadata") or {}).keys() <= {"labels", "resourceVersion"}
        return kind == "Namespace" and event.verb == "patch" and only_labels and labels <= self._labels.get(name, set())

    def _restart(self, event: Event, named: _Named) -> bool:
        _, kind, namespace, name = named
        if kind == "Pod" and event.object_ref.subresource == "eviction":
            stuck = ("StatefulSet",) if self._undone else ()
            return any(
                (one.method == "evict" or one.workload.kind in stuck) and _is_pod_of(one, namespace, name)
                for one in self._restarts
            )
        listed = any(one.method == "rollout" and _named(one.workload) == named for one in self._restarts)
        return listed and event.verb == "patch" and _only_marks(event.request_object)


def _by_istioctl(files: PlanFiles, undone: bool) -> set[tuple[_Named, bool]]:
    """What istioctl may write, and what may be deleted: on the way there nothing is."""
    found: set[tuple[_Named, bool]] = set()
    for step in files.plan.steps:
        change, undo = getattr(step, "change", None), step.undo
        if not isinstance(change, IstioctlChange):
            continue
        shown = [change.manifests, *([undo.manifests] if undone and isinstance(undo, InstallBefore) else [])]
        found |= {(_named(ObjectRef.of(manifest)), False) for name in shown for manifest in files.manifests[name]}
        if undone:
            found |= {(_named(each.object), True) for each in change.objects if each.change == "add"}
    return found


def _restarts(files: PlanFiles) -> list[Restart]:
    return [one for step in files.plan.steps if isinstance(step, RestartWave) for one in step.restarts]


def _named(ref: ObjectRef) -> _Named:
    return (ref.kind_ref.group, ref.kind, ref.namespace, ref.name)


def _is_pod_of(restart: Restart, namespace: str, pod: str) -> bool:
    return restart.workload.namespace == namespace and pod.startswith(f"{restart.workload.name}-")


def _marks(body: Any) -> dict[str, str | None]:
    """The restart mark that a patch writes, None where it takes it away; empty where it is about something else."""
    if not isinstance(body, dict):
        return {}
    template = (body.get("spec") or {}).get("template") or {}
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    return {key: value for key, value in annotations.items() if key == _MARK}


def _only_marks(body: Any) -> bool:
    """Does a patch write nothing but the restart mark?"""
    marks = _marks(body)
    return bool(marks) and body == {"spec": {"template": {"metadata": {"annotations": marks}}}}
