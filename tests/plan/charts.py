"""Charts small enough for the planner's tests: what is installed, and what the target renders, by the same rules."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from resail.models.identity import IstioVersion, Manifest
from resail.models.plan import PlanFiles
from resail.models.release import Release
from resail.models.rendering import ChartFacts, IstioctlRequest, RenderRequest
from resail.models.snapshot import HelmRelease, MeshSnapshot
from resail.plan.assembly import assemble
from resail.plan.builder import BuiltHop, build_hop
from resail.plan.drafting import choose, draft
from resail.plan.hops import node_level, standing_of
from resail.plan.obstacles import InTheWay
from resail.plan.options import PlanOptions
from resail.plan.path import Journey, Leg, find_path
from resail.plan.selection import select
from resail.plan.stages import Configurations
from resail.snapshot.aftermath import aftermath
from tests.plan.operators import generate

__all__ = ["TARGET", "hops_for", "installed", "plan_for", "render"]

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
            labelled = {**named, "labels": {"app": "istiod", "istio.io/rev": revision}}
            return (_runs("Deployment", labelled, f"{hub}/pilot:{version}", "discovery"), *hooks)
        case "cni" | "ztunnel":
            label = {"k8s-app": "istio-cni-node"} if request.chart == "cni" else {"app": "ztunnel"}
            container = "install-cni" if request.chart == "cni" else "istio-proxy"
            return (_runs("DaemonSet", named, f"{hub}/install-{request.chart}:{version}", container, label),)
        case "gateway":
            return (_runs("Deployment", named, "auto", "istio-proxy"),)
        case _:
            pointed = str(request.values.get("defaultRevision", ""))
            facts: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": {"v": version, "to": pointed}}
            return (facts, _validator(pointed)) if pointed else (facts,)


def installed(chart: str, name: str, version: str, revision: int = 1, **values: Any) -> HelmRelease:
    """A release as it runs."""
    request = RenderRequest(chart, name, "istio-system", values, "1.31.0")
    return HelmRelease(name, "istio-system", chart, version, version, revision, "deployed", values, render(request, version))


def plan_for(
    snapshot: MeshSnapshot,
    options: PlanOptions,
    *stops: IstioVersion,
    target: IstioVersion = TARGET,
    in_the_way: Mapping[str, InTheWay] | None = None,
    configurations: Configurations | None = None,
    **wishes: dict[str, Any],
) -> PlanFiles:
    """All of planning, but for what is asked of Helm, istioctl and the cluster; ``stops`` are those on the way."""
    start = standing_of(snapshot, select(snapshot, options.revision))
    legs = find_path(Journey(start, target, options.strategy, node_level(snapshot), stops), ())
    return assemble(hops_for(snapshot, legs, options, in_the_way, configurations, **wishes))


def hops_for(
    snapshot: MeshSnapshot,
    legs: Sequence[Leg],
    options: PlanOptions,
    in_the_way: Mapping[str, InTheWay] | None = None,
    configurations: Configurations | None = None,
    **wishes: dict[str, Any],
) -> list[BuiltHop]:
    """Each hop planned on what the one before it leaves."""
    hops: list[BuiltHop] = []
    for leg in legs:
        if hops:
            snapshot = aftermath(snapshot, hops[-1].hop, hops[-1].steps, hops[-1].manifests)
            options = msgspec.structs.replace(options, revision=hops[-1].hop.to_revision)
            configurations = hops[-1].configurations
        drafted = draft(choose(snapshot, leg, options), _FACTS, wishes, configurations)
        rendered = [_rendered(request, leg.end) for request in drafted.requests]
        hops.append(build_hop(drafted, rendered, Release(leg.end, "/nowhere", "test", f"sha256:{leg.end}"), hops, in_the_way))
    return hops


def _rendered(request: RenderRequest | IstioctlRequest, version: IstioVersion) -> tuple[Manifest, ...]:
    return generate(request) if isinstance(request, IstioctlRequest) else render(request, str(version))


def _runs(kind: str, named: dict[str, Any], image: str, container: str, labels: dict[str, str] | None = None) -> Manifest:
    template = {"metadata": {"labels": labels or {}}, "spec": {"containers": [{"name": container, "image": image}]}}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": named, "spec": {"template": template}}


def _validator(revision: str) -> Manifest:
    metadata = {"name": "istiod-default-validator", "labels": {"app": "istiod", "istio.io/rev": revision}}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": metadata,
        "webhooks": [
            {"name": "validate", "failurePolicy": "Ignore", "clientConfig": {"service": {"namespace": "n", "name": "s"}}}
        ],
    }


def _hook(request: RenderRequest, revision: str, tag: str) -> Manifest:
    name = f"istio-revision-tag-{tag}" if tag else f"istio-sidecar-injector-{revision}"
    labels = {"istio.io/rev": revision, **({"istio.io/tag": tag} if tag else {})}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration", "metadata": metadata}
