"""The programs of the bed, and the pinned Go modules that they are built from."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

__all__ = ["API_SERVER", "CONTROL_PLANE", "ISTIO_VERSIONS", "KUBERNETES_VERSION", "TOOLS", "Tool"]

KUBERNETES_VERSION = "1.31.0"
"""In the supported range of Istio 1.24 to 1.27."""

ISTIO_VERSIONS = ("1.24.0", "1.25.1", "1.26.0", "1.27.9")
"""The istiods that the bed can run, each with its istioctl."""


class Tool(msgspec.Struct, frozen=True):
    """One program."""

    name: str
    """How it is asked for, and the file's name in the cache: ``pilot-discovery-1.27.9``."""
    module: str
    """Folder below ``modules/`` with go.mod and go.sum."""
    package: str
    """Go package of its main function."""
    command: str
    """Its name on PATH or in KUBEBUILDER_ASSETS."""
    version_arguments: tuple[str, ...]
    """Arguments that make it print its version."""
    version: str
    """What must stand in that print for a program found elsewhere to be used."""
    ldflags: tuple[str, ...] = ()


def _kubernetes(command: str, *version_arguments: str) -> Tool:
    package = "k8s.io/component-base/version"
    major, minor, _ = KUBERNETES_VERSION.split(".")
    return Tool(
        name=command,
        module="kubernetes",
        package=f"k8s.io/kubernetes/cmd/{command}",
        command=command,
        version_arguments=version_arguments or ("--version",),
        version=f"v{major}.{minor}.",
        ldflags=(
            f"-X {package}.gitVersion=v{KUBERNETES_VERSION}",
            f"-X {package}.gitMajor={major}",
            f"-X {package}.gitMinor={minor}",
            f"-X k8s.io/client-go/pkg/version.gitVersion=v{KUBERNETES_VERSION}",
        ),
    )


def _istio(command: str, folder: str, version: str) -> Tool:
    package = "istio.io/istio/pkg/version"
    return Tool(
        name=f"{command}-{version}",
        module=f"istio-{version}",
        package=f"istio.io/istio/{folder}/cmd/{command}",
        command=command,
        version_arguments=("version", "--short", "--remote=false") if command == "istioctl" else ("version", "--short"),
        version=version,
        ldflags=(
            f"-X {package}.buildVersion={version}",
            f"-X {package}.buildTag={version}",
            f"-X {package}.buildStatus=Clean",
            # Without it, istioctl would install gcr.io/istio-testing's ``latest``.
            *((f"-X {package}.buildHub=docker.io/istio",) if command == "istioctl" else ()),
        ),
    )


API_SERVER = ("etcd", "kube-apiserver")
"""What an API server takes."""

CONTROL_PLANE = (*API_SERVER, "etcdutl", "kube-controller-manager", "kube-scheduler", "kwok")
"""What a bed runs."""

_ALL = (
    Tool("etcd", "etcd", "go.etcd.io/etcd/server/v3", "etcd", ("--version",), "etcd Version: 3.6"),
    Tool("etcdutl", "etcd", "go.etcd.io/etcd/etcdutl/v3", "etcdutl", ("version",), "etcdutl version: 3.6"),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    Tool("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", "kwok", ("--version",), "v0.7"),
    Tool("helm", "helm", "helm.sh/helm/v4/cmd/helm", "helm", ("version", "--short"), "v4."),
    _kubernetes("kubectl", "version", "--client"),
    *(_istio("pilot-discovery", "pilot", version) for version in ISTIO_VERSIONS),
    *(_istio("istioctl", "istioctl", version) for version in ISTIO_VERSIONS),
)

TOOLS: Mapping[str, Tool] = MappingProxyType({tool.name: tool for tool in _ALL})
"""By name."""
