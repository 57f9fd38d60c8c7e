"""What istioctl installed, told by the labels that it leaves."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from resail.installers.rendered import without_values
from resail.models.essence import essence
from resail.models.identity import KindRef, Manifest, ObjectRef
from resail.models.istioctl_marks import MANAGER, SELECTOR, mark_of
from resail.models.snapshot import IstioctlComponent
from resail.snapshot.owned_fields import fields_of

__all__ = ["cleaned_webhook", "components_by_mark", "installed_by_istioctl"]

_RBAC = "rbac.authorization.k8s.io/v1"
_ADMISSION = "admissionregistration.k8s.io/v1"
_OTHERS = (
    *(KindRef("v1", kind) for kind in ("ConfigMap", "ResourceQuota", "Secret", "Service", "ServiceAccount")),
    *(KindRef(_RBAC, kind) for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")),
    *(KindRef(_ADMISSION, f"ValidatingAdmissionPolicy{end}") for end in ("", "Binding")),
    KindRef("autoscaling/v2", "HorizontalPodAutoscaler"),
    KindRef("policy/v1", "PodDisruptionBudget"),
    KindRef("k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition"),
)
"""What the charts of Istio have beside workloads, webhooks and CRDs."""

_WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


async def installed_by_istioctl(
    whole: Callable[[KindRef, str], Awaitable[list[Manifest]]], listed: Sequence[Manifest]
) -> tuple[IstioctlComponent, ...]:
    """All components.

    Args:
        whole: lists a kind, by labels.
        listed: workloads, webhooks and CRDs of the cluster; where istioctl installed none of them, nothing else is asked for.
    """
    marked = [manifest for manifest in listed if mark_of(manifest)]
    if not marked:
        return ()
    others = await asyncio.gather(*(whole(kind, SELECTOR) for kind in _OTHERS))
    return components_by_mark(_applied(manifest) for found in (marked, *others) for manifest in found)


def components_by_mark(objects: Iterable[Manifest]) -> tuple[IstioctlComponent, ...]:
    """Marked objects, put together by component, revision and version."""
    found: dict[tuple[str, str, str], list[Manifest]] = {}
    for manifest in objects:
        mark = mark_of(manifest)
        if mark is not None:
            found.setdefault(mark, []).append(manifest)
    return tuple(IstioctlComponent(*mark, objects=tuple(sorted(found[mark], key=ObjectRef.of))) for mark in sorted(found))


def _applied(manifest: Manifest) -> Manifest:
    if manifest["kind"] in _WEBHOOKS:
        # istiod and `tag set` own some of its fields, and these decide whom it catches.
        return cleaned_webhook(manifest)
    return essence(without_values(fields_of(manifest, MANAGER)))


def cleaned_webhook(webhook: Manifest) -> Manifest:
    """A webhook configuration without what the API server or istiod fill in."""
    entries = []
    for entry in webhook.get("webhooks") or ():
        client = {key: value for key, value in entry["clientConfig"].items() if key != "caBundle"}
        entries.append({**entry, "clientConfig": client})
    return {**essence(webhook), "webhooks": entries}
