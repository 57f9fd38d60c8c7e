"""Steps of the Sail Operator: do, reconcile after a crash, undo."""

from resail.engine.context import Context, Done
from resail.models.plan import InstallerStep, SailChange

__all__ = ["do_sail", "undo_sail"]


async def do_sail(context: Context, step: InstallerStep, change: SailChange) -> Done:
    """To be written."""
    raise NotImplementedError


async def undo_sail(context: Context, step: InstallerStep, change: SailChange) -> Done:
    """To be written."""
    raise NotImplementedError
