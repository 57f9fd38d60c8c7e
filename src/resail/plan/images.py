"""Which images a plan has nodes pull, where, and with which pull secrets: read from its rendered manifests."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from resail.checks.sidecar import predicted_image
from resail.models.identity import Manifest, ObjectRef
from resail.models.images import ImageUse
from resail.models.plan import InstallerStep, PlanFiles, RestartWave, UpgradeGateway

__all__ = ["images_of"]

_INJECTED = "auto"
"""The image of a gateway's proxy before injection."""


def images_of(files: PlanFiles) -> tuple[ImageUse, ...]:
    """All of them, sorted: those of what is installed, and the sidecars of what restarts."""
    found: set[ImageUse] = set()
    for hop in range(len(files.plan.hops)):
        steps = [step for step in files.plan.steps if step.hop == hop]
        rendered = [files.manifests[step.change.manifests] for step in steps if isinstance(step, InstallerStep)]
        for objects in rendered:
            found.update(_installed(objects))
        restarted = [one.workload for step in steps if isinstance(step, RestartWave) for one in step.restarts]
        restarted += [step.workload for step in steps if isinstance(step, UpgradeGateway)]
        found.update(_injected([manifest for objects in rendered for manifest in objects], restarted))
    return tuple(sorted(found))


def _installed(objects: Sequence[Manifest]) -> Iterator[ImageUse]:
    accounts = {ObjectRef.of(manifest): _names(manifest) for manifest in objects if manifest["kind"] == "ServiceAccount"}
    for manifest in objects:
        spec = ((manifest.get("spec") or {}).get("template") or {}).get("spec") or {}
        user = ObjectRef.of(manifest)
        account = str(spec.get("serviceAccountName") or "default")
        rendered = accounts.get(ObjectRef("v1", "ServiceAccount", user.namespace, account))
        # A pod that names pull secrets does not get those of its account.
        secrets = _names(spec) or rendered or ()
        for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
            image = str(container.get("image") or "")
            if image and image != _INJECTED:
                yield ImageUse(image, user, secrets, "" if secrets else account)


def _injected(objects: Sequence[Manifest], workloads: Sequence[ObjectRef]) -> Iterator[ImageUse]:
    image = predicted_image(objects)
    secrets = _injected_secrets(objects)
    return (ImageUse(image, workload, secrets) for workload in workloads if image)


def _injected_secrets(objects: Sequence[Manifest]) -> tuple[str, ...]:
    """``global.imagePullSecrets``, which the injector adds to a pod's own."""
    for manifest in objects:
        if manifest["kind"] == "ConfigMap" and manifest["metadata"]["name"].startswith("istio-sidecar-injector"):
            try:
                names = json.loads(manifest["data"]["values"])["global"].get("imagePullSecrets") or ()
            except (KeyError, TypeError, ValueError):
                continue
            return tuple(str(name) for name in names)
    return ()


def _names(holder: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(one["name"]) for one in holder.get("imagePullSecrets") or () if one.get("name"))
