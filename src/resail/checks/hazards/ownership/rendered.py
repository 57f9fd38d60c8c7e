"""What the target renders, and what the cluster has under the same names."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case, Part
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import group_kind

__all__ = ["live", "named", "rendered_parts"]


def rendered_parts(case: Case, *charts: str) -> Iterator[Part]:
    """The parts of some charts (none named: of all) that the target was rendered for.

    Raises:
        Unknown: after the others, for a part whose values the target refuses, or where none was rendered.
    """
    parts = [part for part in case.parts if not charts or part.chart in charts]
    rendered = [part for part in parts if part.rendered is not None]
    yield from rendered
    for part in parts:
        if part.rendered is None and (part.refusal or not rendered):
            _ = part.target


def live(case: Case, manifest: Manifest) -> Manifest | None:
    """The object of the cluster with the name of this one; None where it is not there, or of a kind that is never read.

    Raises:
        Unknown: its kind could not be read.
    """
    kind = group_kind(manifest["apiVersion"], manifest["kind"])
    read = case.all(kind) if kind in case.objects.unread else case.objects.by_kind.get(kind, ())
    return named(read, manifest)


def named(manifests: tuple[Manifest, ...], manifest: Manifest) -> Manifest | None:
    """The one of these that is the same object as another, in whatever version of its kind."""
    key = _key(manifest)
    return next((one for one in manifests if _key(one) == key), None)


def _key(manifest: Manifest) -> tuple[str, str, str]:
    ref = ObjectRef.of(manifest)
    return group_kind(ref.api_version, ref.kind), ref.namespace, ref.name
