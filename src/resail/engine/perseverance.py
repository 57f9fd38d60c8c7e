"""Do a step again where its installer failed for a reason that passes."""

from collections.abc import Awaitable, Callable

from resail.engine.context import Context, Done
from resail.errors import InstallerError

__all__ = ["persevere"]

_ATTEMPTS = 6
_FIRST_PAUSE = 1.0  # seconds; doubled each time


async def persevere(context: Context, step: str, work: Callable[[], Awaitable[Done]]) -> Done:
    """Do a step's work, from its beginning where it must be done again, as a resumed run would.

    So it looks at the cluster first, clears what the failed action left, and each of its writes has a number of its own.

    Raises:
        InstallerError: it failed for good, or again and again.
    """
    pause = _FIRST_PAUSE
    for attempt in range(1, _ATTEMPTS):
        try:
            return await work()
        except InstallerError as error:
            if not error.transient:
                raise
            context.tell(step, f"{error}; tried again in {pause:.0f} s", attempt, _ATTEMPTS)
        await context.clock.sleep(pause)
        pause *= 2
    return await work()
