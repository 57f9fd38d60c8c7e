"""The last third of planning: rendered manifests in, the plan out."""

from collections.abc import Sequence
from typing import Any

from resail import __version__
from resail.checks.differences import object_changes
from resail.checks.sidecar import predicted_image
from resail.models.encoding import digest_of, manifest_digest
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import (
    Approve,
    FieldOwnerConflict,
    HelmChange,
    InstallRevision,
    LabelNamespace,
    LabelsAre,
    MoveTag,
    MoveValidator,
    NoUndo,
    Plan,
    PlanFiles,
    RelabelNamespace,
    ReleaseAbsent,
    ReleaseIs,
    RestartAgain,
    RestartWave,
    RollbackRelease,
    Step,
    StepBase,
    TagBack,
    TagIs,
    UninstallRelease,
    UpgradeCNI,
    UpgradeControlPlane,
    UpgradeCRDs,
    UpgradeGateway,
    UpgradeZtunnel,
    Verify,
)
from resail.models.release import Release
from resail.plan.drafting import Draft, PartRole, ReleasePart, TagPart
from resail.plan.file import plan_files
from resail.plan.restarts import RestartSet, restart_set
from resail.plan.tags import moved_tag
from resail.plan.waves import into_waves

__all__ = ["build"]

_ISTIOD_PATCHES = "pilot-discovery"
_KEBAB = {"UpgradeCRDs": "upgrade-crds", "UpgradeCNI": "upgrade-cni"}


def build(drafted: Draft, rendered: Sequence[tuple[Manifest, ...]], release: Release) -> PlanFiles:
    """The plan for what was drafted.

    Args:
        drafted: from ``draft``.
        rendered: the objects of ``drafted.requests``, in their order.
        release: the target.
    """
    building = _Building(drafted, rendered)
    steps = building.steps()
    restarts = building.restarts
    selection = drafted.hop.selection
    plan = Plan(
        from_version=selection.installed,
        to_version=drafted.hop.target,
        strategy=drafted.hop.options.strategy,
        from_revision=selection.plane.revision,
        to_revision=drafted.hop.revision,
        on_failure=drafted.hop.options.on_failure,
        cluster_id=drafted.hop.snapshot.cluster.id,
        istio_namespace=drafted.hop.snapshot.istio_namespace,
        snapshot_digest=digest_of(drafted.hop.snapshot.planned_from()),
        release_digest=release.digest,
        steps=steps,
        untouched=restarts.untouched,
        findings=tuple(sorted((*drafted.findings, *restarts.findings))),
        resail_version=__version__,
    )
    return plan_files(plan, building.manifests)


class _Building:
    """Collects steps in order, and what the steps before leave behind."""

    def __init__(self, drafted: Draft, rendered: Sequence[tuple[Manifest, ...]]) -> None:
        self._draft = drafted
        self._options = drafted.hop.options
        self._parts = list(zip(drafted.parts, rendered, strict=False))
        self._tags = list(zip(drafted.tags, rendered[len(drafted.parts) :], strict=True))
        self._steps: list[Step] = []
        self._expected: dict[str, ReleaseIs] = {}
        self.manifests: dict[str, tuple[Manifest, ...]] = {}
        istiod = next(objects for part, objects in self._parts if part.role == "istiod")
        self.restarts: RestartSet = restart_set(
            drafted.hop.snapshot,
            drafted.hop.selection.plane.revision,
            drafted.hop.revision,
            predicted_image(istiod),
            frozenset(ObjectRef.of(manifest) for _, objects in self._parts for manifest in objects if _runs_pods(manifest)),
        )

    def steps(self) -> tuple[Step, ...]:
        for role in ("base", "istiod", "cni", "ztunnel"):
            self._releases(role)
        for tag, objects in self._tags:
            self._move_tag(tag, objects)
        if self._options.strategy == "canary":
            self._label_namespaces()
        self._releases("validator")
        self._releases("gateway")
        self._restart()
        self._add(Verify, "Verify", "Verify the whole mesh", "nothing is taken on trust", undo=NoUndo("it only looks"))
        return tuple(self._steps)

    # --- steps ---

    def _releases(self, role: PartRole) -> None:
        for part, objects in self._parts:
            if part.role == role:
                self._release(part, objects)

    def _release(self, part: ReleasePart, objects: tuple[Manifest, ...]) -> None:
        kind, title, reason = self._wording(part)
        step_id = self._next_id(kind.__name__)
        request = part.request
        release = f"{request.namespace}/{request.release}"
        before = self._expected.get(release) or (_stands(part.running) if part.running else None)
        old = self._manifest_before(part)
        change = HelmChange(
            release=request.release,
            namespace=request.namespace,
            chart=request.chart,
            action="upgrade" if part.running else "install",
            from_version=before.chart_version if before else "",
            to_version=str(self._draft.hop.target),
            values=request.values,
            manifests=self._keep(step_id, objects),
            objects=object_changes(old, objects),
            replaced=_replaced(old, objects, always=kind is UpgradeGateway),
            forced=self._conflicts(objects) if part.running else (),
        )
        more: dict[str, Any] = {"change": change}
        if kind in (InstallRevision, UpgradeControlPlane):
            more["revision"] = self._draft.hop.revision
        if kind is UpgradeGateway:
            gateway = next(ObjectRef.of(manifest) for manifest in objects if _runs_pods(manifest))
            marks = {workload.ref: workload.restart_mark for workload in self._draft.hop.snapshot.workloads}
            more |= {"workload": gateway, "mark_before": marks.get(gateway, "")}
        self._add(
            kind,
            kind.__name__,
            title,
            reason,
            preconditions=(before,) if before else (ReleaseAbsent(release),),
            undo=RollbackRelease(release, before.revision) if before else UninstallRelease(release),
            **more,
        )
        revision = before.revision + 1 if before else 1
        self._expected[release] = ReleaseIs(release, revision, str(self._draft.hop.target), manifest_digest(objects))

    def _wording(self, part: ReleasePart) -> tuple[type[StepBase], str, str]:
        plane, target = self._draft.hop.selection.plane, self._draft.hop.target
        name = part.request.release
        match part.role:
            case "base":
                return (
                    UpgradeCRDs,
                    f"Upgrade the CRDs and cluster roles ({name}) to {target}",
                    "istiod needs its own CRDs or newer",
                )
            case "istiod" if part.running is None:
                reason = f"it serves its own proxies while {plane.revision} still runs"
                return InstallRevision, f"Install istiod {target} as revision {self._draft.hop.revision}", reason
            case "istiod":
                return UpgradeControlPlane, f"Upgrade istiod ({name}) to {target}", "a proxy must never lead its control plane"
            case "cni":
                return (
                    UpgradeCNI,
                    f"Upgrade the CNI agent ({name}) to {target}",
                    "it works with an istiod of its minor or one later",
                )
            case "ztunnel":
                return (
                    UpgradeZtunnel,
                    f"Upgrade ztunnel ({name}) to {target}",
                    "it works with an istiod of its minor or one later",
                )
            case "validator":
                title = f"Point the default validator ({name}) to revision {self._draft.hop.revision}"
                return MoveValidator, title, "the newest istiod must judge new configuration"
            case "gateway":
                return (
                    UpgradeGateway,
                    f"Upgrade gateway {part.request.namespace}/{name} to {target}",
                    "gateways go before workloads",
                )

    def _move_tag(self, part: TagPart, objects: tuple[Manifest, ...]) -> None:
        tag = part.tag
        step_id = self._next_id("MoveTag")
        webhook = moved_tag(tag, objects)
        self._add(
            MoveTag,
            "MoveTag",
            f"Move tag {tag.tag} from {tag.revision} to {self._draft.hop.revision}",
            f"namespaces that ask for {tag.tag} get the new sidecar from now on",
            preconditions=(TagIs(tag.tag, tag.revision),),
            undo=TagBack(tag.tag, tag.revision, self._keep(f"{step_id}-undo", (tag.manifest,))),
            tag=tag.tag,
            from_revision=tag.revision,
            to_revision=self._draft.hop.revision,
            manifests=self._keep(step_id, (webhook,)),
        )

    def _label_namespaces(self) -> None:
        revision = self._draft.hop.selection.plane.revision
        tagged = {part.tag.tag for part in self._draft.tags}
        for namespace in self._draft.hop.snapshot.namespaces:
            labels = namespace.labels
            changed: dict[str, str | None] = {}
            if labels.get("istio-injection") == "enabled":
                if revision == "default" and "default" not in tagged:
                    changed = {"istio-injection": None, "istio.io/rev": self._draft.hop.revision}
            elif labels.get("istio.io/rev") == revision and revision not in tagged:
                changed = {"istio.io/rev": self._draft.hop.revision}
            if not changed:
                continue
            before = {label: labels.get(label) for label in changed}
            self._add(
                LabelNamespace,
                "LabelNamespace",
                f"Point namespace {namespace.name} to revision {self._draft.hop.revision}",
                f"its labels name revision {revision}",
                preconditions=(LabelsAre(namespace.name, before),),
                undo=RelabelNamespace(namespace.name, before),
                namespace=namespace.name,
                labels=changed,
            )

    def _restart(self) -> None:
        waves = into_waves(self.restarts.restarts, self._draft.hop.snapshot.budgets, self._options.max_parallel)
        if waves and self._options.approve_restarts:
            count = len(self.restarts.restarts)
            self._add(
                Approve,
                "Approve",
                f"Approve the restart of {count} workloads",
                "asked for by --approve-restarts",
                undo=NoUndo("it changes nothing"),
                question=f"Restart {count} workloads in {len(waves)} waves?",
            )
        for number, wave in enumerate(waves, 1):
            self._add(
                RestartWave,
                "RestartWave",
                f"Restart {len(wave)} workload{'s' if len(wave) > 1 else ''} (wave {number} of {len(waves)})",
                "their sidecars are of the old version",
                undo=RestartAgain(),
                wave=number,
                restarts=wave,
            )

    # --- details ---

    def _add(self, kind: type[Any], kind_name: str, title: str, reason: str, **fields: Any) -> None:
        step: Step = kind(
            id=self._next_id(kind_name), title=title, reason=reason, ready_timeout=self._options.ready_timeout, **fields
        )
        self._steps.append(step)

    def _next_id(self, kind: str) -> str:
        return f"{len(self._steps) + 1:02d}-{_KEBAB.get(kind) or _kebab(kind)}"

    def _keep(self, name: str, objects: tuple[Manifest, ...]) -> str:
        file = f"{name}.json"
        self.manifests[file] = objects
        return file

    def _manifest_before(self, part: ReleasePart) -> tuple[Manifest, ...]:
        if part.role == "validator":
            return next(objects for other, objects in self._parts if other.role == "base")
        return part.running.objects if part.running else ()

    def _conflicts(self, objects: Sequence[Manifest]) -> tuple[FieldOwnerConflict, ...]:
        """Where istiod has turned a policy to Fail that the chart renders as Ignore, which Helm would meet as a conflict."""
        live = {hook.ref: hook for hook in self._draft.hop.snapshot.webhooks}
        return tuple(
            FieldOwnerConflict(ref, f'.webhooks[name="{entry["name"]}"].failurePolicy', _ISTIOD_PATCHES)
            for manifest in objects
            if manifest["kind"] == "ValidatingWebhookConfiguration" and (ref := ObjectRef.of(manifest)) in live
            for entry in manifest.get("webhooks") or ()
            if entry.get("failurePolicy") == "Ignore"
        )


def _stands(release: Any) -> ReleaseIs:
    return ReleaseIs(release.key, release.revision, release.chart_version, manifest_digest(release.objects))


def _replaced(before: Sequence[Manifest], after: Sequence[Manifest], *, always: bool) -> tuple[ObjectRef, ...]:
    """Workloads whose pod template changes; ``always``: a gateway's pods are injected anew even where it does not."""
    old = {ObjectRef.of(manifest): manifest for manifest in before if _runs_pods(manifest)}
    both = [(ObjectRef.of(manifest), manifest) for manifest in after if ObjectRef.of(manifest) in old]
    return tuple(sorted(ref for ref, manifest in both if always or old[ref]["spec"]["template"] != manifest["spec"]["template"]))


def _runs_pods(manifest: Manifest) -> bool:
    return manifest["kind"] in ("Deployment", "DaemonSet", "StatefulSet")


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("-")
