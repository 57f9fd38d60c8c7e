"""The first two thirds of planning a hop: which control plane goes where, and what Helm and istioctl are to render for it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from resail.checks.requirements.kubernetes import kubernetes_findings
from resail.errors import BlockedError
from resail.models.finding import Finding, FindingObject
from resail.models.identity import Manifest
from resail.models.rendering import ChartFacts, IstioctlRequest, RenderRequest
from resail.models.snapshot import HelmRelease, IstioctlComponent, MeshSnapshot, RevisionTag
from resail.plan.hops import left_behind
from resail.plan.istio_operator import moved_on, only, with_default_tag, with_revision, with_tag
from resail.plan.options import PlanOptions
from resail.plan.path import Leg
from resail.plan.sail import SailPart, SailTag, SailWish, new_revision, refuse_strategy, sail_tag, sail_wish
from resail.plan.selection import Part, Selection, select
from resail.plan.stages import Configurations, StagePart, default_tag_findings, draft_stages
from resail.plan.values import carry_over, has_path

__all__ = ["Chosen", "Draft", "PartRole", "ReleasePart", "TagPart", "WishPart", "choose", "draft"]

PartRole = Literal["base", "istiod", "cni", "ztunnel", "gateway", "validator"]

_FAIL_CLOSED = "base.validationFailurePolicy"
"""With it a chart renders the policy that istiod would patch in, and Helm and istiod own the field in peace."""


class ReleasePart(msgspec.Struct, frozen=True):
    """One Helm release to install or upgrade."""

    role: PartRole
    running: HelmRelease | None
    """None for one that is installed."""
    request: RenderRequest

    @property
    def release(self) -> str:
        """``namespace/name``"""
        return f"{self.request.namespace}/{self.request.release}"


class WishPart(msgspec.Struct, frozen=True):
    """One resource of the Sail Operator that gets another wish."""

    role: PartRole
    wish: SailWish
    new: bool
    """It makes a revision of its own."""

    @property
    def request(self) -> RenderRequest:
        """What foretells the operator's work."""
        return self.wish.request


class TagPart(msgspec.Struct, frozen=True):
    """One tag to move."""

    tag: RevisionTag
    request: RenderRequest | IstioctlRequest


class Chosen(msgspec.Struct, frozen=True):
    """What is known of a hop before its release is at hand."""

    snapshot: MeshSnapshot
    """The mesh as the hops before leave it."""
    leg: Leg
    options: PlanOptions
    selection: Selection
    revision: str
    """The revision that runs afterwards."""


class Draft(msgspec.Struct, frozen=True):
    """What is known before anything is rendered."""

    chosen: Chosen
    parts: tuple[ReleasePart | WishPart | StagePart, ...]
    tags: tuple[TagPart, ...]
    sail_tags: tuple[SailTag, ...]
    configurations: Configurations
    """Of istioctl, for the next hop; its ``known`` has what runs before this one, too."""
    findings: tuple[Finding, ...]

    def releases(self, rendered: Sequence[tuple[Manifest, ...]]) -> list[tuple[ReleasePart, tuple[Manifest, ...]]]:
        """The Helm releases with their objects, out of what ``requests`` render."""
        given = iter(rendered)
        each = [(part, [next(given) for _ in _requests(part)]) for part in self.parts]
        return [(part, objects[0]) for part, objects in each if isinstance(part, ReleasePart)]

    @property
    def requests(self) -> tuple[RenderRequest | IstioctlRequest, ...]:
        """What to render, in the order that ``build`` expects the results in."""
        parts = [request for part in self.parts for request in _requests(part)]
        return (*parts, *(part.request for part in self.tags))


def choose(snapshot: MeshSnapshot, leg: Leg, options: PlanOptions) -> Chosen:
    """Choose what is upgraded, and see that it can be.

    Raises:
        BlockedError: the mesh cannot be upgraded so; the message says why.
        UsageError: a wish does not fit the mesh.
    """
    options.refuse_contradictions()
    selection = select(snapshot, options.revision)
    canary = options.strategy == "canary"
    if isinstance(selection.istiod, SailPart):
        refuse_strategy(selection.istiod, options.strategy)
        fresh = new_revision(selection.istiod, leg.end, options.new_revision)
    else:
        fresh = options.new_revision or leg.end.revision
    revision = fresh if canary else selection.plane.revision
    _refuse_taken(snapshot, revision, canary)
    return Chosen(snapshot, leg, options, selection, revision)


def draft(
    chosen: Chosen,
    facts: Mapping[str, ChartFacts],
    wishes: Mapping[str, dict[str, Any]],
    configurations: Configurations | None = None,
) -> Draft:
    """Settle the values of each chart, and the IstioOperator of each stage.

    Args:
        chosen: from ``choose``.
        facts: of the target's charts, by name.
        wishes: chart → the user's values, laid over those carried over.
        configurations: of istioctl; None where it owns no part.
    """
    snapshot, options, plane = chosen.snapshot, chosen.options, chosen.selection.plane
    canary = options.strategy == "canary"
    findings = [*chosen.selection.findings, *kubernetes_findings(snapshot, chosen.leg.end, options.kubernetes)]
    findings += [] if canary else left_behind(snapshot, plane.revision, chosen.leg.end)
    tags = [tag for tag in snapshot.tags if tag.revision == plane.revision] if canary else []
    findings += [_tag_of_a_release(tag) for tag in tags if tag.owner.method == "helm"]
    followed = [sail_tag(snapshot, tag) for tag in tags if tag.owner.method == "sail"]
    findings += [finding for _, found in followed for finding in found]
    drafting = _Drafting(chosen, facts, wishes, configurations or Configurations(), findings)
    parts = drafting.parts(chosen.revision if canary else "")
    return Draft(
        chosen=chosen,
        parts=parts,
        tags=tuple(drafting.tag(tag, parts) for tag in tags if tag.owner.method != "sail"),
        sail_tags=tuple(one for one, _ in followed if one is not None),
        configurations=drafting.configurations,
        findings=tuple(sorted(set(drafting.findings))),
    )


class _Drafting:
    def __init__(
        self,
        chosen: Chosen,
        facts: Mapping[str, ChartFacts],
        wishes: Mapping[str, dict[str, Any]],
        configurations: Configurations,
        findings: list[Finding],
    ) -> None:
        self._chosen = chosen
        self._snapshot = chosen.snapshot
        self._leg = chosen.leg
        self._selection = chosen.selection
        self._facts = facts
        self._wishes = wishes
        self.configurations = configurations
        self.findings = findings

    def parts(self, new_revision: str) -> tuple[ReleasePart | WishPart | StagePart, ...]:
        """All parts, or those of the control plane alone; ``new_revision`` is empty in place."""
        return (*self._releases(new_revision), *self._wishes_of_sail(new_revision), *self._stages(new_revision))

    def _releases(self, new_revision: str) -> list[ReleasePart]:
        chosen = self._selection
        parts = self._upgrades("base", chosen.base)
        if new_revision and isinstance(chosen.istiod, HelmRelease):
            parts.append(self._new_istiod(chosen.istiod, new_revision))
        else:
            parts += self._upgrades("istiod", chosen.istiod)
        if not self._leg.restarts:
            return parts
        parts += [*self._upgrades("cni", chosen.cni), *self._upgrades("ztunnel", chosen.ztunnel)]
        if isinstance(chosen.base, HelmRelease) and new_revision and self._validator_is_on(chosen.base, chosen.plane.revision):
            parts.append(self._upgrade("validator", chosen.base, {"defaultRevision": new_revision}))
        for gateway in chosen.gateways:
            if isinstance(gateway, HelmRelease):
                pinned = gateway.values.get("revision")
                changed = {"revision": new_revision} if new_revision and pinned == chosen.plane.revision else {}
                parts.append(self._upgrade("gateway", gateway, changed))
        return parts

    def _wishes_of_sail(self, new_revision: str) -> list[WishPart]:
        chosen = self._selection
        roles: dict[PartRole, Part | None] = {"istiod": chosen.istiod}
        roles |= {"cni": chosen.cni, "ztunnel": chosen.ztunnel} if self._leg.restarts else {}
        parts: list[WishPart] = []
        for role, part in roles.items():
            if isinstance(part, SailPart):
                revision = new_revision if role == "istiod" else ""
                olds = (chosen.installed, self._leg.proxies)
                wishes = self._wishes.get(part.release.chart, {})
                wish, findings = sail_wish(part, self._leg.end, olds, wishes, revision, self._kubernetes)
                self.findings += findings
                parts.append(WishPart(role, wish, bool(revision)))
        return parts

    def _stages(self, new_revision: str) -> list[StagePart]:
        owned = self._selection.by_istioctl
        if not owned:
            return []
        own = next((one for one in owned if one.component == "Pilot"), owned[0])
        revision = new_revision or own.revision
        wished = with_revision(self.configurations.wished, revision)
        # What the hop before left behind is still pinned to the version before that.
        configuration, findings = moved_on(wished, (self._selection.installed, self._leg.proxies), self._leg.end)
        stages = draft_stages(
            self._snapshot,
            self._selection,
            self._leg.end,
            revision,
            configuration,
            self.configurations,
            canary=bool(new_revision),
            restarts=self._leg.restarts,
        )
        self.findings += [*findings, *default_tag_findings(self._snapshot, stages, configuration)]
        start = () if self._leg.restarts else self.configurations.start or owned
        self.configurations = self.configurations.then(revision, str(self._leg.end), configuration, start)
        return stages

    def tag(self, tag: RevisionTag, parts: Sequence[ReleasePart | WishPart | StagePart]) -> TagPart:
        """A tag for the revision that the hop ends with, rendered by whoever owns istiod."""
        revision = self._chosen.revision
        if isinstance(self._selection.istiod, IstioctlComponent):
            whole = {"Base", "Pilot", *(one.component for one in self._selection.by_istioctl)}
            control_plane = only(self.configurations.wished, {"Base", "Pilot"}, whole)
            pointed = with_default_tag(control_plane, revision) if tag.validator else with_tag(control_plane, tag.tag)
            return TagPart(tag, IstioctlRequest(self._leg.end, pointed, self._kubernetes))
        istiod = next(part for part in parts if not isinstance(part, StagePart) and part.role == "istiod")
        values = istiod.request.values
        request = self._request("istiod", f"istiod-{revision}", self._snapshot.istio_namespace, values)
        with_it = {**request.values, "revision": revision, "revisionTags": [tag.tag]}
        return TagPart(tag, msgspec.structs.replace(request, values=with_it))

    def _upgrades(self, role: PartRole, part: Part | None) -> list[ReleasePart]:
        return [self._upgrade(role, part)] if isinstance(part, HelmRelease) else []

    def _upgrade(self, role: PartRole, running: HelmRelease, changed: Mapping[str, Any] | None = None) -> ReleasePart:
        values = self._values(running)
        values.update(changed or {})
        return ReleasePart(role, running, self._request(running.chart, running.name, running.namespace, values))

    def _new_istiod(self, running: HelmRelease, revision: str) -> ReleasePart:
        values = self._values(running)
        # Tags move by steps of their own, once the new revision serves.
        values.pop("revisionTags", None)
        values["revision"] = revision
        return ReleasePart("istiod", None, self._request("istiod", f"istiod-{revision}", running.namespace, values))

    def _values(self, running: HelmRelease) -> dict[str, Any]:
        wishes = self._wishes.get(running.chart, {})
        # What the hop before left behind is still pinned to the version before that.
        olds = (self._selection.installed, self._leg.proxies)
        values, findings = carry_over(running, olds, self._leg.end, wishes)
        self.findings += findings
        fails_closed = any("Fail" in hook.failure_policies for hook in self._snapshot.webhooks if "validator" in hook.ref.name)
        if fails_closed and has_path(self._facts[running.chart].values, _FAIL_CLOSED):
            values["base"] = {**values.get("base", {}), "validationFailurePolicy": "Fail"}
        return values

    def _request(self, chart: str, release: str, namespace: str, values: Mapping[str, Any]) -> RenderRequest:
        return RenderRequest(chart, release, namespace, dict(values), self._kubernetes)

    @property
    def _kubernetes(self) -> str:
        return self._snapshot.cluster.kubernetes_version

    def _validator_is_on(self, base: HelmRelease, revision: str) -> bool:
        hooks = [hook for hook in self._snapshot.webhooks if hook.owner.release == base.key]
        return any(hook.revision == revision for hook in hooks)


def _requests(part: ReleasePart | WishPart | StagePart) -> tuple[RenderRequest | IstioctlRequest, ...]:
    return part.requests if isinstance(part, StagePart) else (part.request,)


def _refuse_taken(snapshot: MeshSnapshot, revision: str, canary: bool) -> None:
    taken = [plane.deployment for plane in snapshot.control_planes if plane.revision == revision]
    if canary and taken:
        raise BlockedError(
            f"revision {revision} is installed already",
            on=str(taken[0]),
            next_step="`resail resume` continues a run; else remove that revision, or name it by --revision",
        )
    names = {release.name for release in snapshot.helm_releases}
    if canary and f"istiod-{revision}" in names:
        raise BlockedError("a Helm release of that name exists", on=f"istiod-{revision}", next_step="remove it first")


def _tag_of_a_release(tag: RevisionTag) -> Finding:
    return Finding(
        id="tag-owned-by-helm-release",
        severity="blocker",
        message=f"tag {tag.tag} belongs to Helm release {tag.owner.release} (value revisionTags); moving it would leave a gap",
        objects=(FindingObject(tag.webhook.kind, "", tag.webhook.name, "metadata.annotations"),),
        evidence=tag.owner.evidence,
        fix="take it out of revisionTags, make it again with `istioctl tag set`, and plan again; or upgrade in place",
        source="https://istio.io/latest/docs/setup/upgrade/canary/#stable-revision-labels",
    )
