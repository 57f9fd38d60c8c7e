"""``resail backup show`` and ``resail backup diff``: what is in files of backups. No cluster is asked."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from resail.backup.comparison import compare, not_compared
from resail.backup.file import read_backup
from resail.models.backup import BackupFacts
from resail.models.plan import ObjectChange
from resail.operations.backup import BackupReport, report_on

__all__ = ["BackupDifference", "diff_backups", "show_backup"]


class BackupDifference(msgspec.Struct, frozen=True):
    """What was changed in a mesh between two backups."""

    old: BackupFacts
    new: BackupFacts
    changes: tuple[ObjectChange, ...]
    """Sorted; with paths of fields and no values, which may be of Secrets."""
    not_compared: tuple[str, ...]
    """Sorted: what one of them lacks, and why."""


def show_backup(path: Path, identities: Sequence[Path] = ()) -> BackupReport:
    """Read it, check it and tell what is in it.

    Raises:
        ArtifactError, UsageError: as ``read_backup``.
    """
    return report_on(path, read_backup(path, identities))


def diff_backups(old: Path, new: Path, identities: Sequence[Path] = ()) -> BackupDifference:
    """Compare two.

    Raises:
        ArtifactError, UsageError: as ``read_backup``.
    """
    before, after = (read_backup(path, identities) for path in (old, new))
    return BackupDifference(before.facts, after.facts, compare(before, after), not_compared(before, after))
