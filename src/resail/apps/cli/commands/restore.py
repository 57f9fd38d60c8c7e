"""``resail restore``"""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from resail.apps.cli.choices import cluster_of, identity_option, settle
from resail.apps.cli.command import Command
from resail.apps.cli.output import draw, on_terminal, print_result, say
from resail.apps.cli.settings import Settings
from resail.errors import HaltedError, InterruptedRunError, UsageError

if TYPE_CHECKING:
    from resail.backup.restoration import Restoration
    from resail.models.backup import BackupFacts

__all__ = ["command"]

_TOLD = 250
"""Objects between two words about how many are written."""


@click.command("restore", cls=Command)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@identity_option
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@click.option("--overwrite", is_flag=True, help="Make objects that were changed since the backup as they are in it.")
@click.option(
    "--only",
    metavar="PATTERN",
    multiple=True,
    help="Restore only KIND/NAMESPACE/NAME, or KIND/NAME; `*` stands for anything. May be given several times.",
)
@click.option("--allow-missing-secrets", is_flag=True, help="Go on though Secrets are neither in the backup nor in the cluster.")
@click.option("--other-cluster", is_flag=True, help="The backup may be of another cluster than this one.")
@click.pass_obj
def command(
    settings: Settings,
    file: Path,
    identities: tuple[Path, ...],
    dry_run: bool,
    yes: bool,
    overwrite: bool,
    only: tuple[str, ...],
    allow_missing_secrets: bool,
    other_cluster: bool,
) -> None:
    """Write a backup back: what is missing is created, in the order in which one needs the other.

    Shows first what is to be written, and asks. What was changed since the backup is left as it is, unless --overwrite says
    otherwise, and what is not in the backup is never touched; nothing is deleted. A restore that was cut short is run again, and
    does the rest. Exits 3, with nothing written, where it would do harm, and 5 where some objects could not be written.
    """
    from resail.apps.cli.failures import tell_failure
    from resail.operations.restore import RestoreRequest, restore

    if not (yes or dry_run or on_terminal(settings)):
        raise UsageError("nobody can be asked here", on="resail restore", next_step="look at --dry-run, and then give --yes")
    request = RestoreRequest(
        file=file,
        identities=identities,
        cluster=cluster_of(settings),
        only=only,
        overwrite=overwrite,
        dry_run=dry_run,
        allow_missing_secrets=allow_missing_secrets,
        other_cluster=other_cluster,
    )
    try:
        report = settle(restore(request, _Watcher(settings, yes=yes)))
    except KeyboardInterrupt as error:
        raise InterruptedRunError("interrupted", on=str(file), next_step="restore again: it does the rest") from error
    if report.state in ("restored", "incomplete") or settings.output != "table":
        print_result(report, settings, lambda: _table(report))
    halted: HaltedError | None = None
    if report.state == "refused":
        halted = HaltedError("nothing was written", on=str(file))
    elif report.state == "incomplete":
        halted = HaltedError(
            f"{len(report.failed)} objects could not be written",
            on=str(file),
            next_step="mend what is told of them, and restore again: it does the rest",
        )
    if halted is not None:
        tell_failure(halted)
        raise click.exceptions.Exit(int(halted.exit_code))


def _table(report: Any) -> Any:
    from resail.apps.cli.drawing.restoration import draw_restored

    return draw_restored(report)


class _Watcher:
    """Shows what is to come on standard output, for people, and how far it is on standard error."""

    def __init__(self, settings: Settings, *, yes: bool) -> None:
        self._settings = settings
        self._yes = yes
        self._last = ""

    def compared(self, facts: "BackupFacts", restoration: "Restoration", *, overwrite: bool) -> None:
        if self._settings.output == "table":
            from resail.apps.cli.drawing.restoration import draw_restoration

            draw(draw_restoration(facts, restoration, overwrite=overwrite))

    def agrees(self) -> bool:
        if self._yes:
            return True
        # The handler of the running loop would only note that it is to end, and the question would go on waiting.
        handler = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return click.confirm("Write this?", err=True)
        finally:
            signal.signal(signal.SIGINT, handler)

    def wrote(self, stage: str, done: int, of: int) -> None:
        if done == of or done % _TOLD == 0:
            self.progress(f"{stage}: {done} of {of}")

    def progress(self, text: str) -> None:
        if text != self._last:
            say(text, self._settings)
        self._last = text
