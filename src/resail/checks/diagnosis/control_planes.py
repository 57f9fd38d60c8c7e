"""What hangs on an istiod."""

from resail.checks.diagnosis.sign import Place, place_of
from resail.checks.diagnosis.situation import Situation
from resail.checks.injection import in_mesh
from resail.models.field_path import first
from resail.models.snapshot import ControlPlane

__all__ = ["hangs_on", "named"]


def named(plane: ControlPlane) -> str:
    """For people: ``istiod istio-system/istiod-1-27-9 (1.27.9)``."""
    version = f" ({plane.version})" if plane.version else ""
    return f"istiod {plane.deployment.namespace}/{plane.deployment.name}{version}"


def hangs_on(situation: Situation, plane: ControlPlane) -> frozenset[Place]:
    """Itself, its Services and webhooks, and the workloads with its sidecars, whose proxies do not get ready without it."""
    snapshot = situation.snapshot
    tags = {tag.webhook for tag in snapshot.tags if tag.revision == plane.revision}
    hooks = [hook for hook in snapshot.webhooks if hook.ref in tags or plane.revision in (hook.revision, hook.tag)]
    services = {hook.service.partition("/")[::2] for hook in hooks if "://" not in hook.service}
    selected = [
        ("Service", str(first(one, "metadata.namespace")), str(first(one, "metadata.name")))
        for one in situation.objects.by_kind.get("Service", ())
        if first(one, "metadata.namespace") == plane.deployment.namespace
        and first(one, "metadata.labels.app") == "istiod"
        and (first(one, "metadata.labels.istio.io/rev") or "default") == plane.revision
    ]
    served = [
        one.ref
        for one in snapshot.workloads
        if any(pod.revision == plane.revision for pod in one.pods)
        or (in_mesh(snapshot, one) and not any(pod.revision for pod in one.pods))
    ]
    return frozenset(
        (
            place_of(plane.deployment),
            *(place_of(hook.ref) for hook in hooks),
            *(("Service", namespace, name) for namespace, name in services),
            *selected,
            *map(place_of, served),
        )
    )
