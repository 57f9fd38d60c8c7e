"""What a new cluster has by itself."""

from resail.models.identity import Manifest

__all__ = ["BOOTSTRAP"]

_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")

BOOTSTRAP: tuple[Manifest, ...] = (
    *({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in _NAMESPACES),
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "targetPort": 6443}]},
    },
)
