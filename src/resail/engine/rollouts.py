"""Restart a workload by its own rollout: an annotation of its pod template, which written twice restarts it once."""

from resail.engine.context import Context
from resail.models.identity import Manifest, ObjectRef

__all__ = ["RESTART", "restart_mark", "roll_out"]

RESTART = "resail.dev/restart"


def restart_mark(run: str, step: str, version: str) -> str:
    """The annotation's value: the same for the same restart, however often the run is resumed."""
    return f"{run}/{step}/{version}"


async def roll_out(context: Context, workload: Manifest, mark: str) -> bool:
    """Set off the rollout; False where it was set off already."""
    annotations = (workload["spec"]["template"].get("metadata") or {}).get("annotations") or {}
    if annotations.get(RESTART) == mark:
        return False
    patch = {"spec": {"template": {"metadata": {"annotations": {RESTART: mark}}}}}
    await context.writer.patch(ObjectRef.of(workload), patch)
    return True
