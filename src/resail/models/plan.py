"""The plan: what will be done, in order, on what conditions, and how each step is undone. Data only."""

from typing import Any, Literal

import msgspec

from resail.models.finding import Finding
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.waiver import Waived

__all__ = [
    "AdoptObjects",
    "Adoption",
    "Approve",
    "AwaitSoak",
    "Change",
    "Check",
    "ComponentIs",
    "FieldOwnerConflict",
    "GiveBack",
    "HelmChange",
    "Hop",
    "InstallBefore",
    "InstallRevision",
    "InstallerStep",
    "IstioctlChange",
    "LabelNamespace",
    "LabelsAre",
    "MoveTag",
    "MoveValidator",
    "NoUndo",
    "ObjectChange",
    "ObjectIs",
    "PatchBack",
    "Plan",
    "PlanFiles",
    "Precondition",
    "RelabelNamespace",
    "ReleaseAbsent",
    "ReleaseIs",
    "RemoveRevision",
    "ResourceIs",
    "Restart",
    "RestartAgain",
    "RestartWave",
    "RetargetTag",
    "RollbackRelease",
    "SailChange",
    "SkippedCheck",
    "Step",
    "Strategy",
    "TagBack",
    "TagIs",
    "TrustIs",
    "Undo",
    "UninstallRelease",
    "UninstallRevision",
    "Untouched",
    "UpgradeCNI",
    "UpgradeCRDs",
    "UpgradeControlPlane",
    "UpgradeGateway",
    "UpgradeZtunnel",
    "Verify",
]

FORMAT_VERSION = 4

Strategy = Literal["canary", "in-place"]


# --- what must hold before a step -------------------------------------------------------------------------------


class ReleaseIs(msgspec.Struct, frozen=True, tag="ReleaseIs"):
    """A Helm release stands where the plan expects it."""

    release: str
    """``namespace/name``"""
    revision: int
    chart_version: str
    manifest_digest: str
    """Of its stored manifest's objects, as the plan expects them."""


class ReleaseAbsent(msgspec.Struct, frozen=True, tag="ReleaseAbsent"):
    """No Helm release of that name, in any state."""

    release: str


class TagIs(msgspec.Struct, frozen=True, tag="TagIs"):
    """A tag points to this revision."""

    tag: str
    revision: str


class ComponentIs(msgspec.Struct, frozen=True, tag="ComponentIs"):
    """A component that istioctl installed is of this version."""

    component: str
    """Label ``operator.istio.io/component`` of its objects: ``Base``, ``Pilot``, ``Cni``, ``Ztunnel``, ``IngressGateways`` …"""
    revision: str
    version: str
    """Label ``operator.istio.io/version`` of its objects; empty: there are none."""


class ResourceIs(msgspec.Struct, frozen=True, tag="ResourceIs"):
    """A resource of the Sail Operator wishes what the plan expects."""

    resource: ObjectRef
    fields: dict[str, Any]
    """Dotted path below ``spec`` → value; ``None`` stands for: is not set."""


class TrustIs(msgspec.Struct, frozen=True, tag="TrustIs"):
    """What a revision signs with is what workloads trust: nobody changed the mesh's root since it was planned for."""

    revision: str
    """The one that will inject."""
    namespaces: tuple[str, ...]
    """Of what restarts; their ConfigMaps ``istio-ca-root-cert`` count."""
    roots: tuple[str, ...]
    """SHA-256 fingerprints of the roots in them, sorted."""
    callers: tuple[str, ...]
    """Those of the caBundle of the revision before, which the new one's webhooks must have; empty where there is none."""


class LabelsAre(msgspec.Struct, frozen=True, tag="LabelsAre"):
    """A namespace carries these labels; ``None`` stands for: has no such label."""

    namespace: str
    labels: dict[str, str | None]


class ObjectIs(msgspec.Struct, frozen=True, tag="ObjectIs"):
    """An object is as the plan saw it."""

    object: ObjectRef
    digest: str
    """Of what it holds (``essence``)."""
    fields: tuple[str, ...] = ()
    """Where there are any: of these fields alone (``excerpt``)."""


Precondition = ReleaseIs | ReleaseAbsent | ComponentIs | ResourceIs | TagIs | TrustIs | LabelsAre | ObjectIs


# --- how a step is undone ---------------------------------------------------------------------------------------


class RollbackRelease(msgspec.Struct, frozen=True, tag="RollbackRelease"):
    """Roll a Helm release back to a revision of its history."""

    release: str
    to_revision: int


class UninstallRelease(msgspec.Struct, frozen=True, tag="UninstallRelease"):
    """Uninstall a Helm release that the step installed."""

    release: str


class InstallBefore(msgspec.Struct, frozen=True, tag="InstallBefore"):
    """Have the istioctl of the version before install what was there, and remove what only the later one has.

    Like the stages of the way there these are cumulative, in the order in which they are undone.
    """

    version: str
    configuration: dict[str, Any]
    """As ``IstioctlChange.configuration``."""
    components: tuple[str, ...]
    """As ``IstioctlChange.components``."""
    manifests: str
    """File in the plan's archive with the objects as that version renders them."""
    added: tuple[ObjectRef, ...] = ()
    """Objects that the step added: that version's istioctl does not know them, so they are removed after it."""


class UninstallRevision(msgspec.Struct, frozen=True, tag="UninstallRevision"):
    """``istioctl uninstall --revision`` of a revision that the step installed."""

    revision: str
    version: str


class PatchBack(msgspec.Struct, frozen=True, tag="PatchBack"):
    """Give a resource of the Sail Operator its former wishes."""

    resource: ObjectRef
    patch: dict[str, Any]
    """JSON merge patch."""


class TagBack(msgspec.Struct, frozen=True, tag="TagBack"):
    """Apply the tag's manifest for the old revision: the file in the plan's archive holds the webhook as it was."""

    tag: str
    to_revision: str
    manifests: str


class RelabelNamespace(msgspec.Struct, frozen=True, tag="RelabelNamespace"):
    """Put the labels back; ``None`` removes one."""

    namespace: str
    labels: dict[str, str | None]


class RestartAgain(msgspec.Struct, frozen=True, tag="RestartAgain"):
    """Roll those workloads of the wave back that had moved, once the old revision injects again.

    A pod that never got ready and that a StatefulSet is stuck with is evicted.
    """


class GiveBack(msgspec.Struct, frozen=True, tag="GiveBack"):
    """Put what was taken over back as it was, once the Helm release that took it is back or gone."""

    objects: str
    """File in the plan's archive with the adopted objects as they were, whole: one that went with the release is made again."""
    fields: str
    """File with the contested objects, no more of each than the fields that the release overwrites, as they were."""


class NoUndo(msgspec.Struct, frozen=True, tag="NoUndo"):
    """Nothing is undone, for a reason."""

    reason: str


Undo = (
    RollbackRelease
    | UninstallRelease
    | InstallBefore
    | UninstallRevision
    | PatchBack
    | TagBack
    | RelabelNamespace
    | RestartAgain
    | GiveBack
    | NoUndo
)


# --- the steps --------------------------------------------------------------------------------------------------


class ObjectChange(msgspec.Struct, frozen=True, order=True):
    """One object that a step adds, changes or removes."""

    object: ObjectRef
    change: Literal["add", "change", "remove"]
    fields: tuple[str, ...] = ()
    """Paths of the fields that differ, for ``change``."""


class FieldOwnerConflict(msgspec.Struct, frozen=True, order=True):
    """A field that another manager owns and that the step takes over, as the plan says."""

    object: ObjectRef
    field: str
    manager: str


class Adoption(msgspec.Struct, frozen=True, order=True):
    """One object that is there already and that a Helm release is to have."""

    object: ObjectRef
    owner: str
    """Whose it is now, in words."""


class HelmChange(msgspec.Struct, frozen=True, tag="HelmChange"):
    """An install or upgrade of one Helm release."""

    release: str
    namespace: str
    chart: str
    """Directory below the release's ``charts/``."""
    action: Literal["install", "upgrade"]
    from_version: str
    """Chart version that runs; empty for an install."""
    to_version: str
    values: dict[str, Any]
    """All of the user's values, carried over and changed; without the chart's defaults."""
    manifests: str
    """File in the plan's archive with the rendered objects."""
    objects: tuple[ObjectChange, ...]
    replaced: tuple[ObjectRef, ...] = ()
    """Running workloads whose pods it replaces, since their pod template changes."""
    forced: tuple[FieldOwnerConflict, ...] = ()
    """Conflicts that the step forces, after a dry run shows no others: with ``pilot-discovery``, and what a person approved."""


class IstioctlChange(msgspec.Struct, frozen=True, tag="IstioctlChange"):
    """One ``istioctl install``.

    Stages are cumulative: what an earlier stage brought to ``to_version`` is in each later one, since istioctl removes objects
    that bear its own version and are not in what it installs.
    """

    revision: str
    """``default`` where there is none."""
    from_version: str
    """Version that runs; empty for a new revision."""
    to_version: str
    """Of the istioctl that is run."""
    configuration: dict[str, Any]
    """The whole IstioOperator that it is given; components that are not in this stage are switched off."""
    components: tuple[str, ...]
    """What it installs, as ``ComponentIs.component``."""
    manifests: str
    """File in the plan's archive with the objects that it renders."""
    objects: tuple[ObjectChange, ...]
    """Against the mesh before this stage."""
    replaced: tuple[ObjectRef, ...] = ()
    """As ``HelmChange.replaced``."""


class SailChange(msgspec.Struct, frozen=True, tag="SailChange"):
    """A wish that the Sail Operator follows."""

    resource: ObjectRef
    """An Istio, IstioCNI, ZTunnel or IstioRevisionTag."""
    revision: str
    """The revision that runs afterwards; empty for what has none."""
    from_version: str
    """As Sail writes it, ``v1.26.0``."""
    to_version: str
    patch: dict[str, Any]
    """JSON merge patch."""
    release: str
    """``namespace/name`` of the Helm release that the operator keeps for it; empty for a tag's."""
    chart: str
    """Of that release."""
    manifests: str
    """File in the plan's archive with the objects that the operator is foretold to apply: it renders the charts of Istio."""
    objects: tuple[ObjectChange, ...]
    """Foretold, too."""
    replaced: tuple[ObjectRef, ...] = ()
    """As ``HelmChange.replaced``."""


Change = HelmChange | IstioctlChange | SailChange
"""What an installer does in a step."""


class StepBase(msgspec.Struct, frozen=True, kw_only=True):
    """What every step has."""

    id: str
    """``03-upgrade-cni``: position and kind, unique in the plan."""
    title: str
    """One line, for people."""
    reason: str
    """Why it is in the plan."""
    preconditions: tuple[Precondition, ...] = ()
    undo: Undo
    hop: int = 0
    """Index of the plan's hop that it belongs to."""
    ready_timeout: int = 600
    """Seconds that its readiness may take."""


class UpgradeCRDs(StepBase, frozen=True, kw_only=True, tag="UpgradeCRDs"):
    """The release of chart ``base``: CRDs, validator, cluster-wide RBAC. Other installers do it with the control plane."""

    change: Change


class InstallRevision(StepBase, frozen=True, kw_only=True, tag="InstallRevision"):
    """A second istiod beside the first."""

    change: Change
    revision: str


class UpgradeControlPlane(StepBase, frozen=True, kw_only=True, tag="UpgradeControlPlane"):
    """istiod in place."""

    change: Change
    revision: str


class UpgradeCNI(StepBase, frozen=True, kw_only=True, tag="UpgradeCNI"):
    """The CNI node agent; it has no canary."""

    change: Change


class UpgradeZtunnel(StepBase, frozen=True, kw_only=True, tag="UpgradeZtunnel"):
    """The ambient node proxy; it has no canary."""

    change: Change


class UpgradeGateway(StepBase, frozen=True, kw_only=True, tag="UpgradeGateway"):
    """One gateway release; its pods come back with the new proxy."""

    change: Change
    workload: ObjectRef
    mark_before: str = ""
    """As ``Restart.mark_before``."""


class MoveTag(StepBase, frozen=True, kw_only=True, tag="MoveTag"):
    """Point a tag to another revision."""

    tag: str
    from_revision: str
    to_revision: str
    manifests: str
    """File in the plan's archive with the tag's webhook for the new revision (caBundle left to istiod)."""


class RetargetTag(StepBase, frozen=True, kw_only=True, tag="RetargetTag"):
    """Have the Sail Operator point a tag to another revision."""

    change: Change
    tag: str
    from_revision: str
    to_revision: str


class MoveValidator(StepBase, frozen=True, kw_only=True, tag="MoveValidator"):
    """The release of chart ``base`` again: the default validator points to the new revision."""

    change: Change


class LabelNamespace(StepBase, frozen=True, kw_only=True, tag="LabelNamespace"):
    """Point a namespace to another revision by its labels."""

    namespace: str
    labels: dict[str, str | None]
    """``None`` removes a label."""


class Restart(msgspec.Struct, frozen=True, order=True):
    """One workload that must restart."""

    workload: ObjectRef
    method: Literal["rollout", "evict"]
    """``evict`` where its strategy and budgets do not permit a rollout."""
    reason: str
    pods: int
    from_version: str
    """Proxy version before the step; ``mixed`` where its pods differ."""
    to_revision: str
    """The revision that must inject it."""
    image: str = ""
    """Sidecar image that it will get, predicted from the rendered templates; empty where not known."""
    mark_before: str = ""
    """Annotation ``resail.dev/restart`` of its pod template at planning, which undoing puts back once no hop has another."""


class RestartWave(StepBase, frozen=True, kw_only=True, tag="RestartWave"):
    """Workloads that restart at the same time."""

    wave: int
    """From 1."""
    restarts: tuple[Restart, ...]


class AwaitSoak(StepBase, frozen=True, kw_only=True, tag="AwaitSoak"):
    """Let the new revision serve for a while before the old one goes."""

    seconds: int
    """Counted from when the step was first begun, whatever became of the process since."""


class RemoveRevision(StepBase, frozen=True, kw_only=True, tag="RemoveRevision"):
    """Uninstall an istiod once nothing is connected to it. Its history stays, so that it can be put back."""

    revision: str
    release: str
    """``namespace/name`` of its Helm release."""
    manifests: str
    """File in the plan's archive with the objects that go."""
    objects: tuple[ObjectChange, ...]


class Approve(StepBase, frozen=True, kw_only=True, tag="Approve"):
    """Wait for a person's word."""

    question: str


class AdoptObjects(StepBase, frozen=True, kw_only=True, tag="AdoptObjects"):
    """Give a Helm release what is in its way: objects of others get its marks; fields of others it overwrites itself, by force.

    The marks keep Helm from deleting an adopted object when the release is rolled back. A release that is uninstalled takes it
    along all the same; undoing makes it again. CRDs get back their marks alone, since their schema stays at the target.
    """

    release: str
    """``namespace/name``; a later step writes it."""
    objects: tuple[Adoption, ...]
    labels: dict[str, str]
    """Given to each of them."""
    annotations: dict[str, str]
    fields: tuple[FieldOwnerConflict, ...] = ()
    """Nothing is written to these here; undoing puts back what they held."""


class Verify(StepBase, frozen=True, kw_only=True, tag="Verify"):
    """Check the whole mesh against the plan."""


InstallerStep = (
    UpgradeCRDs
    | InstallRevision
    | UpgradeControlPlane
    | UpgradeCNI
    | UpgradeZtunnel
    | UpgradeGateway
    | MoveValidator
    | RetargetTag
)
"""The steps that an installer does."""

Step = (
    UpgradeCRDs
    | InstallRevision
    | UpgradeControlPlane
    | UpgradeCNI
    | UpgradeZtunnel
    | UpgradeGateway
    | MoveTag
    | RetargetTag
    | MoveValidator
    | LabelNamespace
    | RestartWave
    | AwaitSoak
    | RemoveRevision
    | Approve
    | AdoptObjects
    | Verify
)


# --- the whole --------------------------------------------------------------------------------------------------


Check = Literal["images", "ca-root", "capacity"]
"""What is checked before anything is written, beside the plan's own findings."""


class SkippedCheck(msgspec.Struct, frozen=True, order=True):
    """A check that a person has told the planner to leave out."""

    check: Check
    reason: str
    """In their words."""


class Untouched(msgspec.Struct, frozen=True, order=True):
    """A workload that is left alone, and why."""

    workload: ObjectRef
    reason: str


class Hop(msgspec.Struct, frozen=True):
    """From one version of the control plane to the next."""

    from_version: IstioVersion
    to_version: IstioVersion
    from_revision: str
    to_revision: str
    """Equal to ``from_revision`` in place."""
    restarts: bool
    """False: the data plane stays one minor behind at most, as it may, and a later hop brings it on."""
    release_digest: str
    """Of the files of ``to_version``."""


class Plan(msgspec.Struct, frozen=True):
    """One upgrade of one mesh. Its id is the digest of the archive's contents."""

    from_version: IstioVersion
    to_version: IstioVersion
    strategy: Strategy
    from_revision: str
    to_revision: str
    """Equal to ``from_revision`` in place."""
    on_failure: Literal["halt", "rollback"]
    """What a failed readiness or gate does."""
    cluster_id: str
    istio_namespace: str
    snapshot_digest: str
    """Of what the snapshot tells a planner (``MeshSnapshot.planned_from``)."""
    hops: tuple[Hop, ...]
    """In order; one after the other leads from ``from_version`` to ``to_version``."""
    steps: tuple[Step, ...]
    untouched: tuple[Untouched, ...]
    findings: tuple[Finding, ...]
    resail_version: str
    skipped: tuple[SkippedCheck, ...] = ()
    """Checks that nobody makes, neither when it is planned nor when it is applied."""
    waived: tuple[Waived, ...] = ()
    """Findings that somebody takes, sorted."""
    format_version: int = FORMAT_VERSION

    def hop_of(self, step: Step) -> Hop:
        """The hop that a step belongs to."""
        return self.hops[step.hop]


class PlanFiles(msgspec.Struct, frozen=True):
    """A plan with the rendered objects that its steps name: what the archive holds."""

    plan: Plan
    manifests: dict[str, tuple[Manifest, ...]]
    """File name in the archive → objects."""
    id: str
    """``sha256:…`` over plan and manifests."""
