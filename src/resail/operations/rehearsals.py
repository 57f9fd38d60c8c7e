"""Where the results of rehearsals are kept: by the plan's id, below the user's state directory."""

import contextlib
from pathlib import Path

from platformdirs import user_state_path

from resail.errors import ArtifactError, BlockedError
from resail.models.encoding import decode_json, pretty_json
from resail.models.rehearsal import Rehearsal

__all__ = ["keep_rehearsal", "require_rehearsal"]


def keep_rehearsal(rehearsal: Rehearsal) -> Path:
    """Keep the result, in place of an earlier one of the same plan; it appears whole or not at all."""
    path = _place(rehearsal.plan_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(pretty_json(rehearsal))
    partial.replace(path)
    return path


def require_rehearsal(plan_id: str, on: str) -> None:
    """Go on only where exactly this plan was rehearsed, and came to its end without faults.

    Raises:
        BlockedError: it was not, or did not.
    """
    found: Rehearsal | None = None
    path = _place(plan_id)
    with contextlib.suppress(OSError, ArtifactError):
        found = decode_json(path.read_bytes(), Rehearsal, on=str(path))
    if found is None or found.plan_id != plan_id:
        raise BlockedError("this plan was not rehearsed here", on=on, next_step=f"`resail rehearse {on}` first")
    if not found.passed:
        raise BlockedError(
            f"its rehearsal ended {found.state}: {found.detail}", on=on, next_step="mend what stopped it, and rehearse again"
        )


def _place(plan_id: str) -> Path:
    return user_state_path("resail") / "rehearsals" / f"{plan_id.removeprefix('sha256:')}.json"
