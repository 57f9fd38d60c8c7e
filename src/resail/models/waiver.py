"""Waivers: findings that somebody has looked at and takes, for a while."""

from datetime import date
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec

from resail.models.finding import Finding, FindingObject

__all__ = ["Waived", "Waiver"]

_Text = Annotated[str, msgspec.Meta(min_length=1)]


class Waiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes findings of one id, until the end of a day."""

    id: _Text
    """Of the findings: ``N10``, ``policy/service-type``."""
    object: str = ""
    """``namespace/Kind/name``, ``Kind/name`` of what has no namespace, as every report has it; ``*`` stands for anything within a
    part. Empty: wherever it is found."""
    reason: _Text
    expires: date
    """The last day on which it counts."""

    def __post_init__(self) -> None:
        """Refuse what could never fit, and a reason that is none.

        Raises:
            ValueError: so it is.
        """
        if not self.reason.strip():
            raise ValueError("a waiver needs a reason")
        if self.object and self.object.count("/") not in (1, 2):
            raise ValueError(f"{self.object!r} is neither namespace/Kind/name nor Kind/name")

    def fits(self, finding: Finding) -> bool:
        """Is it about this finding, and about all objects of it?"""
        return finding.id == self.id and (
            not self.object or (bool(finding.objects) and all(map(self._fits_object, finding.objects)))
        )

    def _fits_object(self, place: FindingObject) -> bool:
        wanted = self.object.split("/")
        parts = [place.namespace, place.kind, place.name] if place.namespace else [place.kind, place.name]
        return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


class Waived(msgspec.Struct, frozen=True, order=True):
    """A finding that no longer counts, and why."""

    finding: Finding
    reason: str
    expires: date
