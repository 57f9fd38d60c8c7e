"""Rehearsals: what istioctl would do to a cluster, done with the plan's rendered objects; no istioctl is needed.

A Secret gets its keys but no values, since a plan does not have them: so it is for copies of a mesh, never for the mesh.
``tests/installers`` compares what it leaves with what istioctl leaves.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from resail.cluster import ClusterReader, ClusterWriter
from resail.errors import ApiConflictError, NotFoundError
from resail.installers.interface import Installation
from resail.installers.kind_order import in_install_order
from resail.installers.rendered import without_values
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.istioctl_marks import COMPONENTS, MANAGER, mark_of

__all__ = ["RenderedIstioctl"]

_RBAC = "rbac.authorization.k8s.io/v1"
_ADMISSION = "admissionregistration.k8s.io/v1"
_PRUNED = (
    KindRef("apps/v1", "Deployment"),
    KindRef("apps/v1", "DaemonSet"),
    *(KindRef("v1", kind) for kind in ("Service", "ConfigMap", "Pod", "Secret", "ServiceAccount")),
    KindRef(_RBAC, "RoleBinding"),
    KindRef(_RBAC, "Role"),
    KindRef("policy/v1", "PodDisruptionBudget"),
    KindRef("autoscaling/v2", "HorizontalPodAutoscaler"),
    KindRef("networking.istio.io/v1alpha3", "EnvoyFilter"),
    KindRef(_ADMISSION, "MutatingWebhookConfiguration"),
    KindRef(_ADMISSION, "ValidatingWebhookConfiguration"),
    KindRef(_RBAC, "ClusterRole"),
    KindRef(_RBAC, "ClusterRoleBinding"),
)
"""In istioctl's order (``operator/pkg/uninstall/prune.go``)."""


class RenderedIstioctl:
    """Implements ``IstioctlInstaller``; the docstrings are there."""

    def __init__(self, reader: ClusterReader, writer: ClusterWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def prepare(self, versions: Iterable[str], directories: Sequence[Path], progress: Callable[[str], None]) -> None:
        """There is nothing to fetch."""

    async def install(self, wanted: Installation, tell: Callable[[str], None]) -> None:
        await self._create_namespace(wanted)
        for component in COMPONENTS:
            objects = [one for one in wanted.objects if (mark_of(one) or ("",))[0] == component]
            if objects:
                tell(f"{component} of {wanted.version}")
                await self._apply(objects)
        await self._prune(wanted)
        # The tag ``default`` and its validator.
        await self._apply(one for one in wanted.objects if mark_of(one) is None)

    async def uninstall(self, version: str, revision: str, tell: Callable[[str], None]) -> None:
        removed = ", ".join(component for component in COMPONENTS if component != "Base")
        labels = f"istio.io/rev={revision},operator.istio.io/component in ({removed})"
        for manifest in await self._found(labels):
            tell(f"removing {ObjectRef.of(manifest)}")
            await self._delete(manifest)

    async def _apply(self, objects: Iterable[Manifest]) -> None:
        for manifest in in_install_order(objects):
            await self._writer.apply(without_values(manifest), manager=MANAGER, force=True)

    async def _create_namespace(self, wanted: Installation) -> None:
        for namespace in sorted({one["metadata"].get("namespace", "") for one in wanted.objects} - {""}):
            with contextlib.suppress(ApiConflictError):
                await self._writer.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})

    async def _prune(self, wanted: Installation) -> None:
        """What bears the same owner, revision and version, and is not among what was applied."""
        applied = {ObjectRef.of(manifest) for manifest in wanted.objects}
        for selector in sorted({_owner_of(one) for one in wanted.objects if mark_of(one)}):
            for manifest in await self._found(f"{selector},operator.istio.io/component"):
                if ObjectRef.of(manifest) not in applied and mark_of(manifest):
                    await self._delete(manifest)

    async def _found(self, labels: str) -> list[Manifest]:
        found: list[Manifest] = []
        for kind in _PRUNED:
            with contextlib.suppress(NotFoundError):
                found += await self._reader.list_objects(kind, labels=labels)
        return found

    async def _delete(self, manifest: Manifest) -> None:
        with contextlib.suppress(NotFoundError):
            await self._writer.delete(ObjectRef.of(manifest))


def _owner_of(manifest: Manifest) -> str:
    labels = manifest["metadata"]["labels"]
    names = ("operator.istio.io/managed", "operator.istio.io/version", "istio.io/rev")
    owner = [name for name in labels if name.startswith("install.operator.istio.io/owning-resource")]
    return ",".join(f"{name}={labels[name]}" for name in (*names, *sorted(owner)))
