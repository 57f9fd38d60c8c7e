"""A tag stands for a revision that is no more."""

from collections.abc import Iterator

from resail.checks.diagnosis.sign import Rule, Sign, at, place_of
from resail.checks.diagnosis.situation import Situation
from resail.checks.injection import DEFAULT, pointer_of
from resail.models.diagnosis import Diagnosis
from resail.models.field_path import first
from resail.models.snapshot import RevisionTag, Workload

__all__ = ["RULE"]

_ID = "tag-to-deleted-revision"


def _find(situation: Situation) -> Iterator[Sign]:
    snapshot = situation.snapshot
    installed = sorted({plane.revision for plane in snapshot.control_planes})
    wanted = installed[0] if len(installed) == 1 else "REVISION"
    for tag in snapshot.tags:
        if tag.revision not in installed and not _is_elsewhere(situation, tag):
            hooks = [hook for hook in snapshot.webhooks if hook.revision == tag.revision]
            workloads = _led_by(situation, tag)
            namespaces = sorted({one.ref.namespace for one in workloads})
            yield Sign(
                diagnosis=Diagnosis(
                    id=_ID,
                    certainty="certain",
                    cause=f"tag {tag.tag} points to revision {tag.revision}, which is not installed",
                    objects=(
                        at(tag.webhook, "metadata.labels.istio.io/rev"),
                        *(at(hook.ref, "webhooks") for hook in hooks if hook.ref != tag.webhook),
                    ),
                    evidence=(
                        f"metadata.labels.istio.io/rev: {tag.revision}",
                        f"installed are the revisions {', '.join(installed) or 'none'}",
                    ),
                    effects=(f"new pods in {', '.join(namespaces)} are refused, or get no sidecar",) if namespaces else (),
                    undo=(
                        f"`istioctl tag set {tag.tag} --revision {wanted} --overwrite`",
                        "restart what was created meanwhile without a sidecar",
                    ),
                    source="https://istio.io/latest/docs/setup/upgrade/canary/#stable-revision-labels",
                ),
                explains=frozenset(map(place_of, (*(hook.ref for hook in hooks), *(one.ref for one in workloads)))),
            )


def _is_elsewhere(situation: Situation, tag: RevisionTag) -> bool:
    """Is its istiod outside the cluster? Then it is called by a URL, or by a Service that selects no pods."""
    called = next((hook.service for hook in situation.snapshot.webhooks if hook.ref == tag.webhook), "")
    namespace, _, name = called.partition("/")
    services = (one for one in situation.objects.by_kind.get("Service", ()) if first(one, "metadata.name") == name)
    return "://" in called or any(
        first(one, "metadata.namespace") == namespace and not first(one, "spec.selector") for one in services
    )


def _led_by(situation: Situation, tag: RevisionTag) -> list[Workload]:
    """Workloads whose next pod asks for the tag."""
    namespaces = {one.name: one for one in situation.snapshot.namespaces}
    return [
        one
        for one in situation.snapshot.workloads
        if pointer_of(namespaces.get(one.ref.namespace), {**one.inject_annotations, **one.labels})[0] == (tag.tag or DEFAULT)
    ]


RULE = Rule(_ID, _find)
