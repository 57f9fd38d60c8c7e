"""Commands and groups that take the global options on either side of the command's name, as kubectl does."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import click

from resail.apps.cli.settings import OutputFormat, Settings

__all__ = ["Command", "Group", "LazyGroup", "settings_of"]

_ALL_FORMATS: tuple[OutputFormat, ...] = ("table", "json", "yaml", "md", "html", "sarif")

_META = "resail.settings"


def settings_of(context: click.Context, formats: Sequence[OutputFormat] = _ALL_FORMATS) -> Settings:
    """The settings of this invocation: what stands after the command wins over what stands before it.

    Raises:
        click.UsageError: the output is not one of the formats.
    """
    settings = Settings(**context.meta.get(_META, {}))
    if settings.output not in formats:
        raise click.UsageError(f"this command prints {', '.join(formats)}, not {settings.output}", context)
    return settings


class Command(click.Command):
    """A command with the global options; ``formats`` are those that it can print."""

    def __init__(self, *arguments: Any, formats: Sequence[OutputFormat] = ("table", "json", "yaml"), **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._formats = tuple(formats)
        self.params.extend(_global_options(self._formats))

    def invoke(self, ctx: click.Context) -> Any:
        ctx.obj = settings_of(ctx, self._formats)
        return super().invoke(ctx)


class Group(click.Group):
    """A group of commands that takes the global options before the command's name."""

    command_class = Command

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.params.extend(_global_options(_ALL_FORMATS))


class LazyGroup(Group):
    """Imports a command's module only when that command is run or asked for its own help."""

    def __init__(self, *arguments: Any, commands_by_name: Mapping[str, tuple[str, str]], **keywords: Any) -> None:
        """``commands_by_name``: name → (module that has it as ``command``, its one-line help)."""
        super().__init__(*arguments, **keywords)
        self._by_name = commands_by_name

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._by_name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._by_name:
            return None
        module, _ = self._by_name[cmd_name]
        return cast(click.Command, import_module(module).command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._by_name.items()])


def _global_options(formats: Sequence[OutputFormat]) -> list[click.Option]:
    return [
        _option(
            "--kubeconfig",
            metavar="FILE",
            type=click.Path(path_type=Path),
            help="Kubeconfig to use; else $KUBECONFIG, ~/.kube/config, or the in-cluster account.",
        ),
        _option("--context", metavar="NAME", help="Context of the kubeconfig; else its current one."),
        _option("-i", "--istio-namespace", metavar="NAME", help="Istio's root namespace.  [default: istio-system]"),
        _option("-o", "--output", type=click.Choice(formats), help="What to print.  [default: table]"),
        _option("-q", "--quiet", is_flag=True, default=None, help="Only results and errors."),
        _option("-v", "--verbose", is_flag=True, default=None, help="Everything that happens, and tracebacks."),
    ]


def _option(*names: str, **keywords: Any) -> click.Option:
    return click.Option(names, expose_value=False, callback=_remember(), **keywords)


def _remember() -> Callable[[click.Context, click.Parameter, Any], Any]:
    def remember(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        # The meta of a context is shared with those of its sub-commands, which are parsed later.
        if value is not None:
            context.meta.setdefault(_META, {})[parameter.name] = value
        return value

    return remember
