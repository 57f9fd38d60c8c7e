"""What installers need to make a step's change and to take it back, one function for each kind of change."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from resail.models.access import Permission
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import Change, HelmChange, InstallBefore, IstioctlChange, ObjectChange, PlanFiles, SailChange, Undo
from resail.plan.resources import Plurals, resource_of

__all__ = ["Way", "listed_by_istioctl", "rights_of_change", "rights_of_release", "rights_on", "rights_to_grant"]

Way = Literal["do", "undo"]

_CRD = "CustomResourceDefinition"
_ROLES = ("ClusterRole", "Role")
_BINDINGS = ("ClusterRoleBinding", "RoleBinding")

_VERBS: Mapping[tuple[str, Way], tuple[str, ...]] = {
    # What an interrupted action had added is removed before it is made again.
    ("add", "do"): ("get", "create", "patch", "delete"),
    ("add", "undo"): ("get", "delete"),
    ("change", "do"): ("get", "patch"),
    ("change", "undo"): ("get", "patch"),
    ("remove", "do"): ("get", "delete"),
    ("remove", "undo"): ("get", "create", "patch"),
}
"""What is done to an object. Server-side apply is a ``patch``, and a ``create`` too where there is no such object."""

_ADMISSION = "admissionregistration.k8s.io"

_MARKED = (
    ("", ("configmaps", "pods", "resourcequotas", "secrets", "serviceaccounts", "services")),
    (_ADMISSION, ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")),
    (_ADMISSION, ("validatingadmissionpolicies", "validatingadmissionpolicybindings")),
    ("apps", ("daemonsets", "deployments")),
    ("autoscaling", ("horizontalpodautoscalers",)),
    ("k8s.cni.cncf.io", ("network-attachment-definitions",)),
    ("networking.istio.io", ("envoyfilters",)),
    ("policy", ("poddisruptionbudgets",)),
    ("rbac.authorization.k8s.io", ("clusterrolebindings", "clusterroles", "rolebindings", "roles")),
)
"""What is listed by istioctl's labels in all namespaces (``operator/pkg/uninstall/prune.go`` of Istio, and a snapshot)."""

_DEFAULT_TAG = (
    ("mutatingwebhookconfigurations", "istio-revision-tag-default"),
    ("mutatingwebhookconfigurations", "istio-sidecar-injector"),
    ("validatingwebhookconfigurations", "istiod-default-validator"),
)
"""What ``istioctl install`` updates besides where it is given no revision."""


def rights_of_change(change: Change, undo: Undo, files: PlanFiles, plurals: Plurals, way: Way) -> Iterator[Permission]:
    """The permissions for one change, in one direction."""
    match change:
        case HelmChange(namespace=namespace, objects=objects, manifests=manifests, action=action):
            yield from rights_of_release(namespace, objects, files.manifests[manifests], plurals, way, new=action == "install")
            if way == "undo" and action == "install":
                yield from _looking_for_objects(files.manifests[manifests])
        case IstioctlChange():
            yield from _istioctl(change, undo, files, plurals, way)
        case SailChange():
            yield from rights_on(plurals, change.resource, "get", "patch")


def rights_of_release(
    namespace: str,
    changes: Sequence[ObjectChange],
    rendered: Sequence[Manifest],
    plurals: Plurals,
    way: Way,
    *,
    new: bool,
) -> Iterator[Permission]:
    """Helm keeps each revision of a release in a Secret, whose name is not known before.

    A ``new`` release is applied server-side; one that Helm 3 has installed is not, and what is added to it is made by a POST.
    """
    for verb in ("get", "list", "create", "update", "patch", "delete"):
        yield Permission("", "secrets", verb, namespace)
    yield from _objects(changes, rendered, plurals, way, posts=not new)


def listed_by_istioctl() -> Iterator[Permission]:
    """To find what it should remove, and for us to find what it installed."""
    for group, resources in _MARKED:
        for resource in resources:
            yield Permission(group, resource, "list")


def rights_on(plurals: Plurals, ref: ObjectRef, *verbs: str) -> Iterator[Permission]:
    """Verbs on one object; ``create`` cannot be tied to a name."""
    group, resource = ref.kind_ref.group, resource_of(ref.kind_ref, plurals)
    for verb in verbs:
        yield Permission(group, resource, verb, ref.namespace, "" if verb == "create" else ref.name)


def _istioctl(change: IstioctlChange, undo: Undo, files: PlanFiles, plurals: Plurals, way: Way) -> Iterator[Permission]:
    yield from _objects(change.objects, files.manifests[change.manifests], plurals, way, posts=False)
    if way == "undo" and isinstance(undo, InstallBefore):
        for manifest in files.manifests[undo.manifests]:
            ref = ObjectRef.of(manifest)
            yield from rights_on(plurals, ref, "get", "create", "patch")
            yield from rights_to_grant(ref, {ref: manifest}, (), plurals)
    yield from listed_by_istioctl()
    for resource, name in _DEFAULT_TAG:
        for verb in ("get", "patch", "update"):
            yield Permission(_ADMISSION, resource, verb, name=name)
        yield Permission(_ADMISSION, resource, "create")


def _objects(
    changed: Sequence[ObjectChange], objects: Sequence[Manifest], plurals: Plurals, way: Way, *, posts: bool
) -> Iterator[Permission]:
    """Each object that is rendered is applied, also one that does not change."""
    rendered = {ObjectRef.of(manifest): manifest for manifest in objects}
    changes = dict.fromkeys(rendered, "change") | {each.object: each.change for each in changed}
    for ref, kind in changes.items():
        verbs = _VERBS[kind, way]
        if ref.kind == _CRD and kind == "add":
            # Undoing leaves the CRDs at the target, by applying them once more where Helm has removed one.
            verbs = ("get", "create", "patch", *(() if _is_kept(rendered[ref]) else ("delete",)))
        yield from rights_on(plurals, ref, *verbs)
        if "patch" in verbs:
            posted = posts and "create" in verbs
            yield from rights_to_grant(ref, rendered, changes, plurals, posted=posted)


def _looking_for_objects(rendered: Sequence[Manifest]) -> Iterator[Permission]:
    """A CRD that would be uninstalled with a release goes only where there are no objects of it."""
    for manifest in rendered:
        if manifest["kind"] == _CRD and not _is_kept(manifest):
            yield Permission(manifest["spec"]["group"], manifest["spec"]["names"]["plural"], "list")


def _is_kept(manifest: Manifest) -> bool:
    return (manifest["metadata"].get("annotations") or {}).get("helm.sh/resource-policy") == "keep"


def rights_to_grant(
    ref: ObjectRef,
    rendered: Mapping[ObjectRef, Manifest],
    written: Iterable[ObjectRef],
    plurals: Plurals,
    *,
    posted: bool = False,
) -> Iterator[Permission]:
    """Who writes a role must have all that it gives, or may ``escalate`` it; for bindings it is ``bind``.

    It is asked for by name, since to roll back writes a role as it was, which a plan does not tell; but a role that is ``posted``
    has no name yet when it is judged. See
    https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping

    Args:
        ref: what is written; nothing is yielded where it is neither role nor binding.
        rendered: the manifests that are known.
        written: all that is written with it.
        plurals: of custom kinds.
        posted: it is made by a POST instead of a server-side apply.
    """
    if ref.kind in _ROLES:
        yield from rights_on(plurals, msgspec.structs.replace(ref, name="") if posted else ref, "escalate")
    if ref.kind not in _BINDINGS:
        return
    if ref in rendered:
        bound = [(rendered[ref]["roleRef"]["kind"], rendered[ref]["roleRef"]["name"])]
    else:
        # One that is put back: what it bound is not in the plan, but it came with its release.
        bound = [(one.kind, one.name) for one in written if one.kind in _ROLES and one.namespace in ("", ref.namespace)]
    for kind, name in bound:
        yield from rights_on(plurals, ObjectRef(ref.api_version, kind, ref.namespace, name), "bind")
