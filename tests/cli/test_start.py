"""Help is fast, complete, and the same under both names."""

import json
import subprocess
import sys

import click
import pytest
from tests.cli.program import Program

from resail.apps.cli.main import COMMANDS, cli

HEAVY = {"lightkube", "cel_expr_python", "rich", "jinja2", "helm_python", "msgspec", "yaml", "httpx2", "asyncio", "google"}

LISTING = """
import json, sys
from resail.apps.cli.main import run
run({arguments})
print(json.dumps(sorted({{name.split(".")[0] for name in sys.modules}})), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["no-such-command"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LISTING.format(arguments=arguments)], capture_output=True, text=True, check=True)
    assert HEAVY & set(json.loads(done.stderr.splitlines()[-1])) == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_own_help_draws_and_connects_nothing(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LISTING.format(arguments=[name, "--help"])], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("Usage: resail")
    assert {"lightkube", "rich", "jinja2", "helm_python"} & set(json.loads(done.stderr.splitlines()[-1])) == set()


def test_the_list_of_commands_names_each_command_that_there_is() -> None:
    context = click.Context(cli, info_name="resail")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help


def test_no_arguments_show_the_help_and_are_a_usage_error(resail: Program) -> None:
    done = resail()
    assert done.returncode == 2
    assert "Commands:" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_prints_a_script(resail: Program, shell: str) -> None:
    done = resail("completion", shell)
    assert done.returncode == 0
    assert "_RESAIL_COMPLETE" in done.stdout


def test_completion_completes_commands_and_options(resail: Program) -> None:
    words = {"_RESAIL_COMPLETE": "zsh_complete", "COMP_WORDS": "resail ro", "COMP_CWORD": "1"}
    assert "rollback" in resail(**words).stdout
    words |= {"COMP_WORDS": "resail plan --on-failure r", "COMP_CWORD": "3"}
    assert "rollback" in resail(**words).stdout
