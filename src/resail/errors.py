"""Every error that resail shows a person, and the exit code that it ends with.

One tree, one table. An error says what happened, on which object, and what to do next; an adapter raises
one of these from the library's error and keeps that as ``__cause__``.
"""

from enum import IntEnum

__all__ = [
    "ApiConflictError",
    "ApiFailingError",
    "ApiInvalidError",
    "ArtifactError",
    "BlockedError",
    "ClusterApiError",
    "ClusterUnreachableError",
    "DifferencesFoundError",
    "EvictionBlockedError",
    "ExitCode",
    "FieldConflict",
    "ForbiddenError",
    "HaltedError",
    "InstallerError",
    "InterruptedRunError",
    "LeaseLostError",
    "LockedError",
    "NotFoundError",
    "ResailError",
    "RollbackFailedError",
    "RolledBackError",
    "StalePlanError",
    "UsageError",
    "ValuesRefusedError",
    "WatchExpiredError",
]


class ExitCode(IntEnum):
    """The one table of exit codes (documented in ``docs/reference/exit-codes.md``)."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    BLOCKED = 3
    STALE_PLAN = 4
    HALTED = 5
    ROLLED_BACK = 6
    ROLLBACK_FAILED = 7
    UNREACHABLE = 8
    ARTIFACT = 9
    DIFFERENCES = 10
    LOCKED = 11
    INTERRUPTED = 130


class ResailError(Exception):
    """The root. ``what`` happened, ``on`` which object or file, and the ``next_step`` for the reader."""

    exit_code = ExitCode.UNEXPECTED

    def __init__(self, what: str, *, on: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.on = on
        self.next_step = next_step

    def __str__(self) -> str:
        subject = f"{self.on}: " if self.on else ""
        return f"{subject}{self.what}"


class UsageError(ResailError):
    """The user's words, flags, values or configuration cannot be used."""

    exit_code = ExitCode.USAGE


class ValuesRefusedError(UsageError):
    """A chart or istioctl does not take the values that it is given; ``on`` names it."""


class BlockedError(ResailError):
    """Findings or missing rights forbid to go on; nothing was written."""

    exit_code = ExitCode.BLOCKED


class StalePlanError(ResailError):
    """The world is no longer what the plan, or the next step of it, was computed for."""

    exit_code = ExitCode.STALE_PLAN


class HaltedError(ResailError):
    """The run stopped at a gate, for an approval or on demand, and can be resumed."""

    exit_code = ExitCode.HALTED


class LeaseLostError(HaltedError):
    """This process may write no longer; the run halts where it is, and whoever takes the lease can resume it."""


class InterruptedRunError(ResailError):
    """A signal ended the process in the middle of a run, which can be resumed."""

    exit_code = ExitCode.INTERRUPTED


class RolledBackError(ResailError):
    """A gate failed and the plan's setting undid the run."""

    exit_code = ExitCode.ROLLED_BACK


class RollbackFailedError(ResailError):
    """Undoing did not succeed; the journal says how far it came."""

    exit_code = ExitCode.ROLLBACK_FAILED


class ClusterUnreachableError(ResailError):
    """The API does not answer, or does not know who we are (also a broken kubeconfig)."""

    exit_code = ExitCode.UNREACHABLE


class ArtifactError(ResailError):
    """A file or a release is unavailable, damaged or not what its digest says."""

    exit_code = ExitCode.ARTIFACT


class DifferencesFoundError(ResailError):
    """``diff --exit-code`` found differences."""

    exit_code = ExitCode.DIFFERENCES


class LockedError(ResailError):
    """Another run holds the lock."""

    exit_code = ExitCode.LOCKED


class ClusterApiError(ResailError):
    """The API answered, and refused or failed. ``status`` is the HTTP code, 0 where there is none."""

    exit_code = ExitCode.UNREACHABLE

    def __init__(self, what: str, *, on: str = "", next_step: str = "", status: int = 0) -> None:
        super().__init__(what, on=on, next_step=next_step)
        self.status = status


class ApiFailingError(ClusterApiError):
    """It fails at what it is asked (HTTP 5xx, or 429 for long), or its answer cannot be read."""


class NotFoundError(ClusterApiError):
    """The object, or its kind, is not there."""


class ForbiddenError(ClusterApiError):
    """The API knows who we are and does not allow it."""

    exit_code = ExitCode.BLOCKED


class FieldConflict:
    """One field of a server-side apply that another manager owns."""

    __slots__ = ("field", "manager")

    def __init__(self, manager: str, field: str) -> None:
        self.manager = manager
        self.field = field

    def __repr__(self) -> str:
        return f"{self.field} (owned by {self.manager})"


class ApiConflictError(ClusterApiError):
    """409: the object changed, already exists, or other managers own the ``conflicts`` listed."""

    def __init__(
        self,
        what: str,
        *,
        on: str = "",
        next_step: str = "",
        status: int = 409,
        conflicts: tuple[FieldConflict, ...] = (),
    ) -> None:
        super().__init__(what, on=on, next_step=next_step, status=status)
        self.conflicts = conflicts


class ApiInvalidError(ClusterApiError):
    """400 or 422: the API, or an admission webhook, finds the object invalid."""


class EvictionBlockedError(ClusterApiError):
    """429 of the eviction subresource: a PodDisruptionBudget does not allow it now."""


class WatchExpiredError(ClusterApiError):
    """410: the watch's or the page's resourceVersion is too old; list again."""


class InstallerError(ResailError):
    """Helm (or another installer) failed; its own words are in the message.

    ``transient``: the API failed it, and that passes; after a look at the cluster it is tried again.
    """

    def __init__(self, what: str, *, on: str = "", next_step: str = "", transient: bool = False) -> None:
        super().__init__(what, on=on, next_step=next_step)
        self.transient = transient
