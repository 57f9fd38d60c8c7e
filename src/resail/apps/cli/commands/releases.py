"""``resail releases``"""

from pathlib import Path
from typing import Any

import click

from resail.apps.cli.choices import release_dir_option
from resail.apps.cli.command import Group
from resail.apps.cli.output import print_result, say
from resail.apps.cli.settings import Settings

__all__ = ["command"]


@click.group("releases", cls=Group)
def command() -> None:
    """Releases of Istio: which are known, and where their files are."""


@command.command("list")
@click.pass_obj
def _list(settings: Settings) -> None:
    """The release lines that are known, with their support windows and patch versions."""
    from resail.operations.releases import list_releases

    lines = list_releases()

    def table() -> Any:
        from resail.apps.cli.drawing.releases import draw_lines

        return draw_lines(lines)

    print_result(lines, settings, table)


@command.command("show")
@click.argument("version")
@release_dir_option
@click.pass_obj
def _show(settings: Settings, version: str, release_directories: tuple[Path, ...]) -> None:
    """Get a release, check it, and tell where its files are and what is known of it."""
    from resail.operations.releases import show_release

    facts = show_release(version, release_directories, lambda text: say(text, settings))

    def table() -> Any:
        from resail.apps.cli.drawing.releases import draw_release

        return draw_release(facts)

    print_result(facts, settings, table)
