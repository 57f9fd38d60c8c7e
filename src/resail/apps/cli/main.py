"""The command ``resail``, also installed as ``kubectl-resail``."""

import gc
import sys
from collections.abc import Sequence
from pathlib import PurePath

import click

from resail import __version__
from resail.apps.cli.command import LazyGroup
from resail.apps.cli.failures import show_failure
from resail.errors import ExitCode, ResailError, UsageError

__all__ = ["COMMANDS", "cli", "main", "run"]

_AT = "resail.apps.cli.commands."

COMMANDS = {
    "inspect": (_AT + "inspect", "What runs: control planes, tags, gateways, proxies, skew, ownership."),
    "releases": (_AT + "releases", "Releases of Istio: which are known, where their files are."),
    "istioctl": (_AT + "istioctl", "Get the istioctl of a version, checked, and print its path."),
    "precheck": (_AT + "precheck", "Every hazard that applies to this mesh on its way to a version."),
    "explain": (_AT + "explain", "What a hazard is, how it is mended, watched for and undone."),
    "policy": (_AT + "policy", "Rules for what an upgrade writes: which are in force, and tests of them."),
    "plan": (_AT + "plan", "Plan an upgrade and write it to a file; changes nothing."),
    "show": (_AT + "show", "Show a plan: its steps, restarts and findings."),
    "diff": (_AT + "diff", "What a plan would change now, by server-side dry run."),
    "rbac": (_AT + "rbac", "The least Roles that running a plan takes."),
    "rehearse": (_AT + "rehearse", "Run a plan on a twin of its mesh: durations, restarts, peaks, faults."),
    "apply": (_AT + "apply", "Run a plan."),
    "status": (_AT + "status", "How a run stands."),
    "pause": (_AT + "pause", "Ask a run to stop after the step under way; it can be resumed."),
    "resume": (_AT + "resume", "Take up a run that was halted, paused or killed."),
    "abort": (_AT + "abort", "End a run for good where it stands; it can still be rolled back."),
    "rollback": (_AT + "rollback", "Undo a run, step by step, from its journal."),
    "backup": (_AT + "backup", "Back up all that a mesh is made of; show and compare backups."),
    "restore": (_AT + "restore", "Write a backup back: what is missing, and no more."),
    "verify": (_AT + "verify", "Check the mesh: versions, skew, readiness, webhooks, objects."),
    "doctor": (_AT + "doctor", "What is wrong with the mesh now, and why."),
    "report": (_AT + "report", "The record of a run, as table, Markdown, HTML or JSON."),
    "demo": (_AT + "demo", "The whole story on a mesh of its own: no cluster needed."),
    "twin": (_AT + "twin", "Copies of a mesh in files, to try things on."),
    "testbed": (_AT + "testbed", "The control-plane test bed: build, start, stop."),
    "completion": (_AT + "completion", "Print the completion script of a shell."),
}


@click.group(
    cls=LazyGroup,
    commands_by_name=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes are documented in docs/reference/exit-codes.md.",
)
@click.version_option(__version__, message="resail %(version)s")
def cli() -> None:
    """Istio upgrades you can rehearse, resume and reverse."""


def main() -> None:
    """Run with the process's own arguments, and exit."""
    # What a command reads of a big mesh it keeps: by default the collector would look it all over dozens of times.
    gc.set_threshold(50_000)
    program = PurePath(sys.argv[0]).name.replace("_", "-")
    sys.exit(run(sys.argv[1:], "kubectl resail" if program.startswith("kubectl-") else "resail"))


def run(arguments: Sequence[str], program: str = "resail") -> int:
    """Run one command line and return its exit code. Nothing that a user can cause ends in a traceback."""
    try:
        code = cli.main(args=list(arguments), prog_name=program, complete_var="_RESAIL_COMPLETE", standalone_mode=False)
    except ResailError as error:
        return show_failure(error, arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except click.UsageError as error:
        return show_failure(_usage(error, program), arguments)
    except click.ClickException as error:
        return show_failure(UsageError(error.format_message()), arguments)
    except click.Abort:
        return ExitCode.INTERRUPTED
    except Exception as error:
        return _unexpected(error, arguments)
    return code if isinstance(code, int) else ExitCode.DONE


def _usage(error: click.UsageError, program: str) -> UsageError:
    command = error.ctx.command_path if error.ctx else program
    return UsageError(error.format_message().rstrip("."), next_step=f"`{command} --help` shows what it takes")


def _unexpected(error: Exception, arguments: Sequence[str]) -> int:
    wants_traceback = not {"-v", "--verbose"}.isdisjoint(arguments)
    if wants_traceback:
        import traceback

        traceback.print_exception(error)
    failure = ResailError(
        f"unexpected {type(error).__name__}: {error}",
        next_step="this is a defect of resail: please report it"
        + ("" if wants_traceback else "; run again with -v for the traceback"),
    )
    return show_failure(failure, arguments)
