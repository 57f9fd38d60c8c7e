"""A webhook calls a Service behind which nothing answers."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from resail.checks.diagnosis.control_planes import hangs_on
from resail.checks.diagnosis.sign import Place, Rule, Sign, at, place_of
from resail.checks.diagnosis.situation import Situation
from resail.models.diagnosis import Diagnosis
from resail.models.field_path import find, first
from resail.models.finding import FindingObject
from resail.models.identity import Manifest
from resail.models.snapshot import ControlPlane, Webhook, Workload

__all__ = ["RULE"]

_ID = "webhook-without-endpoints"
_SERVICE_NAME = "metadata.labels.kubernetes.io/service-name"
_SOURCE = "https://istio.io/latest/docs/ops/common-problems/injection/"


class _Called(msgspec.Struct, frozen=True):
    """A Service and who calls it."""

    namespace: str
    name: str
    hooks: tuple[Webhook, ...]
    plane: ControlPlane | None
    """Of the revision of these webhooks."""

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def callers(self) -> str:
        return ", ".join(hook.ref.name for hook in self.hooks)


def _find(situation: Situation) -> Iterator[Sign]:
    services = {_key(one): one for one in situation.all("Service")}
    for called in _called(situation):
        service = services.get((called.namespace, called.name))
        if service is None:
            yield _cause(
                situation,
                called,
                f"Service {called} is missing, and {called.callers} call it",
                (f"the API has no Service {called}",),
                ("put the Service back: `helm rollback` or `helm upgrade` of istiod's release",),
            )
        else:
            yield from _behind(situation, called, service)


def _behind(situation: Situation, called: _Called, service: Manifest) -> Iterator[Sign]:
    selector = first(service, "spec.selector")
    if not isinstance(selector, dict) or not selector:
        if _ready_endpoints(situation, called) == 0:
            what = f"Service {called} has no selector, and nobody has given it a ready endpoint"
            undo = ("see that the EndpointSlice of that Service leads to an istiod that runs",)
            yield _cause(situation, called, what, ("spec.selector: none",), undo)
        return
    chosen = _chosen(situation, called.namespace, selector)
    told = ", ".join(f"{key}={value}" for key, value in sorted(selector.items()))
    if not chosen:
        yield _nothing_fits(situation, called, selector, told)
    elif _ready_endpoints(situation, called) == 0 or not any(chosen.values()):
        if any(chosen.values()):
            ready = ", ".join(sorted(name for name, is_ready in chosen.items() if is_ready))
            what = f"Service {called} has no ready endpoint, though its pods are ready"
            undo = ("compare the targetPort of the Service with the ports of istiod, and see the controller of EndpointSlices",)
            yield _cause(situation, called, what, (f"ready are {ready}", f"spec.selector: {told}"), undo)
        else:
            yield _symptom(called, f"no pod behind Service {called} is ready", f"pods of {told}: {', '.join(sorted(chosen))}")


def _nothing_fits(situation: Situation, called: _Called, selector: Mapping[str, Any], told: str) -> Sign:
    istiod = _workload(situation, called.plane)
    if istiod is None or not selector.items() <= istiod.labels.items():
        undo = ("set the selector back to the labels of istiod's pods: `helm rollback` or `helm upgrade` of its release",)
        own = {key: istiod.labels.get(key, "") for key in selector} if istiod else {}
        labels = ", ".join(f"{key}={value}" for key, value in sorted(own.items())) or "not known"
        evidence = (f"spec.selector: {told}", f"labels of istiod's pods: {labels}")
        return _cause(situation, called, f"the selector of Service {called} fits no pod", evidence, undo, "spec.selector")
    if not istiod.replicas:
        what = f"{istiod.ref} is scaled to zero, so that nothing answers behind Service {called}"
        undo = (f"`kubectl -n {istiod.ref.namespace} scale deployment {istiod.ref.name} --replicas=2`",)
        return _cause(situation, called, what, ("spec.replicas: 0",), undo)
    return _symptom(called, f"there is no pod behind Service {called}", f"spec.selector: {told}; no pod has these labels")


def _cause(
    situation: Situation, called: _Called, what: str, evidence: tuple[str, ...], undo: tuple[str, ...], field: str = ""
) -> Sign:
    refused = any("Fail" in hook.failure_policies for hook in called.hooks)
    effect = "what these webhooks are asked about is refused" if refused else "new pods get no sidecar"
    return Sign(
        diagnosis=Diagnosis(
            id=_ID,
            certainty="certain",
            cause=what,
            objects=_objects(called, field),
            evidence=(*evidence, f"called by {called.callers}"),
            effects=(effect,),
            undo=undo,
            source=_SOURCE,
        ),
        explains=_explained(situation, called),
    )


def _symptom(called: _Called, what: str, evidence: str) -> Sign:
    return Sign(
        diagnosis=Diagnosis(
            id=_ID,
            certainty="likely",
            cause=what,
            objects=_objects(called, ""),
            evidence=(evidence, f"called by {called.callers}"),
            undo=(f"see `kubectl -n {called.namespace} get pods,events`",),
            source=_SOURCE,
        ),
        explains=frozenset(place_of(hook.ref) for hook in called.hooks),
        symptom=True,
    )


def _objects(called: _Called, field: str) -> tuple[FindingObject, ...]:
    service = FindingObject("Service", called.namespace, called.name, field)
    return (service, *(at(hook.ref, "webhooks") for hook in called.hooks))


def _explained(situation: Situation, called: _Called) -> frozenset[Place]:
    hooks = frozenset(place_of(hook.ref) for hook in called.hooks)
    if called.plane is None:
        return hooks
    # istiod itself is well.
    return (hooks | hangs_on(situation, called.plane)) - {place_of(called.plane.deployment)}


def _called(situation: Situation) -> list[_Called]:
    """Services of webhooks whose revision is installed; what a tag of another revision calls is another cause."""
    planes = {plane.revision: plane for plane in situation.snapshot.control_planes}
    found: dict[str, list[Webhook]] = defaultdict(list)
    for hook in situation.snapshot.webhooks:
        if "/" in hook.service and "://" not in hook.service and (not hook.revision or hook.revision in planes):
            found[hook.service].append(hook)
    return [_of(service, hooks, planes) for service, hooks in sorted(found.items())]


def _of(service: str, hooks: list[Webhook], planes: Mapping[str, ControlPlane]) -> _Called:
    namespace, _, name = service.partition("/")
    plane = next((planes[hook.revision] for hook in hooks if hook.revision in planes), None)
    return _Called(namespace, name, tuple(hooks), plane)


def _workload(situation: Situation, plane: ControlPlane | None) -> Workload | None:
    ref = plane.deployment if plane else None
    return next((one for one in situation.snapshot.workloads if one.ref == ref), None)


def _chosen(situation: Situation, namespace: str, selector: Mapping[str, Any]) -> dict[str, bool]:
    """Name of each pod that a selector fits → is it ready?"""
    ready = {(one.ref.namespace, pod.name) for one in situation.snapshot.workloads for pod in one.pods if pod.ready}
    fitting = [
        str(first(pod, "metadata.name"))
        for pod in situation.all("Pod")
        if first(pod, "metadata.namespace") == namespace
        and first(pod, "metadata.deletionTimestamp") is None
        and all(first(pod, f"metadata.labels.{key}") == value for key, value in selector.items())
    ]
    return {name: (namespace, name) in ready for name in fitting}


def _ready_endpoints(situation: Situation, called: _Called) -> int | None:
    """None where the cluster has no EndpointSlice at all, as none that works."""
    slices = situation.all("EndpointSlice.discovery.k8s.io")
    if not slices:
        return None
    own = [
        one for one in slices if (first(one, "metadata.namespace"), first(one, _SERVICE_NAME)) == (called.namespace, called.name)
    ]
    # No condition is ready: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions
    return sum(first(field.value, "conditions.ready") is not False for one in own for field in find(one, "endpoints[*]"))


def _key(manifest: Manifest) -> tuple[Any, Any]:
    return first(manifest, "metadata.namespace"), first(manifest, "metadata.name")


RULE = Rule(_ID, _find)
