"""Which permissions it takes to run a plan, forwards and back: from the plan alone, and no more than it takes.

A permission names its objects where the API can honour that: not for ``list`` and ``create``
(https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources), and not for what is named only when it is
made, as pods and the revisions of a Helm release are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from resail.models.access import Permission
from resail.models.identity import ObjectRef
from resail.models.plan import (
    AdoptObjects,
    Approve,
    AwaitSoak,
    GiveBack,
    HelmChange,
    InstallerStep,
    IstioctlChange,
    LabelNamespace,
    MoveTag,
    PlanFiles,
    RemoveRevision,
    Restart,
    RestartWave,
    Step,
    TagBack,
    TrustIs,
    UpgradeCRDs,
    UpgradeGateway,
    Verify,
)
from resail.models.trust import CONFIG_MAP, SIGNERS
from resail.plan.images import images_of
from resail.plan.installer_rights import Way, listed_by_istioctl, rights_of_change, rights_of_release, rights_on, rights_to_grant
from resail.plan.resources import Plurals, changed_crds, plurals_of

__all__ = ["rights_to_run", "rights_to_undo"]

_RBAC = "rbac.authorization.k8s.io"
_HOOKS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")

_LISTED: Mapping[str, tuple[str, ...]] = {
    "": ("namespaces", "nodes", "pods", "secrets", "services"),
    "admissionregistration.k8s.io": _HOOKS,
    "apiextensions.k8s.io": ("customresourcedefinitions",),
    "apps": ("daemonsets", "deployments", "replicasets", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "discovery.k8s.io": ("endpointslices",),
    "policy": ("poddisruptionbudgets",),
}
"""What is read of a mesh as a whole, in all namespaces. A Helm release is a Secret, wherever it is."""

_MESH_GROUPS = (
    "extensions.istio.io",
    "gateway.networking.k8s.io",
    "install.istio.io",
    "networking.istio.io",
    "sailoperator.io",
    "security.istio.io",
    "telemetry.istio.io",
)
"""All their kinds are read: which ones a cluster has is not in a plan."""

_IN_RELEASES: Mapping[str, tuple[str, ...]] = {
    "": ("serviceaccounts", "services"),
    "admissionregistration.k8s.io": (*_HOOKS, "validatingadmissionpolicies", "validatingadmissionpolicybindings"),
    "apiextensions.k8s.io": ("customresourcedefinitions",),
    "apps": ("daemonsets", "deployments"),
    "autoscaling": ("horizontalpodautoscalers",),
    "networking.k8s.io": ("networkpolicies",),
    "policy": ("poddisruptionbudgets",),
    _RBAC: ("clusterrolebindings", "clusterroles", "rolebindings", "roles"),
}
"""What Istio's charts render. Verifying looks at each object of every Istio release, also of those that a plan leaves alone and
does not tell of."""

_IN_CONTROL_PLANES: Mapping[str, tuple[str, ...]] = {"": ("configmaps", "resourcequotas")}
"""The same, but of control planes and node agents alone: a revision that is left alone is beside the one that takes its place."""


def rights_to_run(files: PlanFiles) -> tuple[Permission, ...]:
    """What ``apply``, ``resume``, ``rollback`` and ``verify`` of a plan take, each permission once and none within another.

    Discovery and the review of one's own rights are left out: Kubernetes gives them to all who are authenticated.
    """
    steps = files.plan.steps
    beside = [*_reading(files), *_verifying(files), *_conditions(files), *_keeping(files)]
    return _least([*beside, *_steps(files, steps, ("do", "undo"))])


def rights_to_undo(files: PlanFiles, steps: Sequence[Step]) -> tuple[Permission, ...]:
    """What it takes to undo these steps of a plan."""
    return _least([*_looking(), *_keeping(files), *_steps(files, steps, ("undo",))])


# --- beside the steps -------------------------------------------------------------------------------------------


def _looking() -> Iterator[Permission]:
    """Which cluster it is, and its pods while a run works."""
    yield Permission("", "namespaces", "get", name="kube-system")
    yield Permission("", "pods", "list")
    yield Permission("policy", "poddisruptionbudgets", "list")


def _reading(files: PlanFiles) -> Iterator[Permission]:
    """What a snapshot is made of."""
    yield from _looking()
    yield from _each(_LISTED, ("list",))
    groups = {*_MESH_GROUPS, *(group for group, _ in plurals_of(files))}
    yield from _each(dict.fromkeys(groups, ("*",)), ("get", "list"))
    if any(isinstance(step, InstallerStep) and isinstance(step.change, IstioctlChange) for step in files.plan.steps):
        yield from listed_by_istioctl()


def _verifying(files: PlanFiles) -> Iterator[Permission]:
    """The objects of releases, and dry runs that the webhooks must answer."""
    plan = files.plan
    yield from _each(_IN_RELEASES, ("get",))
    for namespace in {plan.istio_namespace, *_homes(plan.steps)}:
        yield from _each(_IN_CONTROL_PLANES, ("get",), namespace)
    yield Permission("networking.istio.io", "destinationrules", "create", plan.istio_namespace)
    for namespace in _injected(plan.steps):
        yield Permission("", "pods", "create", namespace)


def _conditions(files: PlanFiles) -> Iterator[Permission]:
    """The mesh's roots, and the pull secrets that the plan gives its pods."""
    for step in files.plan.steps:
        for one in step.preconditions:
            if isinstance(one, TrustIs):
                for namespace in one.namespaces:
                    yield Permission("", "configmaps", "get", namespace, CONFIG_MAP)
                for name in SIGNERS:
                    yield Permission("", "secrets", "get", files.plan.istio_namespace, name)
    if all(one.check != "images" for one in files.plan.skipped):
        for use in images_of(files):
            for name in use.secrets:
                yield Permission("", "secrets", "get", use.user.namespace, name)


def _keeping(files: PlanFiles) -> Iterator[Permission]:
    """The cluster's copy of the journal, and the lock."""
    namespace = files.plan.istio_namespace
    for verb in ("get", "list", "create", "patch", "delete"):
        yield Permission("", "configmaps", verb, namespace)
    yield Permission("coordination.k8s.io", "leases", "create", namespace)
    for verb in ("get", "patch"):
        yield Permission("coordination.k8s.io", "leases", verb, namespace, "resail")


def _homes(steps: Iterable[Step]) -> Iterator[str]:
    """Namespaces of releases of control planes and node agents."""
    for step in steps:
        if isinstance(step, InstallerStep) and not isinstance(step, UpgradeGateway) and isinstance(step.change, HelmChange):
            yield step.change.namespace


def _injected(steps: Iterable[Step]) -> set[str]:
    """Namespaces where a pod may be created, by a dry run, to see what is injected. Their workloads are changed in any case."""
    found: set[str] = set()
    for step in steps:
        match step:
            case RestartWave(restarts=restarts):
                found |= {restart.workload.namespace for restart in restarts}
            case UpgradeGateway(workload=workload):
                found.add(workload.namespace)
    return found


def _each(resources: Mapping[str, Iterable[str]], verbs: Iterable[str], namespace: str = "") -> Iterator[Permission]:
    for group, names in resources.items():
        for resource in names:
            for verb in verbs:
                yield Permission(group, resource, verb, namespace)


# --- step by step -----------------------------------------------------------------------------------------------


def _steps(files: PlanFiles, steps: Iterable[Step], ways: Iterable[Way]) -> Iterator[Permission]:
    plurals = plurals_of(files)
    for step in steps:
        for way in ways:
            yield from _step(step, files, plurals, way)


def _step(step: Step, files: PlanFiles, plurals: Plurals, way: Way) -> Iterator[Permission]:
    match step:
        case Approve() | AwaitSoak() | Verify():
            return
        case AdoptObjects():
            yield from _adoption(step, files, plurals, way)
        case LabelNamespace(namespace=namespace):
            yield from rights_on(plurals, ObjectRef("v1", "Namespace", "", namespace), "get", "patch")
        case MoveTag(manifests=manifests, undo=undo):
            before = files.manifests[undo.manifests] if isinstance(undo, TagBack) else ()
            for webhook in (*files.manifests[manifests], *before):
                yield from rights_on(plurals, ObjectRef.of(webhook), "get", "patch")
        case RestartWave(restarts=restarts):
            for restart in restarts:
                yield from _restart(restart, plurals, way)
        case RemoveRevision(release=release, manifests=manifests, objects=objects):
            # Its istiod tells who is connected to it; its history stays, and brings it back.
            yield Permission("", "pods/proxy", "get", release.partition("/")[0])
            yield from rights_of_release(release.partition("/")[0], objects, files.manifests[manifests], plurals, way, new=False)
        case UpgradeGateway(workload=workload, change=change):
            # Its pods are injected: where the release does not replace them, they are restarted.
            yield from rights_on(plurals, workload, "get", "patch")
            yield from rights_of_change(change, step.undo, files, plurals, way)
        case UpgradeCRDs(change=change):
            yield from rights_of_change(change, step.undo, files, plurals, way)
            if way == "do":
                # Objects like those that are there are tried against the new CRDs, by dry runs.
                for crd in changed_crds(change):
                    plural, _, group = crd.name.partition(".")
                    yield Permission(group, plural, "create")
        case _:
            yield from rights_of_change(step.change, step.undo, files, plurals, way)


def _adoption(step: AdoptObjects, files: PlanFiles, plurals: Plurals, way: Way) -> Iterator[Permission]:
    for field in step.fields:
        yield from rights_on(plurals, field.object, "get", "patch")
    for one in step.objects:
        yield from rights_on(plurals, one.object, "get", "patch")
    if way == "undo" and isinstance(step.undo, GiveBack):
        # One that goes with the release when that is undone is made again.
        for former in files.manifests[step.undo.objects]:
            ref = ObjectRef.of(former)
            yield from rights_on(plurals, ref, "create")
            yield from rights_to_grant(ref, {ref: former}, (), plurals, posted=True)


def _restart(restart: Restart, plurals: Plurals, way: Way) -> Iterator[Permission]:
    workload = restart.workload
    rolls = restart.method == "rollout"
    yield from rights_on(plurals, workload, "get", *(("patch",) if rolls else ()))
    # A dry run of a pod as the workload makes them, before anything restarts.
    yield Permission("", "pods", "create", workload.namespace)
    if not rolls or (way == "undo" and workload.kind == "StatefulSet"):
        yield Permission("", "pods/eviction", "create", workload.namespace)


# --- least ------------------------------------------------------------------------------------------------------


def _least(permissions: Iterable[Permission]) -> tuple[Permission, ...]:
    """Sorted, each once, and without those that another one holds already."""
    found = set(permissions)
    return tuple(sorted(one for one in found if found.isdisjoint(one.wider())))
