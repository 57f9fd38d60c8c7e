"""What the user wishes of a hop."""

from typing import Literal

import msgspec

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
    kubernetes: tuple[str, ...] = ()
    """Kubernetes minors that the target documents as supported; empty where not known."""
