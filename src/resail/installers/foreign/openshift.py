"""OpenShift Service Mesh: 2 (Maistra), and 3, which is the Sail Operator under OLM."""

from collections.abc import Iterator

from resail.installers.foreign.seen import Seen
from resail.models.identity import ObjectRef
from resail.models.snapshot import ForeignManager

__all__ = ["service_mesh_2", "service_mesh_3"]

_OWNER = "maistra.io/owner"
_OLM = "olm.owner"
_OPERATORS = {
    "servicemeshoperator3.": "OpenShift Service Mesh 3 (the Sail Operator)",
    "sailoperator.": "the Sail Operator under OLM",
}
"""Beginning of a ClusterServiceVersion's name → whose it is."""


def service_mesh_2(seen: Seen) -> Iterator[ForeignManager]:
    """Its ServiceMeshControlPlanes, and what the operator made of them.

    Source: https://github.com/maistra/istio-operator
    """
    name = "OpenShift Service Mesh 2"
    for ref in seen.maistra_control_planes:
        yield ForeignManager(name, ref, "kind", "ServiceMeshControlPlane", "mesh")
    for manifest in seen.objects:
        owner = (manifest["metadata"].get("labels") or {}).get(_OWNER, "")
        if owner:
            yield ForeignManager(name, ObjectRef.of(manifest), f"metadata.labels.{_OWNER}", owner, "mesh")


def service_mesh_3(seen: Seen) -> Iterator[ForeignManager]:
    """The operator's Deployment, as OLM labels it. Only worth knowing: what it installs is told to be Sail's by its owners.

    Source: https://olm.operatorframework.io/docs/concepts/crds/clusterserviceversion/
    """
    for deployment in seen.deployments:
        owner = (deployment["metadata"].get("labels") or {}).get(_OLM, "")
        for beginning, name in _OPERATORS.items():
            if owner.startswith(beginning):
                yield ForeignManager(name, ObjectRef.of(deployment), f"metadata.labels.{_OLM}", owner, "nothing")
