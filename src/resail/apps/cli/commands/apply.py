"""``resail apply``"""

from pathlib import Path

import click

from resail.apps.cli.choices import cluster_of, config_option, dir_option, release_dir_option
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings

__all__ = ["command"]


@click.command("apply", cls=Command)
@click.argument("plan", metavar="PLAN", type=click.Path(path_type=Path))
@dir_option
@release_dir_option
@click.option("--require-rehearsal", is_flag=True, help="Refuse a plan that `resail rehearse` has not run to its end.")
@config_option
@click.pass_obj
def command(
    settings: Settings,
    plan: Path,
    directory: Path | None,
    release_directories: tuple[Path, ...],
    require_rehearsal: bool,
    config: Path | None,
) -> None:
    """Run a plan.

    Asks nothing that the plan has settled. Exits 3, with nothing written, where rights are missing, a hazard is there that was
    not when the plan was made, or changes are frozen.
    Prints the run's record, and exits 5 where the run halted and can be resumed, 6 where it was rolled back.

    Backs the mesh up by itself, before the first step and when it is done; resail.yaml says whom the files are encrypted for.

    Plan and journal are kept in the cluster too, and a lease there keeps others from the mesh: for 45 seconds after its last
    renewal, or as many as RESAIL_LEASE_SECONDS says.
    """
    from resail.apps.cli.running import perform
    from resail.operations.apply import ApplyRequest, apply

    request = ApplyRequest(
        plan=plan,
        cluster=cluster_of(settings),
        directory=directory,
        release_directories=release_directories,
        require_rehearsal=require_rehearsal,
        config=config,
    )
    perform(settings, request, lambda watcher: apply(request, watcher=watcher))
