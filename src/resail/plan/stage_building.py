"""What a stage of istioctl comes to: its objects as they will be, what it changes, and what puts it back."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from resail.checks.differences import object_changes
from resail.models.finding import Finding, FindingObject
from resail.models.identity import Manifest, ObjectRef
from resail.models.istioctl_marks import as_istioctl_applies, component_told
from resail.models.plan import ObjectChange
from resail.models.rendering import IstioctlRequest
from resail.models.snapshot import MeshSnapshot
from resail.plan.normal_form import as_kept, as_rendered
from resail.plan.proof import differences, told
from resail.plan.stages import StagePart
from resail.plan.tags import as_default_validator

__all__ = ["BuiltStage", "StageBuilding"]

Rendered = Iterator[tuple[Manifest, ...]]

_CRD = "CustomResourceDefinition"
_MUTATING, _VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
_DEFAULT_VALIDATOR = "istiod-default-validator"
_NO_REACH = {"matchLabels": {"istio.io/deactivated": "never-match"}}
_NOT_PRUNED = {"install.operator.istio.io/owning-resource-not-pruned": "true"}
_TAG = "istio.io/tag"


class BuiltStage(msgspec.Struct, frozen=True):
    """One stage with all that its steps show."""

    part: StagePart
    objects: tuple[Manifest, ...]
    """All that it installs, with istioctl's marks."""
    own: tuple[Manifest, ...]
    """Those of the components that it brings on."""
    former: tuple[Manifest, ...]
    """All that putting it back installs; empty for a new revision."""
    before: tuple[Manifest, ...]
    """What runs of its own, in one form with ``own``."""
    changes: tuple[ObjectChange, ...]
    findings: tuple[Finding, ...]

    @property
    def added(self) -> tuple[ObjectRef, ...]:
        """What putting it back must remove; CRDs stay."""
        return tuple(one.object for one in self.changes if one.change == "add" and one.object.kind != _CRD)


class StageBuilding:
    """Builds the stages of a hop, in their order."""

    def __init__(self, snapshot: MeshSnapshot) -> None:
        self._snapshot = snapshot
        self._live = {ObjectRef.of(manifest): manifest for one in snapshot.istioctl_components for manifest in one.objects}
        self._live |= {tag.webhook: tag.manifest for tag in snapshot.tags}
        self._live |= {ObjectRef.of(tag.validator): tag.validator for tag in snapshot.tags if tag.validator}
        self._component_before = {
            ObjectRef.of(manifest): one.component for one in snapshot.istioctl_components for manifest in one.objects
        }
        self._component: dict[ObjectRef, str] = {}
        self._rendered: dict[ObjectRef, Manifest] = {}

    def build(self, part: StagePart, rendered: Rendered) -> BuiltStage:
        """Take the stage's renderings, in the order of its requests."""
        unlike: list[FindingObject] = []
        strange = []
        for component, _ in zip(part.brings, part.increments, strict=True):
            objects = next(rendered)
            unlike += self._take(part, component, objects)
            strange += [one for one in objects if component_told(one) not in ("", *part.components)]
        own_refs = {ref for ref, component in self._component.items() if component in part.brings}
        pointers = next(rendered) if part.default_tag else ()
        marked = self._marked(part.increments[-1], part.revision, self._rendered.values(), self._component, pointers)
        former: tuple[Manifest, ...] = ()
        if part.former:
            again = next(rendered)
            unlike += differences(part.former.entries, again)
            back = next(rendered) if part.former.default_tag else ()
            former = self._marked(part.former.request, part.former.revision, again, self._component_before, back)
        if "Pilot" in part.brings:
            own_refs |= {ObjectRef.of(hook) for hook in marked if _is_pointer(hook)}
        own = tuple(manifest for manifest in marked if ObjectRef.of(manifest) in own_refs)
        before = tuple(as_kept(self._live[ref], hook) for hook in own if (ref := ObjectRef.of(hook)) in self._live)
        return BuiltStage(
            part=part,
            objects=marked,
            own=own,
            former=former,
            before=before,
            changes=object_changes(before, map(as_rendered, own)),
            findings=(*_stages_differ(unlike), *_component_added(strange)),
        )

    def _take(self, part: StagePart, component: str, objects: Sequence[Manifest]) -> list[FindingObject]:
        """One component more; what was there before must be there again, and the same."""
        now = {ObjectRef.of(manifest): manifest for manifest in objects}
        at_target = set(part.components) - set(part.brings)
        for ref in now:
            before = self._component_before.get(ref, "")
            self._component.setdefault(ref, before if before in at_target else component)
        changed = [ref for ref, manifest in self._rendered.items() if now.get(ref) != manifest]
        self._rendered = now
        return [FindingObject(ref.kind, ref.namespace, ref.name) for ref in changed]

    def _marked(
        self,
        request: IstioctlRequest,
        revision: str,
        objects: Iterable[Manifest],
        components: dict[ObjectRef, str],
        pointers: Iterable[Manifest],
    ) -> tuple[Manifest, ...]:
        owner = request.configuration
        marked = [
            as_istioctl_applies(one, components.get(ObjectRef.of(one), "Pilot"), revision, str(request.version), owner)
            for one in objects
        ]
        hooks = [as_default_validator(hook) if hook["kind"] == _VALIDATING else hook for hook in pointers if _is_pointer(hook)]
        if hooks:
            marked = [_without_reach(one) if one["kind"] == _MUTATING else one for one in marked]
            given = [as_istioctl_applies(hook, "Pilot", revision, str(request.version), owner) for hook in hooks]
            marked += [_labelled(hook, _NOT_PRUNED) for hook in given]
        return tuple(sorted(marked, key=ObjectRef.of))


def _is_pointer(hook: Manifest) -> bool:
    """The tag ``default``, or its validator."""
    labels = hook["metadata"].get("labels") or {}
    is_tag = hook["kind"] == _MUTATING and labels.get(_TAG) == "default"
    return is_tag or (hook["kind"] == _VALIDATING and hook["metadata"]["name"] == _DEFAULT_VALIDATOR)


def _without_reach(hook: Manifest) -> Manifest:
    """As setting the tag ``default`` leaves the revision's own webhook."""
    entries = [{**entry, "namespaceSelector": _NO_REACH, "objectSelector": _NO_REACH} for entry in hook.get("webhooks") or ()]
    return {**hook, "webhooks": entries}


def _labelled(hook: Manifest, labels: dict[str, str]) -> Manifest:
    metadata = hook["metadata"]
    return {**hook, "metadata": {**metadata, "labels": {**metadata["labels"], **labels}}}


def _stages_differ(unlike: Sequence[FindingObject]) -> tuple[Finding, ...]:
    if not unlike:
        return ()
    return (
        Finding(
            id="istioctl-stages-differ",
            severity="blocker",
            message="with some components switched off istioctl renders others otherwise, so it cannot bring them on one by one",
            objects=tuple(unlike[:20]),
            evidence=told(unlike),
            fix="upgrade with istioctl itself, or take what makes one component depend on another out of the IstioOperator",
        ),
    )


def _component_added(strange: Sequence[Manifest]) -> tuple[Finding, ...]:
    """The last stage installs the configuration as it is given."""
    refs = sorted({ObjectRef.of(manifest) for manifest in strange})
    if not refs:
        return ()
    components = sorted({component_told(manifest) for manifest in strange})
    return (
        Finding(
            id="istioctl-component-added",
            severity="blocker",
            message=f"the IstioOperator installs {', '.join(components)}, which istioctl has not installed here",
            objects=tuple(FindingObject(ref.kind, ref.namespace, ref.name) for ref in refs[:20]),
            evidence=f"it renders {', '.join(map(str, refs[:3]))}",
            fix="install it with istioctl before the upgrade or after it, or switch it off in the IstioOperator",
        ),
    )
