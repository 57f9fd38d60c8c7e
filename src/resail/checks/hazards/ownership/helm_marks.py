"""Objects that a Helm release adds and that are there without its marks: what Helm says to them, and what resail's plan does.

Helm takes an object for its own by a label and two annotations (``checkOwnership`` in ``pkg/action/validate.go`` of Helm).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from resail.checks.hazards.case import Case, Part
from resail.checks.hazards.hazard import Seen, Sign
from resail.models.field_path import find, first
from resail.models.finding import Severity
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import AdoptObjects, HelmChange, InstallRevision

__all__ = ["adopted_by", "new_release_of", "release_of", "signs_of_strangers"]

_LABEL = "metadata.labels.app.kubernetes.io/managed-by"
_NAME = "metadata.annotations.meta.helm.sh/release-name"
_NAMESPACE = "metadata.annotations.meta.helm.sh/release-namespace"

_ASKS = "answer the plan's question; or give them label and annotations of Helm yourself, and never delete a CRD to get past it"


class _Standing(msgspec.Struct, frozen=True):
    """What will become of an object."""

    severity: Severity
    words: str
    fix: str


def release_of(part: Part) -> str:
    """``namespace/name`` of its Helm release."""
    return f"{first(part.source, 'metadata.namespace', '')}/{first(part.source, 'metadata.name', '')}"


def new_release_of(case: Case, part: Part) -> str:
    """The release that a canary makes of a part, ``namespace/name``; empty where the part's own is written."""
    if case.strategy == "in-place" or part.chart != "istiod":
        return ""
    changes = (step.change for step in case.steps or () if isinstance(step, InstallRevision))
    return next((f"{one.namespace}/{one.release}" for one in changes if isinstance(one, HelmChange)), "")


def adopted_by(case: Case, release: str) -> Iterator[AdoptObjects]:
    """The steps of the plan in which a release takes over what is in its way."""
    return (step for step in case.steps or () if isinstance(step, AdoptObjects) and step.release == release)


def signs_of_strangers(case: Case, release: str, objects: Iterable[Manifest]) -> Iterator[Sign]:
    """Of objects that are there and that a release is to have: those without its marks, one sign for what has to be done.

    Args:
        case: what is looked at.
        release: ``namespace/name``
        objects: of the cluster.
    """
    found: dict[_Standing, list[Manifest]] = defaultdict(list)
    for manifest in objects:
        bears = _release_on(manifest)
        if bears != release or first(manifest, _LABEL) != "Helm":
            found[_standing(case, release, manifest, bears)].append(manifest)
    for standing, strangers in found.items():
        what = str(ObjectRef.of(strangers[0])) + (f" and {len(strangers) - 1} more" if len(strangers) > 1 else "")
        yield Sign(
            tuple(Seen(one, _where(one)) for one in strangers),
            f"Helm does not take {what} into release {release}: {standing.words}",
            severity=standing.severity,
            fix=standing.fix,
        )


def _release_on(manifest: Manifest) -> str:
    name = first(manifest, _NAME, "")
    return f"{first(manifest, _NAMESPACE, '')}/{name}" if name else ""


def _where(manifest: Manifest) -> str:
    """The mark that is there and wrong; else the object as a whole."""
    return next((path for path in (_NAME, _LABEL) for _ in find(manifest, path)), "")


def _standing(case: Case, release: str, manifest: Manifest, bears: str) -> _Standing:
    if bears and bears != release:
        return _Standing("blocker", f"the marks of release {bears} are on it", f"take it out of release {bears} first")
    ref = ObjectRef.of(manifest)
    for one in case.snapshot.foreign_managers:
        if one.object == ref and one.reach != "nothing":
            return _Standing("blocker", f"{one.manager} has it", f"have {one.manager} give it up first")
    if ref.kind == "Secret":
        return _Standing("blocker", "it lacks the release's marks, and no plan takes over a Secret", "rename or remove it first")
    lacks = "the release's marks are not on it"
    if any(ref == one.object for step in adopted_by(case, release) for one in step.objects):
        return _Standing("info", f"{lacks}; the plan gives it them in a step of its own, once a person agrees", _ASKS)
    if case.steps is not None:
        return _Standing("warning", f"{lacks}, and the plan does not give it them; the step refuses before it writes", _ASKS)
    return _Standing("warning", f"{lacks}; a plan asks, and then gives it them", _ASKS)
