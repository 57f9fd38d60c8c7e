"""Two injectors take the same pods."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from resail.checks.diagnosis.sign import Rule, Sign, at
from resail.checks.diagnosis.situation import Situation
from resail.checks.hazards.webhooks.end_state import labels_of
from resail.checks.hazards.webhooks.injectors import Injector, entries, takers
from resail.models.diagnosis import Diagnosis
from resail.models.field_path import first
from resail.models.identity import ObjectRef

__all__ = ["RULE"]

_ID = "two-injectors"
_KIND = "MutatingWebhookConfiguration.admissionregistration.k8s.io"


def _find(situation: Situation) -> Iterator[Sign]:
    injectors = tuple(one for manifest in situation.all(_KIND) for one in entries(manifest) if _injects(one))
    pods = _pods(situation)
    taken: dict[tuple[str, ...], list[str]] = defaultdict(list)
    example: dict[tuple[str, ...], list[Injector]] = {}
    for manifest in situation.all("Namespace"):
        name = str(first(manifest, "metadata.name"))
        labels = {"kubernetes.io/metadata.name": name, **labels_of(manifest)}
        for pod in ({}, *pods[name]):
            found = takers(injectors, labels, pod)
            names = tuple(one.name for one in found)
            if len(found) > 1:
                example.setdefault(names, found)
                if not taken[names] or taken[names][-1] != name:
                    taken[names].append(name)
    for names, namespaces in sorted(taken.items()):
        yield _sign(names, namespaces, example[names])


def _sign(names: tuple[str, ...], namespaces: list[str], found: list[Injector]) -> Sign:
    return Sign(
        diagnosis=Diagnosis(
            id=_ID,
            certainty="certain",
            cause=f"{' and '.join(names)} both inject the pods of {', '.join(namespaces)}",
            objects=tuple(at(ObjectRef.of(one.manifest), one.path) for one in found),
            evidence=tuple(
                f"{one.name} {one.path} takes namespaces with {_written(one.namespaces)} and pods with {_written(one.pods)}"
                for one in found
            ),
            effects=("which revision a pod gets hangs on the names of the webhooks, or it is injected twice",),
            undo=(
                "see which revision each of the two serves (`kubectl get mutatingwebhookconfigurations -L istio.io/rev`)",
                "delete the one that a former install or tag left: `kubectl delete mutatingwebhookconfiguration NAME`",
                "restart the pods that were created meanwhile",
            ),
            hazard="W2",
            source="https://istio.io/latest/docs/reference/config/analysis/ist0139/",
        )
    )


def _written(selector: object) -> str:
    return str(selector) or "any labels"


def _injects(injector: Injector) -> bool:
    """Is it one of Istio's? Also one that has lost Istio's labels."""
    name = str(first(injector.manifest, f"{injector.path}.name") or "")
    return name.endswith(".istio.io") or (injector.service is not None and injector.service[1].startswith("istiod"))


def _pods(situation: Situation) -> dict[str, list[Mapping[str, str]]]:
    """Namespace → labels of the pods there."""
    found: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for workload in situation.snapshot.workloads:
        found[workload.ref.namespace].append(workload.labels)
    return found


RULE = Rule(_ID, _find)
