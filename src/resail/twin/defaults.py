"""What the API server fills in where an object says nothing."""

from collections.abc import Callable
from typing import Any

from resail.models.identity import Manifest

__all__ = ["fill_in"]

Fields = dict[str, Any]


def fill_in(manifest: Manifest) -> None:
    """Fill in, in place."""
    filler = _FILLERS.get(manifest["kind"])
    if filler is not None:
        filler(manifest)


def _default(fields: Fields, **values: Any) -> None:
    for name, value in values.items():
        if fields.get(name) is None:
            fields[name] = value


def _pod_spec(spec: Fields) -> None:
    _default(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
        securityContext={},
        terminationGracePeriodSeconds=30,
    )
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        _container(container)
    for volume in spec.get("volumes") or ():
        _volume(volume)
    if spec.get("serviceAccountName"):
        _default(spec, serviceAccount=spec["serviceAccountName"])


def _container(container: Fields) -> None:
    image = container.get("image", "")
    moving = image.endswith(":latest") or ":" not in image.rpartition("/")[2]
    _default(
        container,
        imagePullPolicy="Always" if moving else "IfNotPresent",
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    for port in container.get("ports") or ():
        _default(port, protocol="TCP")
    for variable in container.get("env") or ():
        field = (variable.get("valueFrom") or {}).get("fieldRef")
        if field is not None:
            _default(field, apiVersion="v1")
        resource = (variable.get("valueFrom") or {}).get("resourceFieldRef")
        if resource is not None:
            _default(resource, divisor="0")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name) is not None:
            probe = container[name]
            _default(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if "httpGet" in probe:
                _default(probe["httpGet"], scheme="HTTP", path="/")
    # Requests that are not given are the limits.
    resources = container["resources"]
    for name, limit in (resources.get("limits") or {}).items():
        resources.setdefault("requests", {}).setdefault(name, limit)


def _volume(volume: Fields) -> None:
    for source in ("secret", "configMap", "projected", "downwardAPI"):
        if volume.get(source) is not None:
            _default(volume[source], defaultMode=420)
    for source in (volume.get("projected") or {}).get("sources") or ():
        if "serviceAccountToken" in source:
            _default(source["serviceAccountToken"], expirationSeconds=3600)
        for item in (source.get("downwardAPI") or {}).get("items") or ():
            _default(item.get("fieldRef") or {}, apiVersion="v1")
    for item in (volume.get("downwardAPI") or {}).get("items") or ():
        _default(item.get("fieldRef") or {}, apiVersion="v1")
    if volume.get("hostPath") is not None:
        _default(volume["hostPath"], type="")


def _pod(manifest: Manifest) -> None:
    _pod_spec(manifest["spec"])
    _default(manifest["spec"], enableServiceLinks=True)


def _template(spec: Fields) -> None:
    spec["template"].setdefault("metadata", {})
    _pod_spec(spec["template"]["spec"])


def _deployment(manifest: Manifest) -> None:
    spec = manifest["spec"]
    _default(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    _default(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        _default(spec["strategy"], rollingUpdate={})
        _default(spec["strategy"]["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")
    _template(spec)


def _replica_set(manifest: Manifest) -> None:
    _default(manifest["spec"], replicas=1)
    _template(manifest["spec"])


def _stateful_set(manifest: Manifest) -> None:
    spec = manifest["spec"]
    _default(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady", updateStrategy={})
    _default(spec, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"})
    _default(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        _default(spec["updateStrategy"], rollingUpdate={})
        _default(spec["updateStrategy"]["rollingUpdate"], partition=0)
    _template(spec)


def _daemon_set(manifest: Manifest) -> None:
    spec = manifest["spec"]
    _default(spec, revisionHistoryLimit=10, updateStrategy={})
    _default(spec["updateStrategy"], type="RollingUpdate")
    if spec["updateStrategy"]["type"] == "RollingUpdate":
        _default(spec["updateStrategy"], rollingUpdate={})
        _default(spec["updateStrategy"]["rollingUpdate"], maxUnavailable=1, maxSurge=0)
    _template(spec)


def _job_spec(spec: Fields) -> None:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    _default(spec, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False)
    _template(spec)


def _cron_job(manifest: Manifest) -> None:
    spec = manifest["spec"]
    _default(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    _template(spec["jobTemplate"]["spec"])


def _service(manifest: Manifest) -> None:
    spec = manifest["spec"]
    _default(spec, type="ClusterIP", sessionAffinity="None")
    if spec["type"] != "ExternalName":
        _default(spec, internalTrafficPolicy="Cluster", ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    if spec["type"] in ("LoadBalancer", "NodePort"):
        _default(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        _default(spec, allocateLoadBalancerNodePorts=True)
    for port in spec.get("ports") or ():
        _default(port, protocol="TCP", targetPort=port["port"])


def _webhooks(manifest: Manifest) -> None:
    for webhook in manifest.get("webhooks") or ():
        _default(webhook, failurePolicy="Fail", matchPolicy="Equivalent", timeoutSeconds=10)
        _default(webhook, namespaceSelector={}, objectSelector={})
        if manifest["kind"] == "MutatingWebhookConfiguration":
            _default(webhook, reinvocationPolicy="Never")
        for rule in webhook.get("rules") or ():
            _default(rule, scope="*")
        service = webhook["clientConfig"].get("service")
        if service is not None:
            _default(service, port=443)


def _definition(manifest: Manifest) -> None:
    spec = manifest["spec"]
    _default(spec, conversion={"strategy": "None"})
    kind = spec["names"]["kind"]
    _default(spec["names"], singular=kind.lower(), listKind=f"{kind}List")


def _autoscaler(manifest: Manifest) -> None:
    _default(manifest["spec"], minReplicas=1)


def _namespace(manifest: Manifest) -> None:
    # Namespace selectors of webhooks rely on it.
    metadata = manifest["metadata"]
    metadata["labels"] = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
    manifest["spec"] = {"finalizers": ["kubernetes"], **(manifest.get("spec") or {})}


def _secret(manifest: Manifest) -> None:
    _default(manifest, type="Opaque")


def _node(manifest: Manifest) -> None:
    manifest.setdefault("spec", {})
    manifest.setdefault("status", {})


def _role_binding(manifest: Manifest) -> None:
    for subject in manifest.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            _default(subject, apiGroup="rbac.authorization.k8s.io")


_FILLERS: dict[str, Callable[[Manifest], None]] = {
    "ClusterRoleBinding": _role_binding,
    "CronJob": _cron_job,
    "CustomResourceDefinition": _definition,
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "HorizontalPodAutoscaler": _autoscaler,
    "Job": lambda manifest: _job_spec(manifest["spec"]),
    "MutatingWebhookConfiguration": _webhooks,
    "Namespace": _namespace,
    "Node": _node,
    "Pod": _pod,
    "ReplicaSet": _replica_set,
    "RoleBinding": _role_binding,
    "Secret": _secret,
    "Service": _service,
    "StatefulSet": _stateful_set,
    "ValidatingWebhookConfiguration": _webhooks,
}
