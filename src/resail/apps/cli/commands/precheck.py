"""``resail precheck``"""

from pathlib import Path
from typing import Any

import click

from resail.apps.cli.choices import settle
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings
from resail.apps.cli.upgrade_options import upgrade_options, wished
from resail.errors import BlockedError

__all__ = ["command"]


@click.command("precheck", cls=Command, formats=("table", "json", "yaml", "md", "sarif"))
@upgrade_options
@click.option(
    "--fail-on",
    type=click.Choice(["blocker", "warning", "info"]),
    help="The least severity that blocks.  [default: that of resail.yaml, else blocker]",
)
@click.option(
    "--istioctl/--no-istioctl",
    "ask_istioctl",
    default=True,
    help="Ask the target's istioctl, too (x precheck, analyze), where it is here or can be downloaded.  [default: yes]",
)
@click.option(
    "--schemas-only",
    is_flag=True,
    help="Try live objects against the target's CRDs by their schemas alone, and not on the test bed's API server.",
)
@click.option("--all", "show_all", is_flag=True, help="Show release notes that do not concern this mesh, too.")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write the result to a file.")
@click.pass_obj
def command(settings: Settings, /, out: Path | None, **options: Any) -> None:
    """Every hazard that applies to this mesh on its way to a version, with the evidence, the fix and the source.

    Changes nothing. Exits 3 where something blocks. `resail explain ID` tells more of a finding; `-o sarif` is for code
    scanners, `-o md` for a change ticket.
    """
    from resail.apps.cli.failures import tell_failure
    from resail.apps.cli.output import print_result, redirected, say
    from resail.operations.precheck import PrecheckRequest, precheck

    result = settle(precheck(PrecheckRequest(**wished(settings, **options)), lambda text: say(text, settings)))

    def table() -> Any:
        from resail.apps.cli.drawing.precheck import draw_precheck

        return draw_precheck(result)

    with redirected(out):
        if settings.output in ("md", "sarif"):
            from resail.report.precheck import render_precheck

            click.echo(render_precheck(result, settings.output), nl=False)
        else:
            print_result(result, settings, table)
    if result.verdict == "blocked":
        worst = result.findings[0]
        error = BlockedError(f"{worst.id}: {worst.message}", on=worst.evidence, next_step=worst.fix)
        tell_failure(error)
        raise click.exceptions.Exit(int(error.exit_code))
