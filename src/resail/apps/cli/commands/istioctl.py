"""``resail istioctl``"""

from pathlib import Path

import click

from resail.apps.cli.choices import release_dir_option
from resail.apps.cli.command import Command
from resail.apps.cli.output import print_result, say
from resail.apps.cli.settings import Settings

__all__ = ["command"]


@click.command("istioctl", cls=Command)
@click.argument("version")
@release_dir_option
@click.pass_obj
def command(settings: Settings, version: str, release_directories: tuple[Path, ...]) -> None:
    """Get the istioctl of exactly this version, check it, and print its path.

    It is taken from PATH, the cache, a directory given, Istio's archives or a mirror of them, or built from the Go module.
    """
    from resail.operations.istioctl import get_istioctl

    found = get_istioctl(version, release_directories, lambda text: say(text, settings))

    if settings.output == "table":
        # Nothing but the path, and not cut at the terminal's width: a shell can use it.
        click.echo(found.path)
    else:
        print_result(found, settings, lambda: found.path)
