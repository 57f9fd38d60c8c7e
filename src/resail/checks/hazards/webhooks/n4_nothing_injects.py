"""N4: a namespace or pod asks for an injector that will not be there."""

from collections import Counter
from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.webhooks.end_state import namespaces, namespaces_after
from resail.checks.hazards.webhooks.injectors import injectors_after, takers
from resail.checks.hazards.webhooks.pod_templates import TEMPLATE, own_proxies, templates
from resail.checks.injection import pointer_of
from resail.models.field_path import first
from resail.models.identity import Manifest
from resail.models.snapshot import MeshSnapshot, Workload

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="N4",
    title="A label asks for an injector that will not be there",
    proof="provable",
    severity="blocker",
    modes=("sidecar",),
    detection="Workloads have sidecars, their labels or those of their namespace ask for injection, and once the hop is done no "
    "webhook of Istio takes their pods.",
    effect="Pods that restart come back without a proxy, and nothing tells of it.",
    fix="set the tag that the label names, or relabel, and see by a pod as a dry run that it is injected",
    gates=("G8", "G6"),
    undo=("U9",),
    sources=(
        "https://github.com/istio/istio/blob/1.30.3/manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml",
        "https://github.com/istio/istio/blob/1.21.0/releasenotes/notes/48780.yaml",
    ),
)

_LABELS = ("istio-injection", "istio.io/rev")


def _find(case: Case) -> Iterator[Sign]:
    injectors, written = injectors_after(case), templates(case)
    there, after = namespaces(case), namespaces_after(case)
    left: Counter[tuple[str, str]] = Counter()
    for workload in _injected(case.snapshot):
        manifest = written.get(workload.ref)
        namespace = after.get(workload.ref.namespace)
        if namespace is None or (manifest is not None and own_proxies(manifest)):
            continue  # its proxy is in its template: nothing injects it, or W10 looks at it
        pointer, where = pointer_of(namespace, workload.labels)
        if not pointer or takers(injectors, namespace.labels, workload.labels):
            continue
        if where == "namespace":
            left[namespace.name, pointer] += 1
        elif manifest is not None:
            path = _there(manifest, f"{TEMPLATE}.metadata.labels", ("istio.io/rev", "sidecar.istio.io/inject"))
            yield Sign.at(manifest, path, f"its pods would come back without a proxy: nothing will inject for {pointer}")
    for (name, pointer), count in left.items():
        path = _there(there[name], "metadata.labels", _LABELS)
        message = f"{count} workloads with sidecars would come back without a proxy: nothing will inject for {pointer} here"
        yield Sign.at(there[name], path, message)


def _injected(snapshot: MeshSnapshot) -> list[Workload]:
    """What has proxies that an injector put in: not what istiod or an installer makes with its own."""
    others = {part.workload for part in snapshot.components if part.managed_by_istiod or part.role in ("cni", "ztunnel")}
    return [
        one
        for one in snapshot.workloads
        if one.ref not in others and any(pod.proxy_version and pod.phase not in ("Succeeded", "Failed") for pod in one.pods)
    ]


def _there(manifest: Manifest, at: str, labels: tuple[str, ...]) -> str:
    """Path of the first of the labels that it has."""
    return next((f"{at}.{one}" for one in labels if first(manifest, f"{at}.{one}") is not None), "")


RULE = Rule(_HAZARD, _find)
