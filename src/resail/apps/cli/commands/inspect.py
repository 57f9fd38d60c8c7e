"""``resail inspect``"""

from pathlib import Path
from typing import Any

import click

from resail.apps.cli.choices import file_options, mesh_of, settle
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings

__all__ = ["command"]


@click.command("inspect", cls=Command)
@file_options
@click.pass_obj
def command(settings: Settings, snapshot: Path | None, backup: Path | None, identities: tuple[Path, ...]) -> None:
    """What runs: control planes with their revisions and tags, gateways, CNI, ztunnel, every proxy, and who owns them.

    `resail inspect -o json > FILE` saves a snapshot, which `inspect` and `plan` read with --snapshot. With
    --from-backup they need no cluster either.
    """
    from resail.apps.cli.output import print_result
    from resail.operations.inspect import inspect

    mesh = settle(inspect(mesh_of(settings, snapshot, backup, identities)))

    def table() -> Any:
        from resail.apps.cli.drawing.mesh import draw_mesh

        return draw_mesh(mesh)

    print_result(mesh, settings, table)
