"""What istiod is told by its environment."""

from collections.abc import Iterable

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Seen
from resail.models.field_path import find, first
from resail.models.identity import Manifest

__all__ = ["is_on", "others_sign", "told_among", "told_now"]

_ENV = "spec.template.spec.containers[name=discovery].env"
_REVISION = "metadata.labels.istio.io/rev"


def told_now(case: Case, variable: str) -> Seen | None:
    """Where the istiod that is upgraded has a variable; any istiod, where an earlier hop is to make that one.

    Raises:
        Unknown: Deployments could not be read.
    """
    planes = [one for one in case.all("Deployment.apps") if first(one, "metadata.labels.app") == "istiod"]
    own = [one for one in planes if first(one, _REVISION, "default") == case.revision]
    return told_among(own or planes, variable)


def told_among(objects: Iterable[Manifest], variable: str) -> Seen | None:
    """Where one of the Deployments among these has a variable."""
    for manifest in objects:
        if manifest.get("kind") == "Deployment":
            for field in find(manifest, f"{_ENV}[name={variable}].value"):
                return Seen(manifest, field.path)
    return None


def is_on(seen: Seen | None) -> bool:
    """Is it there, and true?"""
    return seen is not None and str(first(seen.object, seen.path)).lower() in ("true", "1", "t")


def others_sign(case: Case) -> bool:
    """Is istiod told that another authority signs, so that its own Secrets do not count?

    Raises:
        Unknown: Deployments could not be read.
    """
    seen = told_now(case, "EXTERNAL_CA")
    return seen is not None and bool(first(seen.object, seen.path))
