"""What the user wishes of a hop."""

from typing import Literal

import msgspec

from resail.errors import UsageError
from resail.models.plan import Strategy

__all__ = ["PlanOptions"]


class PlanOptions(msgspec.Struct, frozen=True):
    """Wishes for one hop of a plan."""

    strategy: Strategy = "canary"
    revision: str = ""
    """The installed revision to upgrade; empty: the only one."""
    new_revision: str = ""
    """Name of the revision that a canary installs; empty: the target's, ``1-27-9``."""
    on_failure: Literal["halt", "rollback"] = "halt"
    approve_restarts: bool = False
    """Ask a person before the first wave."""
    max_parallel: int = 10
    """Workloads that restart at the same time."""
    ready_timeout: int = 600
    """Seconds that the readiness of each step may take."""
    remove_old: bool = False
    """A canary's last step: uninstall the revision that it takes the place of."""
    check_trust: bool = True
    """Make each restart wait on the mesh's root being what it was."""
    soak: int = 0
    """Seconds that the new revision serves before that."""
    kubernetes: tuple[str, ...] = ()
    """Kubernetes minors that the target documents as supported; empty where not known."""

    def refuse_contradictions(self) -> None:
        """See that the wishes go together.

        Raises:
            UsageError: they do not.
        """
        if self.remove_old and self.strategy == "in-place":
            raise UsageError("in place there is no old revision to remove", on="--remove-old", next_step="leave it out")
        if self.soak and not self.remove_old:
            raise UsageError("it is the time before the old revision goes", on="--soak", next_step="give --remove-old, too")
