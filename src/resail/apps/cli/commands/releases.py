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


@command.command("learn")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.pass_obj
def _learn(settings: Settings, directory: Path) -> None:
    """Derive what is known of a release from its files, and keep it: of one that is newer than resail, or of another build.

    DIR is an unpacked release archive of Istio, its source tree, or a directory that `resail releases show` names. Environment
    flags, fields of the IstioOperator and release notes are in source trees only; where they are not, that is said.
    """
    from resail.operations.releases import learn_release

    learned = learn_release(directory)

    def table() -> Any:
        from resail.apps.cli.drawing.releases import draw_learned

        return draw_learned(learned)

    print_result(learned, settings, table)
    say(f"kept in {learned.path}", settings)


@command.command("diff", formats=("table", "json", "yaml", "md"))
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.pass_obj
def _diff(settings: Settings, old: str, new: str) -> None:
    """What is other in one release than in another: values, CRDs, flags, profiles, Kubernetes versions, and release notes.

    OLD and NEW are versions or lines, such as 1.26.0 or 1.27. What is known is of one version of each line, and of those that
    `resail releases learn` read; the nearest is taken, and named.
    """
    from resail.operations.releases import diff_releases

    difference = diff_releases(old, new)

    def table() -> Any:
        from resail.apps.cli.drawing.releases import draw_difference

        return draw_difference(difference)

    if settings.output == "md":
        from resail.report.release_difference import render_difference

        click.echo(render_difference(difference), nl=False)
    else:
        print_result(difference, settings, table)
