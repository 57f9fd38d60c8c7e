"""``resail policy``"""

from pathlib import Path
from typing import Any

import click

from resail.apps.cli.choices import config_option
from resail.apps.cli.command import Group
from resail.apps.cli.settings import Settings
from resail.errors import BlockedError

__all__ = ["command"]


@click.group("policy", cls=Group)
def command() -> None:
    """Rules for what an upgrade writes: which are in force, and tests of them."""


@command.command("list")
@config_option
@click.pass_obj
def _list(settings: Settings, config: Path | None) -> None:
    """All rules in force: those that come with resail and are not disabled, and the site's own."""
    from resail.apps.cli.output import print_result
    from resail.operations.policy import list_rules

    rules = list_rules(config)

    def table() -> Any:
        from resail.apps.cli.drawing.policy import draw_rules

        return draw_rules(rules)

    print_result(rules, settings, table)


@command.command("test")
@click.argument("files", metavar="[FILE...]", nargs=-1, type=click.Path(path_type=Path))
@config_option
@click.pass_obj
def _test(settings: Settings, files: tuple[Path, ...], config: Path | None) -> None:
    """Try rules on examples: each test names a rule, an object, finding or step, and what the rule must say of it.

    Without a FILE the tests of the site's own file are made. Exits 3 where a test fails.
    """
    from resail.apps.cli.failures import tell_failure
    from resail.apps.cli.output import print_result
    from resail.operations.policy import try_policy

    tested = try_policy(files, config)

    def table() -> Any:
        from resail.apps.cli.drawing.policy import draw_tests

        return draw_tests(tested)

    print_result(tested, settings, table)
    failed = [one for one in tested if not one.passed]
    if failed:
        first = failed[0]
        error = BlockedError(
            f"{len(failed)} of {len(tested)} tests failed: rule {first.rule} gives {first.outcome}, not {first.expected}",
            on=f"test {first.name!r}",
            next_step="mend the rule or the test",
        )
        tell_failure(error)
        raise click.exceptions.Exit(int(error.exit_code))
