"""What of a cluster tells who else manages its mesh."""

import msgspec

from resail.models.identity import Manifest, ObjectRef

__all__ = ["FluxRelease", "Seen", "ServiceSeen"]


class FluxRelease(msgspec.Struct, frozen=True):
    """A HelmRelease of Flux, and the Helm release that it makes."""

    ref: ObjectRef
    release: str
    """``namespace/name``"""


class ServiceSeen(msgspec.Struct, frozen=True):
    """A Service labelled ``app: istiod``."""

    ref: ObjectRef
    selects: bool
    """Has it a selector?"""


class Seen(msgspec.Struct, frozen=True):
    """All of it. Of what is not Istio's own, no more than metadata."""

    objects: tuple[Manifest, ...]
    """Istio's Deployments, DaemonSets, webhook configurations and CRDs; and the namespaces that it steers by labels."""
    istiods: tuple[Manifest, ...]
    """Deployments, which are among the objects too."""
    deployments: tuple[Manifest, ...] = ()
    """All of the cluster."""
    services: tuple[ServiceSeen, ...] = ()
    remote_secrets: tuple[ObjectRef, ...] = ()
    """Secrets of the istio namespace that are labelled ``istio/multiCluster: "true"``."""
    flux_releases: tuple[FluxRelease, ...] = ()
    google_revisions: tuple[ObjectRef, ...] = ()
    """ControlPlaneRevisions of mesh.cloud.google.com."""
    maistra_control_planes: tuple[ObjectRef, ...] = ()
    """ServiceMeshControlPlanes of maistra.io."""
