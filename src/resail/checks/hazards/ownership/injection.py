"""What the target injects, and into which workloads."""

from collections.abc import Iterator
from typing import Any

from resail.checks.hazards.case import Case, Unknown
from resail.checks.hazards.ownership.rendered import rendered_parts
from resail.models.field_path import first
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import RestartWave
from resail.models.snapshot import Workload

__all__ = ["INJECTOR", "injected_values", "manifest_of", "restarted"]

INJECTOR = "istio-sidecar-injector"
_OTHER_TEMPLATES = "inject.istio.io/templates"


def injected_values(case: Case) -> tuple[Manifest, dict[str, Any]]:
    """The target's ConfigMap of the injector, and the chart's values in it (``data.values``).

    Raises:
        Unknown: it was not rendered.
    """
    for part in rendered_parts(case, "istiod"):
        for manifest in part.target:
            name = first(manifest, "metadata.name", "")
            if manifest["kind"] == "ConfigMap" and name.startswith(INJECTOR):
                values = {key: first(manifest, f"data.values.{key}", {}) for key in ("global", "pilot", "istio_cni")}
                return manifest, values
    raise Unknown("what the target injects is not known: chart istiod was not rendered")


def restarted(case: Case) -> Iterator[Workload]:
    """Workloads that the target's injector gives a new sidecar: those the plan restarts, or all of the revision without a plan.

    Gateways and workloads that name templates of their own are none of them.
    """
    parts = {one.workload for one in case.snapshot.components} | {one.deployment for one in case.snapshot.control_planes}
    waves = [step for step in case.steps or () if isinstance(step, RestartWave)]
    planned = {one.workload for wave in waves for one in wave.restarts}
    for workload in case.snapshot.workloads:
        if workload.ref in parts or _OTHER_TEMPLATES in workload.inject_annotations:
            continue
        proxied = any(pod.proxy_version and pod.revision in ("", case.revision) for pod in workload.pods)
        if workload.ref in planned if case.steps is not None else proxied:
            yield workload


def manifest_of(case: Case, ref: ObjectRef) -> Manifest | None:
    """The Deployment, DaemonSet or StatefulSet as it is; None for other kinds."""
    kind = f"{ref.kind}.apps"
    return next((one for one in case.objects.by_kind.get(kind, ()) if ObjectRef.of(one) == ref), None)
