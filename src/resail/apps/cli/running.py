"""Perform a run for a person or a program: show it, ask for approvals on a terminal, print the record."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import click

from resail.apps.cli.choices import settle
from resail.apps.cli.failures import tell_failure
from resail.apps.cli.live import watcher_for
from resail.apps.cli.output import on_terminal, print_result
from resail.apps.cli.settings import Settings
from resail.models.plan import Approve
from resail.models.record import Record
from resail.operations.apply import ApplyRequest, ResumeRequest, RollbackRequest, resume
from resail.operations.execution import RunResult, RunWatcher
from resail.plan.file import read_plan

__all__ = ["finish", "perform"]


def perform(
    settings: Settings,
    request: ApplyRequest | ResumeRequest | RollbackRequest,
    work: Callable[[RunWatcher], Coroutine[Any, Any, RunResult]],
) -> None:
    """Let ``work`` run to its end, print its record, and exit with its code."""
    watcher = watcher_for(settings)
    result = settle(work(watcher))
    while not isinstance(request, RollbackRequest) and on_terminal(settings) and (step := _waits_for(result)):
        if not click.confirm(step.question, err=True):
            break
        again = ResumeRequest(
            cluster=request.cluster,
            istio_namespace=request.istio_namespace,
            directory=request.directory,
            release_directories=request.release_directories,
            config=request.config,
            run=result.record.run,
            approve=(step.id,),
        )
        result = settle(resume(again, watcher=watcher))
    finish(settings, result)


def finish(settings: Settings, result: RunResult) -> None:
    """Print the record on stdout and what stopped the run, if anything, on stderr."""
    print_result(result.record, settings, lambda: _table(result.record))
    if result.error is not None:
        tell_failure(result.error)
        raise click.exceptions.Exit(int(result.error.exit_code))


def _waits_for(result: RunResult) -> Approve | None:
    """The step whose approval the run is halted for."""
    if not result.waits_for:
        return None
    steps = read_plan(Path(result.record.plan)).plan.steps
    return next((step for step in steps if isinstance(step, Approve) and step.id == result.waits_for), None)


def _table(record: Record) -> Any:
    from resail.apps.cli.drawing.record import draw_record

    return draw_record(record)
