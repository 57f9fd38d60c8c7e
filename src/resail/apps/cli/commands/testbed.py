"""``resail testbed``"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from resail.apps.cli.command import Command, Group
from resail.apps.cli.settings import Settings

if TYPE_CHECKING:
    from resail.operations.testbed import BedStatus

__all__ = ["command"]

_dir_option = click.option(
    "--dir",
    "directory",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the bed is.  [default: below the user's state directory]",
)


@click.group("testbed", cls=Group)
def command() -> None:
    """A real Kubernetes control plane on loopback, with real istiods behind its webhooks, built from pinned Go modules."""


@command.command("build", cls=Command)
@click.pass_obj
def build_command(settings: Settings) -> None:
    """Build the programs that are neither in KUBEBUILDER_ASSETS, on PATH nor in the cache."""
    from resail.apps.cli.output import print_result, say
    from resail.operations.testbed import build

    programs = build(lambda text: say(text, settings))

    def table() -> Any:
        from resail.apps.cli.drawing.testbed import draw_programs

        return draw_programs(programs)

    print_result(programs, settings, table)


@command.command("up", cls=Command)
@_dir_option
@click.pass_obj
def up_command(settings: Settings, directory: Path | None) -> None:
    """Start a new, empty bed, and print its kubeconfig."""
    from resail.apps.cli.output import say
    from resail.operations.testbed import up

    _show(settings, up(directory, lambda text: say(text, settings)))


@command.command("down", cls=Command)
@_dir_option
@click.pass_obj
def down_command(settings: Settings, directory: Path | None) -> None:
    """Stop a bed; its files stay."""
    from resail.operations.testbed import down

    _show(settings, down(directory))


@command.command("status", cls=Command)
@_dir_option
@click.pass_obj
def status_command(settings: Settings, directory: Path | None) -> None:
    """Which of a bed's programs run, and which istiods answer."""
    from resail.operations.testbed import status

    _show(settings, status(directory))


def _show(settings: Settings, status: "BedStatus") -> None:
    from resail.apps.cli.output import print_result

    def table() -> Any:
        from resail.apps.cli.drawing.testbed import draw_bed

        return draw_bed(status)

    print_result(status, settings, table)
