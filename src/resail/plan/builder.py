"""The last third of planning a hop: rendered manifests in, its steps out."""

from collections.abc import Mapping, Sequence, Set
from typing import Any

import msgspec

from resail.checks.differences import object_changes
from resail.checks.sidecar import predicted_image
from resail.checks.trust import expected_trust
from resail.models.encoding import manifest_digest
from resail.models.finding import Finding
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import (
    AdoptObjects,
    Approve,
    FieldOwnerConflict,
    GiveBack,
    HelmChange,
    Hop,
    InstallRevision,
    LabelNamespace,
    LabelsAre,
    MoveTag,
    MoveValidator,
    NoUndo,
    PatchBack,
    RelabelNamespace,
    ReleaseAbsent,
    ReleaseIs,
    ResourceIs,
    RestartAgain,
    RestartWave,
    RetargetTag,
    RollbackRelease,
    SailChange,
    Step,
    StepBase,
    TagBack,
    TagIs,
    TrustIs,
    UninstallRelease,
    UpgradeCNI,
    UpgradeControlPlane,
    UpgradeCRDs,
    UpgradeGateway,
    UpgradeZtunnel,
    Verify,
)
from resail.models.release import Release
from resail.models.snapshot import HelmRelease
from resail.plan.drafting import Chosen, Draft, PartRole, ReleasePart, TagPart, WishPart
from resail.plan.foreign import foreign_namespaces
from resail.plan.obstacles import ISTIOCTL, InTheWay, Takeover, refuse_to_overwrite, take_over
from resail.plan.pod_templates import replaced, runs_pods
from resail.plan.removal import old_revision_stays, removal_steps
from resail.plan.restarts import RestartSet, restart_set
from resail.plan.sail import SailTag
from resail.plan.stage_building import BuiltStage, StageBuilding
from resail.plan.stage_steps import change_of, stands_before, undo_of
from resail.plan.stages import Configurations, StagePart
from resail.plan.tags import moved_tag, moved_validator
from resail.plan.waves import into_waves

__all__ = ["BuiltHop", "build_hop"]

_ISTIOD_PATCHES = "pilot-discovery"
_OF_A_NODE = "it works with an istiod of its minor or one later"
_KEBAB = {"UpgradeCRDs": "upgrade-crds", "UpgradeCNI": "upgrade-cni"}


class BuiltHop(msgspec.Struct, frozen=True):
    """One hop with all its steps."""

    chosen: Chosen
    hop: Hop
    steps: tuple[Step, ...]
    manifests: dict[str, tuple[Manifest, ...]]
    """As ``PlanFiles.manifests``."""
    restarts: RestartSet
    configurations: Configurations
    """Of istioctl, for the next hop."""
    findings: tuple[Finding, ...]


def build_hop(
    drafted: Draft,
    rendered: Sequence[tuple[Manifest, ...]],
    release: Release,
    before: Sequence[BuiltHop] = (),
    in_the_way: Mapping[str, InTheWay] | None = None,
) -> BuiltHop:
    """The steps for what was drafted.

    Args:
        drafted: from ``draft``.
        rendered: the objects of ``drafted.requests``, in their order.
        release: the hop's target.
        before: the hops before it.
        in_the_way: release → what of others is in its way; what is not known of is not dealt with.
    """
    building = _Building(drafted, rendered, before, in_the_way or {})
    chosen = drafted.chosen
    steps = building.steps()
    return BuiltHop(
        chosen=chosen,
        hop=Hop(
            from_version=chosen.selection.installed,
            to_version=chosen.leg.end,
            from_revision=chosen.selection.plane.revision,
            to_revision=chosen.revision,
            restarts=chosen.leg.restarts,
            release_digest=release.digest,
        ),
        steps=steps,
        manifests=building.manifests,
        restarts=building.restarts,
        configurations=drafted.configurations,
        findings=(
            *drafted.findings,
            *building.restarts.findings,
            *building.findings,
            *building.obstacles,
            *foreign_namespaces(chosen.snapshot, steps),
            *_stays(chosen),
        ),
    )


class _Building:
    """Collects steps in order, and what the steps before leave behind."""

    def __init__(
        self,
        drafted: Draft,
        rendered: Sequence[tuple[Manifest, ...]],
        before: Sequence[BuiltHop],
        in_the_way: Mapping[str, InTheWay],
    ) -> None:
        self._draft = drafted
        self._chosen = drafted.chosen
        self._options = drafted.chosen.options
        self._hop = len(before)
        self._steps_before = [step for one in before for step in one.steps]
        self._in_the_way = in_the_way
        self.obstacles = refuse_to_overwrite(in_the_way.get(ISTIOCTL, InTheWay()))
        given = iter(rendered)
        stages = StageBuilding(drafted.chosen.snapshot)
        self._parts: list[tuple[ReleasePart, tuple[Manifest, ...]]] = []
        self._stages: list[BuiltStage] = []
        self._wishes: list[tuple[WishPart, tuple[Manifest, ...]]] = []
        for part in drafted.parts:
            if isinstance(part, StagePart):
                self._stages.append(stages.build(part, given))
            elif isinstance(part, WishPart):
                self._wishes.append((part, next(given)))
            else:
                self._parts.append((part, next(given)))
        self._tags = list(zip(drafted.tags, given, strict=True))
        self.findings = tuple(finding for stage in self._stages for finding in stage.findings)
        self._steps: list[Step] = []
        self._expected: dict[str, ReleaseIs] = {}
        self.manifests: dict[str, tuple[Manifest, ...]] = {}
        written: list[tuple[ReleasePart | WishPart | StagePart, tuple[Manifest, ...]]] = [*self._parts, *self._wishes]
        written += ((stage.part, stage.objects) for stage in self._stages)
        istiod = next(objects for part, objects in written if part.role == "istiod")
        self.restarts: RestartSet = restart_set(
            drafted.chosen.snapshot,
            drafted.chosen.selection.plane.revision,
            drafted.chosen.revision,
            predicted_image(istiod),
            frozenset(ObjectRef.of(manifest) for _, objects in written for manifest in objects if runs_pods(manifest)),
        )

    def steps(self) -> tuple[Step, ...]:
        for role in ("base", "istiod", "cni", "ztunnel"):
            self._bring_on(role)
        for tag, objects in self._tags:
            self._move_tag(tag, objects)
        for sail_tag in self._draft.sail_tags:
            self._retarget_tag(sail_tag)
        if self._options.strategy == "canary":
            self._label_namespaces()
        self._bring_on("validator")
        self._bring_on("gateway")
        if self._chosen.leg.restarts:
            self._restart()
        self._verify()
        if self._options.remove_old:
            self._remove_old()
        return tuple(self._steps)

    # --- steps ---

    def _bring_on(self, role: PartRole) -> None:
        for part, objects in self._parts:
            if part.role == role:
                self._release(part, objects)
        for wish, objects in self._wishes:
            if wish.role == role:
                self._wish(wish, objects)
        for stage in self._stages:
            if stage.part.role == role:
                self._stage(stage)

    def _release(self, part: ReleasePart, objects: tuple[Manifest, ...]) -> None:
        request, release = part.request, part.release
        name = release if part.role == "gateway" else request.release
        kind, title, reason = self._wording(part.role, name, new=part.running is None)
        taken = self._take_over(release)
        step_id = self._next_id(kind.__name__)
        before = self._expected.get(release) or (_stands(part.running) if part.running else None)
        old = self._manifest_before(part)
        change = HelmChange(
            release=request.release,
            namespace=request.namespace,
            chart=request.chart,
            action="upgrade" if part.running else "install",
            from_version=before.chart_version if before else "",
            to_version=str(self._chosen.leg.end),
            values=request.values,
            manifests=self._keep(step_id, objects),
            objects=taken.as_changes(object_changes(old, objects), objects),
            replaced=replaced(old, objects, always=kind is UpgradeGateway),
            forced=(*(self._conflicts(objects) if part.running else ()), *taken.forced),
        )
        more: dict[str, Any] = {"change": change}
        if kind in (InstallRevision, UpgradeControlPlane):
            more["revision"] = self._chosen.revision
        if kind is UpgradeGateway:
            more |= self._gateway(next(ObjectRef.of(manifest) for manifest in objects if runs_pods(manifest)))
        self._add(
            kind,
            kind.__name__,
            title,
            reason,
            preconditions=(before or ReleaseAbsent(release), *self._trust_where(more)),
            undo=RollbackRelease(release, before.revision) if before else UninstallRelease(release),
            **more,
        )
        revision = before.revision + 1 if before else 1
        self._expected[release] = ReleaseIs(release, revision, str(self._chosen.leg.end), manifest_digest(objects))

    def _wish(self, part: WishPart, objects: tuple[Manifest, ...]) -> None:
        wish, revision = part.wish, self._chosen.revision if part.role == "istiod" else ""
        kind, title, reason = self._wording(part.role, str(wish.part.resource.ref), new=part.new)
        applied = wish.applied(objects, revision if part.new else "")
        old = () if part.new else wish.part.objects
        more = {"objects": object_changes(old, applied), "replaced": replaced(old, applied, always=False)}
        change = wish.change(revision, self._keep(self._next_id(kind.__name__), applied), **more)
        named = {"revision": revision} if kind in (InstallRevision, UpgradeControlPlane) else {}
        fields = {"change": change, "preconditions": (wish.precondition,), "undo": wish.undo, **named}
        self._add(kind, kind.__name__, title, reason, **fields)

    def _retarget_tag(self, one: SailTag) -> None:
        tag, ref, old = one.tag, one.resource.ref, one.resource.spec["targetRef"]
        change = SailChange(
            resource=ref,
            revision=self._chosen.revision,
            from_version=tag.revision,
            to_version=self._chosen.revision,
            patch={"spec": {"targetRef": {"kind": "IstioRevision", "name": self._chosen.revision}}},
            release="",
            chart="",
            manifests=self._keep(self._next_id("RetargetTag"), ()),
            objects=(),
        )
        self._add(
            RetargetTag,
            "RetargetTag",
            f"Move tag {tag.tag} from {tag.revision} to {self._chosen.revision}",
            f"namespaces that ask for {tag.tag} get the new sidecar from now on",
            preconditions=(ResourceIs(ref, {"targetRef.name": old["name"]}),),
            undo=PatchBack(ref, {"spec": {"targetRef": old}}),
            change=change,
            tag=tag.tag,
            from_revision=tag.revision,
            to_revision=self._chosen.revision,
        )

    def _take_over(self, release: str) -> Takeover:
        """What of others is in the release's way: asked for, and given to it."""
        taken = take_over(self._in_the_way.get(release, InTheWay()), release, [*self._steps_before, *self._steps])
        self.obstacles += taken.findings
        if taken:
            title = f"Approve that {release} takes over {taken.title} of others"
            reason = "what others own is not taken in silence"
            undo = NoUndo("it changes nothing")
            self._add(Approve, "Approve", title, reason, undo=undo, question=taken.question)
            step_id = self._next_id("AdoptObjects")
            was = self._keep(f"{step_id}-objects", tuple(one.manifest for one in taken.objects))
            held = self._keep(f"{step_id}-fields", taken.excerpts)
            title = f"Give {taken.title} of others to {release}"
            reason = "Helm takes over nothing that is not its own"
            self._add(AdoptObjects, "AdoptObjects", title, reason, undo=GiveBack(was, held), **taken.step_fields)
        return taken

    def _stage(self, stage: BuiltStage) -> None:
        """One step; of gateways one each, of which the first installs all."""
        part, target = stage.part, str(self._chosen.leg.end)
        runs = [ObjectRef.of(manifest) for manifest in stage.own if runs_pods(manifest)]
        manifests = before = ""
        for number, workload in enumerate(runs if part.role == "gateway" else runs[:1] or [None]):
            name = f"{workload.namespace}/{workload.name}" if part.role == "gateway" and workload else "istioctl"
            kind, title, reason = self._wording(part.role, name, new=part.former is None)
            step_id = self._next_id(kind.__name__)
            manifests = manifests or self._keep(step_id, stage.objects)
            before = before or (self._keep(f"{step_id}-undo", stage.former) if part.former else "")
            more: dict[str, Any] = {"change": change_of(stage, target, manifests, workload, first=number == 0)}
            if kind in (InstallRevision, UpgradeControlPlane):
                more["revision"] = self._chosen.revision
            if kind is UpgradeGateway and workload:
                more |= self._gateway(workload)
            self._add(
                kind,
                kind.__name__,
                title,
                reason,
                preconditions=(*stands_before(part, target, first=number == 0), *self._trust_where(more)),
                undo=undo_of(stage, target, before, first=number == 0),
                **more,
            )

    def _gateway(self, workload: ObjectRef) -> dict[str, Any]:
        marks = {one.ref: one.restart_mark for one in self._chosen.snapshot.workloads}
        return {"workload": workload, "mark_before": marks.get(workload, "")}

    def _wording(self, role: PartRole, name: str, *, new: bool) -> tuple[type[StepBase], str, str]:
        plane, target = self._chosen.selection.plane, self._chosen.leg.end
        match role:
            case "base":
                title = f"Upgrade the CRDs and cluster roles ({name}) to {target}"
                return UpgradeCRDs, title, "istiod needs its own CRDs or newer"
            case "istiod" if new:
                reason = f"it serves its own proxies while {plane.revision} still runs"
                return InstallRevision, f"Install istiod {target} as revision {self._chosen.revision}", reason
            case "istiod":
                return UpgradeControlPlane, f"Upgrade istiod ({name}) to {target}", "a proxy must never lead its control plane"
            case "cni":
                return UpgradeCNI, f"Upgrade the CNI agent ({name}) to {target}", _OF_A_NODE
            case "ztunnel":
                return UpgradeZtunnel, f"Upgrade ztunnel ({name}) to {target}", _OF_A_NODE
            case "validator":
                title = f"Point the default validator ({name}) to revision {self._chosen.revision}"
                return MoveValidator, title, "the newest istiod must judge new configuration"
            case "gateway":
                return UpgradeGateway, f"Upgrade gateway {name} to {target}", "gateways go before workloads"

    def _move_tag(self, part: TagPart, objects: tuple[Manifest, ...]) -> None:
        tag = part.tag
        step_id = self._next_id("MoveTag")
        webhooks = (moved_tag(tag, objects), *moved_validator(tag, objects))
        before = tuple(one for one in (tag.manifest, tag.validator if len(webhooks) > 1 else None) if one)
        self._add(
            MoveTag,
            "MoveTag",
            f"Move tag {tag.tag} from {tag.revision} to {self._chosen.revision}",
            f"namespaces that ask for {tag.tag} get the new sidecar from now on",
            preconditions=(TagIs(tag.tag, tag.revision),),
            undo=TagBack(tag.tag, tag.revision, self._keep(f"{step_id}-undo", before)),
            tag=tag.tag,
            from_revision=tag.revision,
            to_revision=self._chosen.revision,
            manifests=self._keep(step_id, webhooks),
        )

    def _label_namespaces(self) -> None:
        revision = self._chosen.selection.plane.revision
        tagged = {part.tag.tag for part in self._draft.tags} | {one.tag.tag for one in self._draft.sail_tags}
        for namespace in self._chosen.snapshot.namespaces:
            labels = namespace.labels
            changed: dict[str, str | None] = {}
            if labels.get("istio-injection") == "enabled":
                if revision == "default" and "default" not in tagged:
                    changed = {"istio-injection": None, "istio.io/rev": self._chosen.revision}
            elif labels.get("istio.io/rev") == revision and revision not in tagged:
                changed = {"istio.io/rev": self._chosen.revision}
            if not changed:
                continue
            before = {label: labels.get(label) for label in changed}
            self._add(
                LabelNamespace,
                "LabelNamespace",
                f"Point namespace {namespace.name} to revision {self._chosen.revision}",
                f"its labels name revision {revision}",
                preconditions=(LabelsAre(namespace.name, before),),
                undo=RelabelNamespace(namespace.name, before),
                namespace=namespace.name,
                labels=changed,
            )

    def _restart(self) -> None:
        waves = into_waves(self.restarts.restarts, self._chosen.snapshot.budgets, self._options.max_parallel)
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
                preconditions=self._trust({restart.workload.namespace for restart in wave}),
                undo=RestartAgain(),
                wave=number,
                restarts=wave,
            )

    def _trust(self, namespaces: Set[str]) -> tuple[TrustIs, ...]:
        """What restarts must be trusted by those that do not yet."""
        chosen = self._chosen
        bundles = chosen.snapshot.trust if self._options.check_trust else ()
        expected = expected_trust(bundles, chosen.selection.plane.revision, chosen.revision, namespaces)
        return (expected,) if expected else ()

    def _trust_where(self, fields: Mapping[str, Any]) -> tuple[TrustIs, ...]:
        """The same for a step that restarts one gateway, or none."""
        return self._trust({fields["workload"].namespace}) if "workload" in fields else ()

    def _verify(self) -> None:
        self._add(Verify, "Verify", "Verify the whole mesh", "nothing is taken on trust", undo=NoUndo("it only looks"))

    def _remove_old(self) -> None:
        for kind, fields in removal_steps(self._chosen, lambda name, objects: self._keep(self._next_id(name), objects)):
            self._add(kind, kind.__name__, **fields)
        self._verify()

    # --- details ---

    def _add(self, kind: type[Any], kind_name: str, title: str, reason: str, **fields: Any) -> None:
        step: Step = kind(
            id=self._next_id(kind_name),
            title=title,
            reason=reason,
            hop=self._hop,
            ready_timeout=self._options.ready_timeout,
            **fields,
        )
        self._steps.append(step)

    def _next_id(self, kind: str) -> str:
        return f"{len(self._steps_before) + len(self._steps) + 1:02d}-{_KEBAB.get(kind) or _kebab(kind)}"

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
        live = {hook.ref: hook for hook in self._chosen.snapshot.webhooks}
        return tuple(
            FieldOwnerConflict(ref, f'.webhooks[name="{entry["name"]}"].failurePolicy', _ISTIOD_PATCHES)
            for manifest in objects
            if manifest["kind"] == "ValidatingWebhookConfiguration" and (ref := ObjectRef.of(manifest)) in live
            for entry in manifest.get("webhooks") or ()
            if entry.get("failurePolicy") == "Ignore"
        )


def _stays(chosen: Chosen) -> list[Finding]:
    canary = chosen.options.strategy == "canary"
    return [old_revision_stays(chosen)] if canary and not chosen.options.remove_old else []


def _stands(release: HelmRelease) -> ReleaseIs:
    return ReleaseIs(release.key, release.revision, release.chart_version, manifest_digest(release.objects))


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("-")
