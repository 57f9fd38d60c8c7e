"""``resail twin``"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from resail.apps.cli.choices import file_options, mesh_of, settle
from resail.apps.cli.command import Command, Group
from resail.apps.cli.settings import Settings

if TYPE_CHECKING:
    from resail.operations.twin import TwinFacts

__all__ = ["command"]


@click.group("twin", cls=Group)
def command() -> None:
    """Copies of a mesh in files, to try things on: an embedded cluster with a clock of its own."""


@command.command("save", cls=Command)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--seed", metavar="N", type=int, default=0, show_default=True, help="For the names that the twin makes up.")
@file_options
@click.pass_obj
def save_command(
    settings: Settings, file: Path, seed: int, snapshot: Path | None, backup: Path | None, identities: tuple[Path, ...]
) -> None:
    """Make a twin of the mesh, in a new file."""
    from resail.operations.twin import save_twin

    _show(settings, settle(save_twin(mesh_of(settings, snapshot, backup, identities), file, seed)))


@command.command("load", cls=Command)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--dir",
    "directory",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A new state directory. Required.",
)
@click.pass_obj
def load_command(settings: Settings, file: Path, directory: Path) -> None:
    """Copy a twin into a new state directory: `apply`, `resume` and `rollback` with that --dir work on it."""
    from resail.apps.cli.output import say
    from resail.operations.twin import load_twin, show_twin

    place = load_twin(file, directory)
    say(f"now `resail apply PLAN --dir {directory}` runs on it", settings)
    _show(settings, settle(show_twin(place, settings.istio_namespace)))


@command.command("show", cls=Command)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def show_command(settings: Settings, file: Path) -> None:
    """What is on a twin, as `inspect` tells it of a cluster."""
    from resail.operations.twin import show_twin

    _show(settings, settle(show_twin(file, settings.istio_namespace)))


def _show(settings: Settings, facts: "TwinFacts") -> None:
    from resail.apps.cli.output import print_result

    def table() -> Any:
        from resail.apps.cli.drawing.mesh import draw_mesh

        return draw_mesh(facts.mesh)

    print_result(facts, settings, table)
