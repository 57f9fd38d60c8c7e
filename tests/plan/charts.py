"""Charts small enough for the planner's tests: what is installed, and what the target renders, by the same rules."""

from typing import Any

from resail.models.identity import IstioVersion, Manifest
from resail.models.plan import PlanFiles
from resail.models.release import Release
from resail.models.rendering import ChartFacts, RenderRequest
from resail.models.snapshot import HelmRelease, MeshSnapshot
from resail.plan.builder import build
from resail.plan.drafting import choose, draft
from resail.plan.options import PlanOptions

__all__ = ["TARGET", "installed", "plan_for", "render"]

TARGET = IstioVersion(1, 27, 0)
_FACTS = {
    chart: ChartFacts(chart, str(TARGET), {"global": {"hub": ""}}) for chart in ("base", "istiod", "cni", "ztunnel", "gateway")
}


def render(request: RenderRequest, version: str) -> tuple[Manifest, ...]:
    """What the chart makes of its values."""
    revision = str(request.values.get("revision") or "default")
    hub = (request.values.get("global") or {}).get("hub", "docker.io/istio")
    named = {"namespace": request.namespace, "name": request.release}
    match request.chart:
        case "istiod":
            hooks = [_hook(request, revision, tag) for tag in ("", *request.values.get("revisionTags", ()))]
            return (_runs("Deployment", named, f"{hub}/pilot:{version}"), *hooks)
        case "cni" | "ztunnel":
            return (_runs("DaemonSet", named, f"{hub}/install-{request.chart}:{version}"),)
        case "gateway":
            return (_runs("Deployment", named, "auto"),)
        case _:
            pointed = str(request.values.get("defaultRevision", "default"))
            return ({"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": {"v": version, "to": pointed}},)


def installed(chart: str, name: str, version: str, revision: int = 1, **values: Any) -> HelmRelease:
    """A release as it runs."""
    request = RenderRequest(chart, name, "istio-system", values, "1.31.0")
    return HelmRelease(name, "istio-system", chart, version, version, revision, "deployed", values, render(request, version))


def plan_for(snapshot: MeshSnapshot, options: PlanOptions, **wishes: dict[str, Any]) -> PlanFiles:
    """All of planning, but for what is asked of Helm."""
    drafted = draft(choose(snapshot, TARGET, options), _FACTS, wishes)
    rendered = [render(request, str(TARGET)) for request in drafted.requests]
    return build(drafted, rendered, Release(TARGET, "/nowhere", "test", "sha256:1"))


def _runs(kind: str, named: dict[str, str], image: str) -> Manifest:
    template = {"metadata": {}, "spec": {"containers": [{"name": "c", "image": image}]}}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": named, "spec": {"template": template}}


def _hook(request: RenderRequest, revision: str, tag: str) -> Manifest:
    name = f"istio-revision-tag-{tag}" if tag else f"istio-sidecar-injector-{revision}"
    labels = {"istio.io/rev": revision, **({"istio.io/tag": tag} if tag else {})}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": metadata}
