"""Who manages a mesh, or parts of it, and is no installer of ours; one file for each, pure over what was seen."""

from resail.installers.foreign.aks import aks_add_on
from resail.installers.foreign.argo_cd import argo_cd
from resail.installers.foreign.external import external_istiod
from resail.installers.foreign.flux import flux
from resail.installers.foreign.google import google_mesh
from resail.installers.foreign.openshift import service_mesh_2, service_mesh_3
from resail.installers.foreign.primaries import several_primaries
from resail.installers.foreign.seen import FluxRelease, Seen, ServiceSeen
from resail.models.snapshot import ForeignManager

__all__ = ["FluxRelease", "Seen", "ServiceSeen", "foreign_managers"]

_SIGNS = (
    aks_add_on,
    argo_cd,
    external_istiod,
    flux,
    google_mesh,
    service_mesh_2,
    service_mesh_3,
    several_primaries,
)


def foreign_managers(seen: Seen) -> tuple[ForeignManager, ...]:
    """All that are recognised, sorted."""
    return tuple(sorted({found for sign in _SIGNS for found in sign(seen)}))
