"""The only place that talks to a Kubernetes API."""

from resail.kube.cluster import KubeCluster, connect

__all__ = ["KubeCluster", "connect"]
