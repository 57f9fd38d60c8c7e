"""``resail backup``"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from resail.apps.cli.choices import cluster_of, identity_option, settle
from resail.apps.cli.command import Group, settings_of
from resail.apps.cli.output import print_result, say
from resail.apps.cli.settings import OutputFormat, Settings
from resail.errors import ExitCode

if TYPE_CHECKING:
    from resail.operations.backup import BackupReport

__all__ = ["command"]

_FORMATS: tuple[OutputFormat, ...] = ("table", "json", "yaml", "md")


@click.group("backup", cls=Group, invoke_without_command=True)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it to this file.  [default: a name with the cluster and the time, in the present directory]",
)
@click.option(
    "--recipient",
    "recipients",
    metavar="KEY",
    multiple=True,
    help="Encrypt it for this public key, of age or of SSH, and put Secrets in; may be given several times.",
)
@click.option(
    "--recipients-file",
    "recipients_files",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Encrypt it for the public keys in this file, one a line; may be given several times.",
)
@click.pass_context
def command(context: click.Context, out: Path | None, recipients: tuple[str, ...], recipients_files: tuple[Path, ...]) -> None:
    """Back up all that a mesh is made of to one file, and show and compare such files. Changes nothing.

    Secrets are in it only where it is encrypted, by age: without the CA's key and Helm's records, which are Secrets, a backup
    is not sufficient to restore, and says so. It is a tar archive with plain YAML, which can be read without resail.
    """
    if context.invoked_subcommand is not None:
        if out or recipients or recipients_files:
            raise click.UsageError(f"--out and --recipient are not for `{context.invoked_subcommand}`, which writes no backup")
        return
    settings = context.obj = settings_of(context, _FORMATS)
    from resail.backup.encryption import read_recipients
    from resail.operations.backup import BackupRequest, take_backup

    request = BackupRequest(
        cluster=cluster_of(settings),
        istio_namespace=settings.istio_namespace,
        out=out,
        recipients=(*recipients, *(each for file in recipients_files for each in read_recipients(file))),
    )
    report = settle(take_backup(request, lambda text: say(text, settings)))
    _print(report, settings)
    if report.facts.lacks and not request.recipients:
        say("next: give --recipient, and it is encrypted and has the Secrets, too", settings)


@command.command("show", formats=_FORMATS)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@identity_option
@click.pass_obj
def _show(settings: Settings, file: Path, identities: tuple[Path, ...]) -> None:
    """Check a backup, and tell what is in it and what it lacks."""
    from resail.operations.backup_files import show_backup

    _print(show_backup(file, identities), settings)


@command.command("diff", formats=_FORMATS)
@click.argument("old", metavar="A", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("new", metavar="B", type=click.Path(path_type=Path, dir_okay=False))
@identity_option
@click.option("--exit-code", is_flag=True, help="Exit 10 where there are differences.")
@click.pass_obj
def _diff(settings: Settings, old: Path, new: Path, identities: tuple[Path, ...], exit_code: bool) -> None:
    """What is other in backup B than in backup A: objects and their fields, and labels and annotations that concern the mesh.

    Values are never shown, since they may be secret, and who owns a field is not compared.
    """
    from resail.operations.backup_files import diff_backups

    found = diff_backups(old, new, identities)

    def table() -> Any:
        from resail.apps.cli.drawing.backups import draw_difference

        return draw_difference(found)

    if settings.output == "md":
        from resail.report.backups import render_difference

        click.echo(render_difference(found.old, found.new, found.changes, found.not_compared), nl=False)
    else:
        print_result(found, settings, table)
    if exit_code and found.changes:
        raise click.exceptions.Exit(int(ExitCode.DIFFERENCES))


def _print(report: "BackupReport", settings: Settings) -> None:
    def table() -> Any:
        from resail.apps.cli.drawing.backups import draw_backup

        return draw_backup(report)

    if settings.output == "md":
        from resail.report.backups import render_backup

        click.echo(render_backup(report.path, report.digest, report.facts, report.objects, report.marked), nl=False)
    else:
        print_result(report, settings, table)
