"""The webhook of a tag for another revision: rendered by the chart, under the name that it has."""

from collections.abc import Sequence

from resail.errors import ArtifactError
from resail.models.identity import Manifest
from resail.models.snapshot import RevisionTag

__all__ = ["moved_tag"]


def moved_tag(tag: RevisionTag, rendered: Sequence[Manifest]) -> Manifest:
    """The tag's webhook configuration as the target's chart renders it.

    Raises:
        ArtifactError: the chart renders no webhook for the tag.
    """
    for manifest in rendered:
        labels = manifest["metadata"].get("labels") or {}
        if labels.get("istio.io/tag") == tag.tag:
            return {**manifest, "metadata": {**manifest["metadata"], "name": tag.webhook.name}}
    raise ArtifactError(
        "the target's istiod chart renders no webhook for this tag",
        on=f"tag {tag.tag}",
        next_step="move the tag by `istioctl tag set` after the upgrade",
    )
