"""The webhook of a tag for another revision: rendered by the chart, under the name that it has."""

from collections.abc import Sequence

from resail.errors import ArtifactError
from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import RevisionTag

__all__ = ["as_default_validator", "moved_tag", "moved_validator"]

_OPERATOR = "operator.istio.io"
_TAG = "istio.io/tag"
_CHART = "helm.sh/chart"
_NAMES_NO_REVISION = {"matchExpressions": [{"key": "istio.io/rev", "operator": "DoesNotExist"}]}


def moved_tag(tag: RevisionTag, rendered: Sequence[Manifest]) -> Manifest:
    """The tag's webhook configuration as the target's chart renders it.

    Raises:
        ArtifactError: the chart renders no webhook for the tag.
    """
    for manifest in rendered:
        labels = manifest["metadata"].get("labels") or {}
        if labels.get("istio.io/tag") == tag.tag:
            return _in_place_of(tag.manifest, manifest)
    raise ArtifactError(
        "the target's istiod chart renders no webhook for this tag",
        on=f"tag {tag.tag}",
        next_step="move the tag by `istioctl tag set` after the upgrade",
    )


def moved_validator(tag: RevisionTag, rendered: Sequence[Manifest]) -> tuple[Manifest, ...]:
    """The default validator as it is rendered, as closed as it is now; nothing where it does not move with the tag."""
    if tag.validator is None:
        return ()
    before = tag.validator
    rendered = [as_default_validator(one) for one in rendered if ObjectRef.of(one) == ObjectRef.of(before)]
    policies = {entry["name"]: entry.get("failurePolicy") for entry in before.get("webhooks") or ()}
    for manifest in rendered:
        if ObjectRef.of(manifest) == ObjectRef.of(before):
            entries = [
                {**entry, "failurePolicy": policies.get(entry["name"]) or entry.get("failurePolicy")}
                for entry in manifest["webhooks"]
            ]
            return (_in_place_of(before, {**manifest, "webhooks": entries}),)
    return ()


def as_default_validator(rendered: Manifest) -> Manifest:
    """The default validator as istioctl makes it, of the one that chart ``base`` renders.

    It leaves objects that name a revision to that revision's own (Istio's ``manifests/charts/default``), and has the labels of
    the revision's webhook.
    """
    metadata = rendered["metadata"]
    labels = {**(metadata.get("labels") or {}), _TAG: "default"}
    if _CHART in labels:
        labels[_CHART] = labels[_CHART].replace("base-", "istiod-", 1)
    entries = [{**entry, "objectSelector": _NAMES_NO_REVISION} for entry in rendered.get("webhooks") or ()]
    return {**rendered, "metadata": {**metadata, "labels": labels}, "webhooks": entries}


def _in_place_of(before: Manifest, rendered: Manifest) -> Manifest:
    """Under the name that it has, and with istioctl's marks only where it has them: by them istioctl would remove it."""
    labels = {key: value for key, value in (rendered["metadata"].get("labels") or {}).items() if _OPERATOR not in key}
    marks = {key: value for key, value in (before["metadata"].get("labels") or {}).items() if _OPERATOR in key}
    return {**rendered, "metadata": {**rendered["metadata"], "name": before["metadata"]["name"], "labels": {**labels, **marks}}}
