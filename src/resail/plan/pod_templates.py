"""What runs pods among rendered objects, and whose pods are replaced."""

from collections.abc import Sequence

from resail.models.identity import Manifest, ObjectRef

__all__ = ["replaced", "runs_pods"]


def replaced(before: Sequence[Manifest], after: Sequence[Manifest], *, always: bool) -> tuple[ObjectRef, ...]:
    """Workloads whose pod template changes; ``always``: a gateway's pods are injected anew even where it does not."""
    old = {ObjectRef.of(manifest): manifest for manifest in before if runs_pods(manifest)}
    both = [(ObjectRef.of(manifest), manifest) for manifest in after if ObjectRef.of(manifest) in old]
    return tuple(sorted(ref for ref, manifest in both if always or old[ref]["spec"]["template"] != manifest["spec"]["template"]))


def runs_pods(manifest: Manifest) -> bool:
    """Is it a workload?"""
    return manifest["kind"] in ("Deployment", "DaemonSet", "StatefulSet")
