"""``resail resume``"""

from pathlib import Path

import click

from resail.apps.cli.choices import cluster_of, config_option, dir_option, release_dir_option, run_option
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings

__all__ = ["command"]


@click.command("resume", cls=Command)
@dir_option
@run_option
@release_dir_option
@click.option("--approve", metavar="STEP", multiple=True, help="Say yes to a step that waits for an approval.")
@config_option
@click.pass_obj
def command(
    settings: Settings,
    directory: Path | None,
    run: str | None,
    release_directories: tuple[Path, ...],
    approve: tuple[str, ...],
    config: Path | None,
) -> None:
    """Take up a run that was halted, paused or killed, in the direction in which it stopped.

    Steps that are done are not done again; one that was cut off is judged by what the cluster shows. Prints the run's
    record.
    """
    from resail.apps.cli.running import perform
    from resail.operations.apply import ResumeRequest, resume

    request = ResumeRequest(
        cluster=cluster_of(settings),
        istio_namespace=settings.istio_namespace,
        directory=directory,
        run=run,
        release_directories=release_directories,
        approve=approve,
        config=config,
    )
    perform(settings, request, lambda watcher: resume(request, watcher=watcher))
