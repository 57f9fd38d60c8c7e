"""``MeshSnapshot`` → the Kubernetes objects that stand for it, to rehearse on; pure."""

from resail.snapshot.stand_in.mesh import stand_in

__all__ = ["stand_in"]
