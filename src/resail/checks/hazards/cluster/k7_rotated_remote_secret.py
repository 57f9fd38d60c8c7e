"""K7: a remote cluster's Secret that changed is not taken up, or takes endpoints along."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.span import within
from resail.models.field_path import Field, find, first
from resail.models.identity import Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="K7",
    title="A remote cluster's Secret that changed is not taken up",
    proof="indicative",
    severity="warning",
    target="<1.31.0",
    detection="A Secret with istio/multiCluster=true changed after a pod of istiod had started.",
    effect="Endpoints of the remote cluster are stale or missing until istiod restarts.",
    fix="change no such Secret during the upgrade; after one restart istiod, and compare the number of endpoints",
    gates=("G10",),
    undo=("U5",),
    sources=(
        "https://github.com/istio/istio/issues/60612",
        "https://github.com/istio/istio/issues/61043",
        "https://github.com/istio/istio/issues/58047",
    ),
)

_IGNORED = "<1.30.3"


def _find(case: Case) -> Iterator[Sign]:
    remotes = [one for one in case.all("Secret") if first(one, "metadata.labels.istio/multiCluster") == "true"]
    if not remotes:
        return
    pods = [one for one in case.all("Pod") if _is_istiod(case, one)]
    started = [(when, pod) for pod in pods if (when := _moment(first(pod, "status.startTime")))]
    if not started:
        return
    since, pod = min(started, key=lambda one: one[0])
    for secret in remotes:
        changed = [(when, field) for field in find(secret, "metadata.managedFields[*].time") if (when := _time(field))]
        if changed and max(changed, key=lambda one: one[0])[0] > since:
            last = max(changed, key=lambda one: one[0])[1]
            ignored = (
                "does not take that up before it restarts" if within(case.installed, _IGNORED) else "may lose endpoints by it"
            )
            message = f"it changed after istiod {case.installed} had started, which {ignored}"
            yield Sign((Seen(secret, last.path), Seen(pod, "status.startTime")), message)


def _is_istiod(case: Case, pod: Manifest) -> bool:
    labelled = first(pod, "metadata.namespace"), first(pod, "metadata.labels.app")
    return labelled == (case.snapshot.istio_namespace, "istiod")


def _time(field: Field) -> datetime | None:
    return _moment(field.value)


def _moment(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC) if found else None


RULE = Rule(_HAZARD, _find)
