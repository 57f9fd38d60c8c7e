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


@command.command("add")
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.pass_obj
def _add(settings: Settings, path: Path) -> None:
    """Keep the releases of a bundle, of a release archive of Istio (.tar.gz), or of a directory with an unpacked one.

    All is checked first, an archive also against the .sha256 file beside it where there is one. `plan` and `apply` then
    need no network for these versions.
    """
    from resail.operations.releases import add_releases

    releases = add_releases(path, lambda text: say(text, settings))

    def table() -> Any:
        from resail.apps.cli.drawing.releases import draw_releases

        return draw_releases(releases)

    print_result(releases, settings, table)


@command.command("bundle")
@click.argument("versions", metavar="VERSION...", nargs=-1, required=True)
@click.option(
    "--out", metavar="FILE", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Write the bundle to this file."
)
@release_dir_option
@click.pass_obj
def _bundle(settings: Settings, versions: tuple[str, ...], out: Path, release_directories: tuple[Path, ...]) -> None:
    """Write releases to one file with checksums, for a machine without a network; `resail releases add` reads it there."""
    from resail.operations.releases import bundle_releases

    facts = bundle_releases(versions, out, release_directories, lambda text: say(text, settings))

    def table() -> Any:
        from resail.apps.cli.drawing.releases import draw_bundle

        return draw_bundle(facts)

    print_result(facts, settings, table)
    say(f"next, where it is needed: `resail releases add {out.name}`", settings)
