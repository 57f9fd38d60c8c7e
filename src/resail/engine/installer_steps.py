"""Steps that an installer does: each by the installer that owns what it changes."""

from collections.abc import Awaitable

from resail.engine.context import Context, Done
from resail.engine.helm_steps import do_helm, undo_helm
from resail.engine.istioctl_steps import do_istioctl, undo_istioctl
from resail.engine.sail_steps import do_sail, undo_sail
from resail.models.plan import HelmChange, InstallerStep, IstioctlChange, SailChange

__all__ = ["do_change", "undo_change"]


def do_change(context: Context, step: InstallerStep) -> Awaitable[Done]:
    """Make the step's change, unless it is made already."""
    match step.change:
        case HelmChange() as change:
            return do_helm(context, step, change)
        case IstioctlChange() as change:
            return do_istioctl(context, step, change)
        case SailChange() as change:
            return do_sail(context, step, change)


def undo_change(context: Context, step: InstallerStep) -> Awaitable[Done]:
    """Take the step's change back, unless that is done already."""
    match step.change:
        case HelmChange() as change:
            return undo_helm(context, step, change)
        case IstioctlChange() as change:
            return undo_istioctl(context, step, change)
        case SailChange() as change:
            return undo_sail(context, step, change)
