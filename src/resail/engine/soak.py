"""The time that a new revision serves before the old one goes."""

from datetime import timedelta

from resail.engine.context import Context, Done
from resail.models.journal import StepIntent
from resail.models.plan import AwaitSoak

__all__ = ["do_soak"]

_LOOK = 60.0  # seconds: a machine that slept meanwhile should not wait for as long again


async def do_soak(context: Context, step: AwaitSoak) -> Done:
    """Wait until its time is over. The journal tells when it began, so that whoever resumes waits for the rest only."""
    entries = context.journal.entries(context.run)
    begun = next(entry.time for entry in entries if isinstance(entry.body, StepIntent) and entry.body.step == step.id)
    end = begun + timedelta(seconds=step.seconds)
    context.tell(step.id, f"until {end:%Y-%m-%d %H:%M:%S} UTC")
    while (left := (end - context.clock.now()).total_seconds()) > 0:
        await context.clock.sleep(min(left, _LOOK))
    return Done(f"{step.seconds} s since {begun:%Y-%m-%d %H:%M:%S} UTC")
