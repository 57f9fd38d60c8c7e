"""Steps of istioctl: do, reconcile after a crash, undo."""

from resail.engine.context import Context, Done
from resail.models.plan import InstallerStep, IstioctlChange

__all__ = ["do_istioctl", "undo_istioctl"]


async def do_istioctl(context: Context, step: InstallerStep, change: IstioctlChange) -> Done:
    """To be written."""
    raise NotImplementedError


async def undo_istioctl(context: Context, step: InstallerStep, change: IstioctlChange) -> Done:
    """To be written."""
    raise NotImplementedError
