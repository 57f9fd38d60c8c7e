"""``resail verify``"""

from pathlib import Path
from typing import Any

import click

from resail.apps.cli.choices import cluster_of, settle
from resail.apps.cli.command import Command
from resail.apps.cli.settings import Settings
from resail.errors import BlockedError

__all__ = ["command"]


@click.command("verify", cls=Command)
@click.option(
    "--plan",
    metavar="PLAN",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Check too that the mesh has come to what this plan wants.",
)
@click.pass_obj
def command(settings: Settings, plan: Path | None) -> None:
    """Check the mesh: versions, skew, readiness, Services with endpoints, webhooks that answer a dry run, and every
    object of the releases present and equal.

    Changes nothing. Exits 3 where something is wrong.
    """
    from resail.apps.cli.failures import tell_failure
    from resail.apps.cli.output import print_result
    from resail.operations.verify import VerifyRequest, verify

    request = VerifyRequest(cluster=cluster_of(settings), istio_namespace=settings.istio_namespace, plan=plan)
    verdict = settle(verify(request))

    def table() -> Any:
        from resail.apps.cli.drawing.findings import draw_verdict

        return draw_verdict(verdict)

    print_result(verdict, settings, table)
    if verdict.verdict == "blocked":
        blockers = [finding for finding in verdict.findings if finding.severity == "blocker"]
        error = BlockedError(f"{len(blockers)} things are wrong", on="the mesh", next_step=blockers[0].fix)
        tell_failure(error)
        raise click.exceptions.Exit(int(error.exit_code))
