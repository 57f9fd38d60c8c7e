"""Meshes at random, such as a capture can tell of."""

from typing import Any

from hypothesis import strategies as st

from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import (
    ClusterFacts,
    Component,
    ControlPlane,
    CustomResourceDefinition,
    DisruptionBudget,
    HelmRelease,
    HorizontalAutoscaler,
    MeshSnapshot,
    Namespace,
    Node,
    Ownership,
    Pod,
    Requests,
    RevisionTag,
    RolloutStrategy,
    SailResource,
    Webhook,
    Workload,
)
from resail.twin.defaults import fill_in

SYSTEM = "istio-system"
VERSIONS = ("1.25.1", "1.26.0", "1.27.9")
REVISIONS = ("default", "1-26-0", "1-27-9")
_RELEASE = "istio-system/istiod"
_HOOKS = "admissionregistration.k8s.io/v1"

REQUESTS = st.builds(Requests, st.integers(0, 4000), st.integers(0, 2**34))


@st.composite
def meshes(draw: st.DrawFn) -> MeshSnapshot:
    nodes = tuple(draw(_nodes(number)) for number in range(draw(st.integers(1, 3))))
    revision = draw(st.sampled_from(REVISIONS))
    plane, istiod, release = draw(_control_plane(revision, nodes))
    workloads = [istiod, *(draw(_workload(number, nodes)) for number in range(draw(st.integers(0, 6))))]
    gateways = [one for one in workloads if one.inject_annotations.get("inject.istio.io/templates") == "gateway"]
    tags = tuple(_tag(name, revision) for name in draw(st.sets(st.sampled_from(["default", "prod"]))))
    webhooks = [_webhook_of(tag, draw(st.booleans())) for tag in tags]
    webhooks.append(_validator(revision, draw(st.booleans()), draw(st.sampled_from(["Ignore", "Fail"]))))
    apps = [one for one in workloads if one.ref.namespace != SYSTEM]
    crds = draw(st.sets(st.sampled_from(["gateways.networking.istio.io", "httproutes.gateway.networking.k8s.io"])))
    sail = draw(_sail(revision))
    return MeshSnapshot(
        sail_resources=sail,
        cluster=ClusterFacts("8d4c0d1e-1b1b-4c5e-8a39-000000000001", "1.31.0", nodes),
        istio_namespace=SYSTEM,
        control_planes=(plane,),
        tags=tuple(sorted(tags, key=lambda tag: tag.tag)),
        components=tuple(
            sorted((Component("gateway", one.ref, "", "", Ownership("none")) for one in gateways), key=lambda part: part.workload)
        ),
        webhooks=tuple(sorted(webhooks, key=lambda hook: hook.ref)),
        helm_releases=(release,),
        crds=tuple(CustomResourceDefinition(name, ("v1",), ("v1", "v1beta1"), "", Ownership("none")) for name in sorted(crds)),
        namespaces=(
            *(Namespace(name, {}) for name in ("default",)),
            Namespace(SYSTEM, {}),
            *(Namespace(name, {}) for name in ("kube-node-lease", "kube-public", "kube-system")),
            *(Namespace(name, draw(_steering())) for name in ("shop-0", "shop-1")),
        ),
        workloads=tuple(sorted(workloads, key=lambda one: one.ref)),
        budgets=tuple(draw(_budget(number, apps)) for number in range(draw(st.integers(0, 2)))),
        autoscalers=tuple(
            HorizontalAutoscaler(
                ObjectRef("autoscaling/v2", "HorizontalPodAutoscaler", one.ref.namespace, f"scale-{number}"), one.ref, 1, 5
            )
            for number, one in enumerate(apps[:1])
        ),
        istio_objects=tuple(
            ObjectRef(f"{name.partition('.')[2]}/v1", kind, "shop-0", "one")
            for name, kind in (("gateways.networking.istio.io", "Gateway"),)
            if name in crds
        ),
    )


@st.composite
def _sail(draw: st.DrawFn, revision: str) -> tuple[SailResource, ...]:
    known = draw(st.sampled_from([(), ("v1.26.0", "v1.27.9")]))
    problem = draw(st.sampled_from(["", "the operator has not seen it yet", "not Reconciled: Error", "not Ready: X (why)"]))
    spec: dict[str, Any] = {"version": "v1.26.0", "namespace": SYSTEM}
    # A tag has no version, and is never called not ready.
    of_tag = "" if problem.startswith("not Ready") else problem
    target: dict[str, Any] = {"targetRef": {"kind": "Istio", "name": "default"}}
    everything = (
        SailResource(_sail_ref("Istio"), spec, "", revision, problem, known),
        SailResource(_sail_ref("IstioCNI"), spec, "", "", problem, known),
        SailResource(_sail_ref("IstioRevision"), spec, "default", "", problem, known),
        SailResource(_sail_ref("IstioRevisionTag"), target, "", revision, of_tag, ()),
    )
    return everything if draw(st.booleans()) else everything[: draw(st.integers(0, 2))]


def _sail_ref(kind: str) -> ObjectRef:
    return ObjectRef("sailoperator.io/v1", kind, "", "default")


@st.composite
def _nodes(draw: st.DrawFn, number: int) -> Node:
    zone = draw(st.sampled_from(["", "zone-a", "zone-b"]))
    return Node(f"node-{number}", "1.31.0", "arm64", draw(st.integers(8000, 64000)), draw(st.integers(2**33, 2**40)), True, zone)


def _steering() -> st.SearchStrategy[dict[str, str]]:
    return st.sampled_from([{}, {"istio-injection": "enabled"}, {"istio.io/rev": "prod"}, {"istio.io/rev": "1-26-0"}])


@st.composite
def _pod(draw: st.DrawFn, name: str, nodes: tuple[Node, ...], *, phase: str = "Running") -> Pod:
    version = draw(st.sampled_from(["", *VERSIONS]))
    return Pod(
        name=name,
        ready=phase == "Running" and draw(st.booleans()),
        phase=phase,
        node=draw(st.sampled_from(nodes)).name,
        proxy_version=version,
        proxy_image=f"docker.io/istio/proxyv2:{version}" if version else "",
        revision=draw(st.sampled_from(REVISIONS)) if version else "",
    )


@st.composite
def _workload(draw: st.DrawFn, number: int, nodes: tuple[Node, ...]) -> Workload:
    kind = draw(st.sampled_from(["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Pod", "ReplicaSet", "Rollout"]))
    name = f"app-{number}"
    labels = {"app": name, **draw(st.sampled_from([{}, {"version": "v1"}, {"sidecar.istio.io/inject": "false"}]))}
    on = draw(st.lists(st.sampled_from(nodes), unique=True)) if kind == "DaemonSet" else []
    counted = draw(st.integers(0, 4)) if kind in ("Deployment", "StatefulSet") else draw(st.integers(1, 3))
    replicas = len(on) if kind == "DaemonSet" else 1 if kind == "Pod" else counted
    if kind == "DaemonSet":
        pods = [_on(draw(_pod(f"{name}-{node.name}", nodes)), node.name) for node in on]
    else:
        names = [name] if kind == "Pod" else [f"{name}-{ordinal}" for ordinal in range(replicas)]
        pods = [draw(_pod(each, nodes)) for each in names]
    steering = {name: value for name, value in labels.items() if name.startswith("sidecar.istio.io/")}
    annotations = draw(st.sampled_from([{}, {"sidecar.istio.io/proxyCPU": "100m"}]))
    injected = all(pod.proxy_image for pod in pods)
    gateway = {"inject.istio.io/templates": "gateway"} if kind == "Deployment" and injected and draw(st.booleans()) else {}
    unlisted = kind in ("Pod", "ReplicaSet", "Rollout")
    told = {"sidecar.istio.io/status": f'{{"revision":"{pods[0].revision}"}}'} if unlisted and pods[0].revision else {}
    with_proxy = any(pod.proxy_image for pod in pods)
    return Workload(
        ref=ObjectRef(_API.get(kind, "apps/v1"), kind, f"shop-{number % 2}", name),
        replicas=0 if kind == "CronJob" else replicas,
        ready=0 if kind == "CronJob" else sum(pod.ready for pod in pods),
        strategy=draw(_strategy(kind, replicas)),
        labels=labels,
        inject_annotations=dict(sorted({**annotations, **gateway, **told, **steering}.items())),
        pods=tuple(sorted(pods, key=lambda pod: pod.name)),
        paused=kind == "Deployment" and draw(st.booleans()),
        min_ready_seconds=0 if unlisted or kind == "CronJob" else draw(st.sampled_from([0, 10])),
        restart_mark="" if unlisted else draw(st.sampled_from(["", "0123456789ab/07-restart-wave"])),
        requests=Requests() if gateway else draw(REQUESTS),
        sidecar_requests=draw(REQUESTS) if with_proxy else Requests(),
        ready_seconds=float(draw(st.integers(0, 600))) if any(pod.ready for pod in pods) else 0.0,
    )


_API = {"CronJob": "batch/v1", "Pod": "v1", "Rollout": "argoproj.io/v1alpha1"}


def _on(pod: Pod, node: str) -> Pod:
    return Pod(pod.name, pod.ready, pod.phase, node, pod.proxy_version, pod.proxy_image, pod.revision)


@st.composite
def _strategy(draw: st.DrawFn, kind: str, replicas: int) -> RolloutStrategy:
    if kind not in ("Deployment", "StatefulSet", "DaemonSet"):
        return RolloutStrategy("None")
    if kind == "Deployment" and draw(st.booleans()):
        return RolloutStrategy("Recreate", max_unavailable=replicas)
    if kind != "Deployment" and draw(st.booleans()):
        return RolloutStrategy("OnDelete")
    if kind == "StatefulSet":
        return RolloutStrategy("RollingUpdate", 1, 0, draw(st.integers(0, 2)))
    unavailable, surge = draw(st.sampled_from([(1, 0), (0, 1), (2, 1)] if kind == "Deployment" else [(1, 0), (0, 1)]))
    return RolloutStrategy("RollingUpdate", unavailable, surge)


@st.composite
def _budget(draw: st.DrawFn, number: int, workloads: list[Workload]) -> DisruptionBudget:
    namespace = f"shop-{number % 2}"
    apps = draw(st.lists(st.sampled_from([f"app-{each}" for each in range(6)]), min_size=1, unique=True))
    expressions = {"matchExpressions": [{"key": "app", "operator": "In", "values": sorted(apps)}]}
    selected = [one for one in workloads if one.ref.namespace == namespace and one.ref.name in apps and one.pods]
    least, most = draw(st.sampled_from([("1", ""), ("50%", ""), ("", "1"), ("", "30%")]))
    healthy = sum(pod.ready for one in selected for pod in one.pods)
    return DisruptionBudget(
        ref=ObjectRef("policy/v1", "PodDisruptionBudget", namespace, f"budget-{number}"),
        min_available=least,
        max_unavailable=most,
        current_healthy=healthy,
        desired_healthy=1,
        disruptions_allowed=max(0, healthy - 1),
        workloads=tuple(sorted(one.ref for one in selected)),
        selector=draw(st.sampled_from([expressions])),
    )


@st.composite
def _control_plane(draw: st.DrawFn, revision: str, nodes: tuple[Node, ...]) -> tuple[ControlPlane, Workload, HelmRelease]:
    version = draw(st.sampled_from(VERSIONS))
    image = f"docker.io/istio/pilot:{version}"
    labels = {"app": "istiod", "istio.io/rev": revision}
    pod = Pod("istiod-7d9-x", True, "Running", nodes[0].name, "", "", "")
    asked = Requests(500, 2**31)
    deployment: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "istiod", "namespace": SYSTEM, "labels": labels},
        "spec": {
            "selector": {"matchLabels": {"app": "istiod"}},
            "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "25%"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [
                        {
                            "name": "discovery",
                            "image": image,
                            "resources": {"requests": {"cpu": "500m", "memory": "2Gi"}},
                        }
                    ]
                },
            },
        },
    }
    objects = [deployment, _secret(), _validator_manifest(revision)]
    release = HelmRelease(
        name="istiod",
        namespace=SYSTEM,
        chart="istiod",
        chart_version=version,
        app_version=version,
        revision=draw(st.integers(1, 20)),
        status="deployed",
        values=draw(st.dictionaries(st.text(max_size=5), st.integers(-9, 9) | st.text(max_size=5), max_size=3)),
        objects=tuple(sorted(objects, key=ObjectRef.of)),
        apply_method=draw(st.sampled_from(["ssa", "csa", ""])),
    )
    owner = Ownership("helm", _RELEASE)
    plane = ControlPlane(ObjectRef.of(deployment), revision, version, image, 1, 1, owner)
    workload = Workload(
        ref=ObjectRef.of(deployment),
        replicas=1,
        ready=1,
        strategy=RolloutStrategy("RollingUpdate", 0, 1),
        labels=labels,
        inject_annotations={"istio.io/rev": revision},
        pods=(pod,),
        requests=asked,
        ready_seconds=4.0,
    )
    return plane, workload, release


def _secret() -> Manifest:
    metadata = {"name": "keys", "namespace": SYSTEM}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"key": "(not shown)"}}


def _entry(name: str) -> dict[str, Any]:
    service = {"name": "istiod", "namespace": SYSTEM, "path": "/inject"}
    return {
        "name": name,
        "clientConfig": {"service": service},
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }


def _validator_manifest(revision: str) -> Manifest:
    labels = {"app": "istiod", "istio.io/rev": revision}
    return {
        "apiVersion": _HOOKS,
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "istio-validator", "labels": labels},
        "webhooks": [_entry("validation.istio.io")],
    }


def _validator(revision: str, has_bundle: bool, policy: str) -> Webhook:
    ref = ObjectRef(_HOOKS, "ValidatingWebhookConfiguration", "", "istio-validator")
    return Webhook(ref, revision, "", f"{SYSTEM}/istiod", (policy,), has_bundle, Ownership("helm", _RELEASE))


def _tag(name: str, revision: str) -> RevisionTag:
    ref = ObjectRef(_HOOKS, "MutatingWebhookConfiguration", "", f"istio-revision-tag-{name}")
    manifest: Manifest = {
        "apiVersion": ref.api_version,
        "kind": ref.kind,
        "metadata": {"name": ref.name, "labels": {"istio.io/tag": name, "istio.io/rev": revision}},
        "webhooks": [{**_entry(f"{name}.injector.istio.io"), "failurePolicy": "Fail"}],
    }
    # A tag's webhook is captured with what the API server filled in.
    fill_in(manifest)
    return RevisionTag(name, revision, ref, Ownership("none"), manifest)


def _webhook_of(tag: RevisionTag, has_bundle: bool) -> Webhook:
    return Webhook(tag.webhook, tag.revision, tag.tag, f"{SYSTEM}/istiod", ("Fail",), has_bundle, Ownership("none"))
