"""Cluster → ``MeshSnapshot``, and the evidence that checks need."""

from resail.snapshot.capture import capture

__all__ = ["capture"]
