"""An object that stands for one of a mesh, on a cluster to rehearse on."""

import msgspec

from resail.models.identity import Manifest

__all__ = ["StandIn"]


class StandIn(msgspec.Struct, frozen=True):
    """An object as it is. Who loads it gives it a uid (where it has none) and fills in those of its owners."""

    manifest: Manifest
    """With its status; ``ownerReferences`` without ``uid``."""
    applied: Manifest | None = None
    """What of it an installer applied; None where none did."""
    applied_by: str = "helm"
    """The installer's field manager."""
    manager: str = ""
    """Who wrote the rest; empty: nobody that matters."""
