"""``resail rbac``: the roles that running a plan takes."""

from collections.abc import Sequence
from pathlib import Path

from resail.models.identity import Manifest
from resail.plan.file import read_plan
from resail.plan.rights import rights_to_run
from resail.plan.roles import Subject, roles_for

__all__ = ["rbac"]


def rbac(plan: Path, subjects: Sequence[Subject] = ()) -> tuple[Manifest, ...]:
    """The least Roles and ClusterRoles for a plan, bound to the subjects if there are any. The same plan gives the same roles.

    Raises:
        ArtifactError: the plan cannot be read.
    """
    files = read_plan(plan)
    short = files.id.removeprefix("sha256:")[:12]
    return roles_for(rights_to_run(files), subjects, name=f"resail-{short}", labels={"resail.dev/plan": short})
