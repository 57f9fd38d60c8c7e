"""Parts that the Sail Operator owns: which of its resources wishes them, and the wish that brings them on.

The operator renders the charts of Istio itself, so what it will apply is foretold by rendering them with the values that it had
Helm store. Its rules: https://github.com/istio-ecosystem/sail-operator/blob/main/docs/update-strategy/update-strategy.adoc
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from resail.errors import BlockedError, UsageError
from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.merge_patch import merge_patch
from resail.models.plan import PatchBack, ResourceIs, SailChange, Strategy
from resail.models.rendering import RenderRequest
from resail.models.snapshot import ControlPlane, HelmRelease, MeshSnapshot, RevisionTag, SailResource
from resail.plan.values import carry_over, merged

__all__ = [
    "SailPart",
    "SailTag",
    "SailWish",
    "new_revision",
    "refuse_strategy",
    "sail_part",
    "sail_plane",
    "sail_tag",
    "sail_wish",
]

_KINDS = {"cni": "IstioCNI", "ztunnel": "ZTunnel"}


class SailPart(msgspec.Struct, frozen=True):
    """A part as the operator has it."""

    resource: SailResource
    release: HelmRelease
    """What the operator had Helm install for it."""

    @property
    def objects(self) -> tuple[Manifest, ...]:
        return self.release.objects


class SailWish(msgspec.Struct, frozen=True):
    """What is to be wished of a resource, and what will come of it."""

    part: SailPart
    patch: dict[str, Any]
    """JSON merge patch of the resource."""
    back: dict[str, Any]
    request: RenderRequest

    def change(self, revision: str, manifests: str, **more: Any) -> SailChange:
        """The change that makes the wish; ``more``: its objects, and what it replaces."""
        return SailChange(
            resource=self.part.resource.ref,
            revision=revision,
            from_version=self.part.resource.spec["version"],
            to_version=self.patch["spec"]["version"],
            patch=self.patch,
            release=f"{self.request.namespace}/{self.request.release}",
            chart=self.request.chart,
            manifests=manifests,
            **more,
        )

    def applied(self, rendered: Iterable[Manifest], revision: str) -> tuple[Manifest, ...]:
        """What the operator makes of the chart's objects: no CRDs, which its own chart has, and its owner's mark.

        Args:
            rendered: what the request renders.
            revision: the new revision; empty in place.
        """
        (owner, *_) = (one for manifest in self.part.objects for one in manifest["metadata"].get("ownerReferences") or ())
        # A revision that is yet to be made has no uid.
        mark = {key: value for key, value in {**owner, "name": revision}.items() if key != "uid"} if revision else owner
        return tuple(_marked(manifest, mark) for manifest in rendered if manifest["kind"] != "CustomResourceDefinition")

    @property
    def precondition(self) -> ResourceIs:
        """What it must wish before."""
        return ResourceIs(self.part.resource.ref, {"version": self.part.resource.spec["version"]})

    @property
    def undo(self) -> PatchBack:
        return PatchBack(self.part.resource.ref, self.back)


class SailTag(msgspec.Struct, frozen=True):
    """A tag that the operator keeps."""

    tag: RevisionTag
    resource: SailResource


def sail_plane(snapshot: MeshSnapshot, plane: ControlPlane) -> SailPart:
    """The Istio that an istiod belongs to.

    Raises:
        BlockedError: there is none, or the operator has not yet done what it wishes.
    """
    istios = [one for one in _of_kind(snapshot, "Istio") if one.active_revision == plane.revision]
    release = _release(snapshot, plane.deployment)
    if not istios or release is None:
        raise BlockedError(
            f"the Sail Operator owns it ({plane.owner.evidence}), but no Istio has it as its active revision",
            on=str(plane.deployment),
            next_step="upgrade the active revision of an Istio; `kubectl get istios` shows it",
        )
    return _ready(SailPart(istios[0], release))


def sail_part(snapshot: MeshSnapshot, role: str) -> SailPart | None:
    """CNI or ztunnel, where the operator has it.

    Raises:
        BlockedError: the operator has not yet done what its resource wishes.
    """
    releases = [one for one in snapshot.helm_releases if one.chart == role and one.is_sails]
    resources = _of_kind(snapshot, _KINDS.get(role, ""))
    return _ready(SailPart(resources[0], releases[0])) if resources and releases else None


def refuse_strategy(part: SailPart, strategy: Strategy) -> None:
    """The operator's way must be the one that is wished.

    Raises:
        BlockedError: it is the other.
    """
    own = (part.resource.spec.get("updateStrategy") or {}).get("type", "InPlace")
    if (own == "RevisionBased") != (strategy == "canary"):
        fitting = "canary" if own == "RevisionBased" else "in-place"
        raise BlockedError(
            f"its updateStrategy is {own}, and the plan is to be {strategy}",
            on=str(part.resource.ref),
            next_step=f"plan with --strategy {fitting}, or change spec.updateStrategy first",
        )


def new_revision(part: SailPart, target: IstioVersion, wished: str) -> str:
    """The revision that the operator will make.

    Raises:
        UsageError: another name is wished: the operator chooses it.
    """
    name = f"{part.resource.ref.name}-v{str(target).replace('.', '-')}"
    if wished not in ("", name):
        raise UsageError(f"the Sail Operator will call it {name}", on="--revision", next_step="leave it out")
    return name


def sail_wish(
    part: SailPart,
    target: IstioVersion,
    olds: tuple[IstioVersion, ...],
    wishes: Mapping[str, Any],
    revision: str,
    kubernetes: str,
) -> tuple[SailWish, list[Finding]]:
    """The wish that brings a part on, and what should be known of it.

    Args:
        part: the part.
        target: the version to wish.
        olds: versions that pins are moved on from.
        wishes: the user's values, laid over those of the resource.
        revision: the new revision; empty in place.
        kubernetes: the cluster's version.

    Raises:
        BlockedError: this operator cannot install the target.
    """
    resource, release = part.resource, part.release
    if resource.known_versions and f"v{target}" not in resource.known_versions:
        raise BlockedError(
            f"this Sail Operator does not know v{target}",
            on=str(resource.ref),
            next_step="upgrade the operator first; the newest it knows are " + ", ".join(resource.known_versions[:3]),
        )
    before = resource.spec.get("values") or {}
    values, findings = carry_over(msgspec.structs.replace(release, values=before), olds, target, wishes)
    there, back = merge_patch(before, values), merge_patch(values, before)
    rendered = {**merged(release.values, there), **({"revision": revision} if revision else {})}
    name = f"{revision}-istiod" if revision else release.name
    return SailWish(
        part=part,
        patch={"spec": {"version": f"v{target}", **({"values": there} if there else {})}},
        back={"spec": {"version": resource.spec["version"], **({"values": back} if back else {})}},
        request=RenderRequest(release.chart, name, release.namespace, rendered, kubernetes),
    ), findings


def sail_tag(snapshot: MeshSnapshot, tag: RevisionTag) -> tuple[SailTag | None, list[Finding]]:
    """The tag's own resource, where it names a revision. One that names an Istio follows that by itself."""
    resource = next((one for one in _of_kind(snapshot, "IstioRevisionTag") if one.ref.name == tag.tag), None)
    if resource is None:
        return None, []
    if resource.spec["targetRef"]["kind"] == "IstioRevision":
        return SailTag(tag, resource), []
    found = Finding(
        id="sail-tag-follows",
        severity="warning",
        message=f"tag {tag.tag} follows its Istio: it moves as soon as the new revision is active, before any step asks for it",
        objects=(FindingObject(resource.ref.kind, "", resource.ref.name, "spec.targetRef.kind"),),
        evidence=f"spec.targetRef names {resource.spec['targetRef']['kind']} {resource.spec['targetRef']['name']}",
        fix=f"let it name IstioRevision {tag.revision} for a tag that moves by a step of its own",
        source="https://github.com/istio-ecosystem/sail-operator/blob/main/docs/update-strategy/update-strategy.adoc",
    )
    return None, [found]


def _of_kind(snapshot: MeshSnapshot, kind: str) -> list[SailResource]:
    return [one for one in snapshot.sail_resources if one.ref.kind == kind]


def _release(snapshot: MeshSnapshot, workload: ObjectRef) -> HelmRelease | None:
    releases = [one for one in snapshot.helm_releases if one.is_sails]
    return next((one for one in releases if workload in map(ObjectRef.of, one.objects)), None)


def _ready(part: SailPart) -> SailPart:
    if part.resource.problem:
        raise BlockedError(
            f"the Sail Operator has not done what it wishes now: {part.resource.problem}",
            on=str(part.resource.ref),
            next_step="see its status, and plan once it is ready",
        )
    return part


def _marked(manifest: Manifest, owner: dict[str, Any]) -> Manifest:
    metadata = manifest["metadata"]
    labels = {**(metadata.get("labels") or {}), "managed-by": "sail-operator"}
    return {**manifest, "metadata": {**metadata, "labels": labels, "ownerReferences": [owner]}}
