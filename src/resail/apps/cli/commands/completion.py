"""``resail completion``"""

import click
from click.shell_completion import get_completion_class

from resail.apps.cli.command import Command
from resail.errors import UsageError

__all__ = ["command"]


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    For bash: `source <(resail completion bash)`.
    """
    completion = get_completion_class(shell)
    if completion is None:
        raise UsageError(f"there is no completion for {shell}")
    click.echo(completion(context.find_root().command, {}, "resail", "_RESAIL_COMPLETE").source())
