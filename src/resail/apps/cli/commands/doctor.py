"""``resail doctor``"""

from pathlib import Path
from typing import Any

import click

from resail.apps.cli.choices import cluster_of, config_option, dir_option, settle, told_on
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings
from resail.errors import BlockedError

__all__ = ["command"]


@click.command("doctor", cls=Command, formats=("table", "json", "yaml", "md"))
@dir_option
@click.option(
    "--bundle",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write what was read to this archive, without secrets, for whoever helps.",
)
@config_option
@click.pass_obj
def command(settings: Settings, directory: Path | None, bundle: Path | None, config: Path | None) -> None:
    """What is wrong with the mesh now: the likely causes, the most probable first, with what shows them, what they lead to
    and how to undo them.

    Changes nothing. Exits 3 where something is wrong.
    """
    from resail.apps.cli.failures import tell_failure
    from resail.apps.cli.output import print_result, say
    from resail.operations.bundle import refuse_unusable, write_bundle
    from resail.operations.doctor import DoctorRequest, consult

    if bundle is not None:
        refuse_unusable(bundle)
    request = DoctorRequest(cluster=cluster_of(settings), istio_namespace=settings.istio_namespace, directory=directory)
    consultation = settle(consult(request, told_on(settings)))
    found = consultation.examination
    if bundle is not None:
        written = settle(write_bundle(consultation, request, bundle, config, told_on(settings)))
        say(f"{written.path}: {written.files} files, {written.digest}\n{written.about}", settings)

    def table() -> Any:
        from resail.apps.cli.drawing.examination import draw_examination

        return draw_examination(found)

    if settings.output == "md":
        from resail.report.examination import render_examination

        click.echo(render_examination(found), nl=False)
    else:
        print_result(found, settings, table)
    if found.verdict == "ill":
        first = found.diagnoses[0]
        error = BlockedError(first.cause, on=str(first.objects[0]), next_step=first.undo[0])
        tell_failure(error)
        raise click.exceptions.Exit(int(error.exit_code))
