"""What a site's people have settled: the configuration file ``resail.yaml``."""

import msgspec

from resail.models.calendar import Calendar, CriticalWorkload, Freeze, Window
from resail.models.finding import Severity
from resail.models.policy import Policy
from resail.models.waiver import Waiver

__all__ = ["BackupSettings", "Site"]


class BackupSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the backups are that runs take by themselves."""

    recipients: tuple[str, ...] = ()
    """Public keys (``age1…``, ``ssh-ed25519 …``) of those who can decrypt them. Without any, they have no value of a Secret."""


class Site(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All sections; each may be missing."""

    policy: Policy = Policy()
    waivers: tuple[Waiver, ...] = ()
    fail_on: Severity = "blocker"
    """The least severity that blocks."""
    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()
    critical_workloads: tuple[CriticalWorkload, ...] = ()
    backup: BackupSettings = BackupSettings()

    @property
    def calendar(self) -> Calendar:
        """When to upgrade, and what needs care."""
        return Calendar(windows=self.windows, freezes=self.freezes, critical=self.critical_workloads)
