"""Pods and their controllers → workloads."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from statistics import median

from resail.models.identity import KindRef, ObjectRef
from resail.models.quantities import absolute, cpu_millis, parse_quantity
from resail.models.snapshot import RESTART_MARK, Pod, Requests, RolloutStrategy, Workload
from resail.snapshot.shapes import Container, Controller, OwnedShape, PodShape, Template

__all__ = ["CONTROLLERS", "image_version", "owners_of_pods", "pod_facts", "requests_of", "workloads_of"]

CONTROLLERS = (
    KindRef("apps/v1", "Deployment"),
    KindRef("apps/v1", "StatefulSet"),
    KindRef("apps/v1", "DaemonSet"),
    KindRef("batch/v1", "CronJob"),
)
"""What people make; ReplicaSets and Jobs count only where nobody owns them."""

_PROXY = "istio-proxy"

_LONGEST_START = 600
"""Seconds: the default of a Deployment's ``progressDeadlineSeconds``."""

_SHOWN = ("sidecar.istio.io/", "inject.istio.io/", "istio.io/rev")


def owners_of_pods(
    pods: Iterable[PodShape], replica_sets: Iterable[OwnedShape], jobs: Iterable[OwnedShape]
) -> dict[ObjectRef, list[PodShape]]:
    """Pods by the topmost controller that owns them; a pod that nobody owns stands for itself."""
    between = {
        **{("ReplicaSet", one.metadata.namespace, one.metadata.name): one for one in replica_sets},
        **{("Job", one.metadata.namespace, one.metadata.name): one for one in jobs},
    }
    found: dict[ObjectRef, list[PodShape]] = defaultdict(list)
    for pod in pods:
        if pod.metadata.deletion_timestamp is None:
            found[_topmost(pod, between)].append(pod)
    return found


def _topmost(pod: PodShape, between: Mapping[tuple[str, str, str], OwnedShape]) -> ObjectRef:
    namespace = pod.metadata.namespace
    owner = pod.metadata.owner
    if owner is None:
        return ObjectRef("v1", "Pod", namespace, pod.metadata.name)
    parent = between.get((owner.kind, namespace, owner.name))
    above = parent.metadata.owner if parent else None
    topmost = above or owner
    return ObjectRef(topmost.api_version, topmost.kind, namespace, topmost.name)


def workloads_of(
    controllers: Mapping[KindRef, Sequence[Controller]], pods: Mapping[ObjectRef, Sequence[PodShape]]
) -> tuple[Workload, ...]:
    """All workloads with their pods, sorted."""
    found: dict[ObjectRef, Workload] = {}
    for kind, members in controllers.items():
        for member in members:
            ref = ObjectRef(kind.api_version, kind.kind, member.metadata.namespace, member.metadata.name)
            found[ref] = _workload(ref, member, pods.get(ref, ()))
    for ref, members_pods in pods.items():
        if ref not in found:
            found[ref] = _unlisted(ref, members_pods)
    return tuple(found[ref] for ref in sorted(found))


def _workload(ref: ObjectRef, member: Controller, pods: Sequence[PodShape]) -> Workload:
    template = member.spec.job_template.spec.template if member.spec.job_template else member.spec.template
    daemon = ref.kind == "DaemonSet"
    replicas = member.status.desired_number_scheduled if daemon else member.spec.replicas
    return Workload(
        ref=ref,
        replicas=0 if ref.kind == "CronJob" else replicas,
        ready=member.status.number_ready if daemon else member.status.ready_replicas,
        strategy=_strategy(ref.kind, member, replicas),
        labels=template.metadata.labels,
        inject_annotations=_injection(template),
        pods=_pods(pods),
        paused=member.spec.paused,
        min_ready_seconds=member.spec.min_ready_seconds,
        restart_mark=template.metadata.annotations.get(RESTART_MARK, ""),
        requests=requests_of(_own(template.spec.containers)),
        sidecar_requests=_sidecar_requests(pods),
        ready_seconds=_ready_seconds(pods),
    )


def _unlisted(ref: ObjectRef, pods: Sequence[PodShape]) -> Workload:
    """A bare pod, or a controller of a kind that we do not read."""
    metadata = pods[0].metadata
    template = Template()
    template.metadata.labels = metadata.labels
    template.metadata.annotations = metadata.annotations
    return Workload(
        ref=ref,
        replicas=len(pods),
        ready=sum(pod.ready for pod in pods),
        strategy=RolloutStrategy(type="None"),
        labels=metadata.labels,
        inject_annotations=_injection(template),
        pods=_pods(pods),
        requests=requests_of(_own(pods[0].spec.containers)),
        sidecar_requests=_sidecar_requests(pods),
        ready_seconds=_ready_seconds(pods),
    )


def _strategy(kind: str, member: Controller, replicas: int) -> RolloutStrategy:
    if kind == "CronJob":
        return RolloutStrategy(type="None")
    strategy = member.spec.strategy or member.spec.update_strategy
    rolling = strategy.rolling_update if strategy else None
    name = strategy.type if strategy else "RollingUpdate"
    if name == "Recreate":
        return RolloutStrategy(type="Recreate", max_unavailable=replicas)
    if name == "OnDelete":
        return RolloutStrategy(type="OnDelete")
    unavailable = rolling.max_unavailable if rolling else None
    surge = rolling.max_surge if rolling else None
    default = "25%" if kind == "Deployment" else 1
    max_surge = absolute(surge, replicas, round_up=True, default=default if kind == "Deployment" else 0)
    max_unavailable = absolute(unavailable, replicas, round_up=kind == "DaemonSet", default=default)
    # Kubernetes takes one unavailable where rounding would leave it no way to go on.
    stuck = max_surge == 0 and max_unavailable == 0
    return RolloutStrategy(
        type="RollingUpdate",
        max_unavailable=1 if stuck else max_unavailable,
        max_surge=max_surge,
        partition=rolling.partition if rolling else 0,
    )


def requests_of(containers: Iterable[Container]) -> Requests:
    """What they ask for together."""
    asked = [container.resources.requests for container in containers]
    return Requests(
        cpu_millis=sum(cpu_millis(str(one.get("cpu", "0"))) for one in asked),
        memory_bytes=sum(int(parse_quantity(str(one.get("memory", "0")))) for one in asked),
    )


def _own(containers: Iterable[Container]) -> Iterator[Container]:
    return (container for container in containers if container.name != _PROXY)


def _sidecar_requests(pods: Iterable[PodShape]) -> Requests:
    asked = [proxy.resources.requests for pod in pods if (proxy := pod.proxy) is not None]
    return Requests(
        cpu_millis=max((cpu_millis(str(one.get("cpu", "0"))) for one in asked), default=0),
        memory_bytes=max((int(parse_quantity(str(one.get("memory", "0")))) for one in asked), default=0),
    )


def _ready_seconds(pods: Iterable[PodShape]) -> float:
    """The median of its pods.

    A pod that lost its readiness and got it back tells when that was, not how long it took to start. So what is longer than a
    Deployment waits for progress is taken for such a pod and left out; the median hides the rest of them.
    """
    known = [took for pod in pods if (took := pod.ready_seconds) is not None and 0 <= took <= _LONGEST_START]
    return float(median(known)) if known else 0.0


def _injection(template: Template) -> dict[str, str]:
    both = {**template.metadata.annotations, **template.metadata.labels}
    return {key: value for key, value in sorted(both.items()) if key.startswith(_SHOWN)}


def _pods(pods: Iterable[PodShape]) -> tuple[Pod, ...]:
    return tuple(sorted((pod_facts(pod) for pod in pods), key=lambda pod: pod.name))


def pod_facts(pod: PodShape) -> Pod:
    """What a snapshot keeps of a pod."""
    proxy = pod.proxy
    return Pod(
        name=pod.metadata.name,
        ready=pod.ready,
        phase=pod.status.phase,
        node=pod.spec.node_name,
        proxy_version=image_version(proxy.image) if proxy else "",
        proxy_image=proxy.image if proxy else "",
        revision=_revision(pod) if proxy else "",
    )


def _revision(pod: PodShape) -> str:
    """What the injector left: the status annotation tells the revision also where a tag was asked for."""
    told = _revision_in(pod.metadata.annotations.get("sidecar.istio.io/status", ""))
    return told or pod.metadata.annotations.get("istio.io/rev") or pod.metadata.labels.get("istio.io/rev", "")


@lru_cache(maxsize=256)
def _revision_in(status: str) -> str:
    """Most pods have the same."""
    try:
        return str(json.loads(status).get("revision", "") or "") if status else ""
    except (ValueError, AttributeError):
        return ""


@lru_cache(maxsize=256)
def image_version(image: str) -> str:
    """``1.27.9`` of ``docker.io/istio/proxyv2:1.27.9-distroless``; the whole tag where it is no version."""
    tag = image.partition("@")[0].rpartition("/")[2].rpartition(":")[2] if ":" in image.rpartition("/")[2] else ""
    for variant in ("-distroless", "-debug"):
        tag = tag.removesuffix(variant)
    return tag
