"""What a rollback need not put back as it was: each with its reason. Everything else is compared, field by field."""

KINDS = {
    "Pod": "its controller makes new ones",
    "ReplicaSet": "the history that a Deployment keeps of its templates",
    "ControllerRevision": "the history that a StatefulSet or DaemonSet keeps of its templates",
    "Event": "a log",
    "Endpoints": "follows from pods",
    "EndpointSlice": "follows from pods",
    "Lease": "heartbeats and elections",
    "CustomResourceDefinition": "CRDs stay at the target: an older schema would prune what newer objects hold",
    "PodMetrics": "measured",
    "NodeMetrics": "measured",
}

NAMES = {
    "ConfigMap/resail-r-": "the copies of runs' journals are kept",
    "Secret/sh.helm.release.v1.": "Helm's history grows by the upgrade and the rollback",
    "ConfigMap/istio-ca-crl": "istiod 1.27 puts it into each namespace by itself, and an older one leaves it there",
}
"""Beginnings of ``Kind/name``."""

ELECTION = "control-plane.alpha.kubernetes.io/leader"
"""Annotation of the ConfigMaps by which istiods elect their leaders."""

FIELDS = {
    "metadata.managedFields": "who wrote last: server metadata",
    "metadata.resourceVersion": "server metadata",
    "metadata.generation": "counts the changes: server metadata",
    "metadata.annotations.deployment.kubernetes.io/revision": "counts the rollouts: server metadata",
    "metadata.annotations.deprecated.daemonset.template.generation": "counts the rollouts: server metadata",
    "spec.template.metadata.annotations.resail.dev/restart": "the mark of a restart",
    "status": "what controllers observe",
}
"""Beginnings of paths."""

ANOTHER_RUN = {
    "metadata.uid": "given anew to each object that is made",
    "metadata.creationTimestamp": "when it was made",
    "metadata.ownerReferences": "names the owner's uid",
    "spec.clusterIP": "given anew to each Service that is made",
}
"""What differs besides between the end states of two runs: each makes objects of its own."""

BASE_STAYS = {
    "istio-system/ServiceAccount/istio-reader-service-account: metadata.labels.istio.io/rev",
    "istio-system/ServiceAccount/istio-reader-service-account: metadata.labels.operator.istio.io/version",
}
"""After a canary by istioctl, whose ``uninstall --revision`` leaves what all revisions share, with the marks of the last one."""
