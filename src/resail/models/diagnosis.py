"""What is wrong with a mesh now, and why."""

from typing import Literal

import msgspec

from resail.models.finding import FindingObject
from resail.models.precheck import NotEvaluated

__all__ = ["Certainty", "Diagnosis", "Examination"]

Certainty = Literal["certain", "likely", "possible"]


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """One cause, with what shows it."""

    id: str
    """Stable, kebab-case: ``istiod-crash-loops``. Of the catalogue's hazards their own: ``W4``."""
    certainty: Certainty
    """``certain``: the cluster says so itself; ``likely``: nothing else is known to look like this; ``possible``: a sign."""
    cause: str
    """One sentence about this mesh."""
    objects: tuple[FindingObject, ...]
    """Where it was seen, the main one first; at least one."""
    evidence: tuple[str, ...]
    """What stands there: fields, events, the end of a log; no value of a Secret."""
    effects: tuple[str, ...] = ()
    """What it leads to in this mesh: other signs that it explains."""
    undo: tuple[str, ...]
    """What to do, in order."""
    hazard: str = ""
    """Of the catalogue, where this is one that has struck; `resail explain` tells more."""
    source: str = ""
    """Release note, issue or document behind the rule."""


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    verdict: Literal["healthy", "ill"]
    diagnoses: tuple[Diagnosis, ...]
    """The most probable cause first; what another one explains is among that one's effects."""
    not_examined: tuple[NotEvaluated, ...]
    """What could not be read, and so may be wrong unseen."""
