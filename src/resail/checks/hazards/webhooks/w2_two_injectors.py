"""W2: two injectors take the same pods."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.webhooks.end_state import labels_of, namespaces
from resail.checks.hazards.webhooks.injectors import injectors_before, takers

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="W2",
    title="Two injectors take the same pods",
    proof="provable",
    severity="blocker",
    modes=("sidecar",),
    detection="The selectors of two webhook configurations of Istio both take a pod with the labels that pods of some namespace "
    "have, or one without labels.",
    effect="istioctl refuses to install or to set a tag (IST0139), or pods are injected twice.",
    fix="see which revision each of the two serves, and delete the one that a former install or tag left",
    gates=("G6", "G8"),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/issues/43932",
        "https://github.com/istio/istio/issues/37908",
        "https://github.com/istio/istio/issues/39573",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    injectors, pods = injectors_before(case), _pods(case)
    told: set[tuple[str, ...]] = set()
    for name, namespace in namespaces(case).items():
        labels = {"kubernetes.io/metadata.name": name, **labels_of(namespace)}
        for pod in ({}, *pods[name]):
            found = takers(injectors, labels, pod)
            names = tuple(one.name for one in found)
            if len(found) > 1 and names not in told:
                told.add(names)
                seen = tuple(Seen(one.manifest, one.path) for one in found)
                message = f"{' and '.join(names)} both take {_told(pod)} of namespace {name}"
                yield Sign(seen, message)


def _pods(case: Case) -> dict[str, list[dict[str, str]]]:
    """Namespace → labels of the pods there."""
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for workload in case.snapshot.workloads:
        found[workload.ref.namespace].append(workload.labels)
    return found


def _told(pod: Mapping[str, str]) -> str:
    labels = ", ".join(f"{key}={value}" for key, value in sorted(pod.items()))
    return f"pods with the labels {labels}" if labels else "pods without labels"


RULE = Rule(_HAZARD, _find)
