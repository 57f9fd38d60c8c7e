"""Runs worth drawing: a smooth one, one that was rolled back, one that halted twice and is halted, and a long one."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from tests.report.runs import CART, INSTALL, LABEL, ORDERS, START, TAG, VERIFY, WAVE, a_plan

from resail.journal.fold import fold_run
from resail.models.identity import ObjectRef
from resail.models.journal import (
    BudgetCounts,
    CallIntent,
    CallOutcome,
    Entry,
    EntryBody,
    Measured,
    Progress,
    RunFinished,
    RunHalted,
    RunResumed,
    RunStarted,
    StepApproved,
    StepIntent,
    StepOutcome,
)
from resail.models.plan import LabelNamespace, NoUndo, PlanFiles, RelabelNamespace, Restart, RestartAgain, RestartWave, Verify
from resail.models.record import Record
from resail.plan.file import plan_files
from resail.report.record import record_of

RUN = "r-00000001"
STARTED = RunStarted("sha256:1", "/state/plans/plan.zip", "c0ffee")

Timed = tuple[float, EntryBody]
"""Seconds after the start."""


def timed(*bodies: Timed) -> tuple[Entry, ...]:
    return tuple(Entry(number, RUN, START + timedelta(seconds=at), body) for number, (at, body) in enumerate(bodies, 1))


def recorded(files: PlanFiles, journal: Sequence[Entry], pods: int | None = 5) -> Record:
    return record_of(
        files,
        fold_run(journal),
        journal,
        pods_on_target=pods,
        plan_path=Path("/state/plans/plan.zip"),
        journal_path=Path("/state/journal.db"),
        report_path=Path("/state/report.html"),
    )


def counted(new: int, old: int, **budgets: tuple[int, int, int]) -> Measured:
    pods = {"1.26.0": old, "1.27.9": new}
    return Measured(pods, {f"shop/{name}": BudgetCounts(*counts) for name, counts in budgets.items()})


_UNTIL_THE_WAVE: tuple[Timed, ...] = (
    (0, STARTED),
    (0.1, counted(0, 5, cart=(2, 1, 2), orders=(3, 2, 3))),
    (0.2, StepIntent(INSTALL, "do")),
    (4.0, StepOutcome(INSTALL, "do", "done")),
    (4.1, StepIntent(TAG, "do")),
    (4.4, StepOutcome(TAG, "do", "done")),
    (4.5, StepIntent(LABEL, "do")),
    (4.6, StepOutcome(LABEL, "do", "done")),
    (4.7, StepIntent(WAVE, "do")),
    (4.8, CallIntent(1, WAVE, "patch", str(CART))),
    (4.9, CallOutcome(1, True)),
    (4.9, Progress(WAVE, f"{ORDERS}: 0 of 3 pods replaced", 0, 3)),
    (6.0, counted(1, 4, orders=(2, 2, 3))),
    (7.0, Progress(WAVE, f"{CART}: 2 of 2 ready", 2, 2)),
)


def smooth() -> tuple[Entry, ...]:
    return timed(
        *_UNTIL_THE_WAVE,
        (8.0, counted(3, 2, orders=(3, 2, 3))),
        (9.0, counted(4, 1, orders=(2, 2, 3))),
        (10.5, Progress(WAVE, f"{ORDERS}: 3 of 3 pods replaced", 3, 3)),
        (10.6, StepOutcome(WAVE, "do", "done", restarted=(str(CART), str(ORDERS)))),
        (10.7, counted(5, 0, orders=(3, 2, 3))),
        (10.8, StepIntent(VERIFY, "do")),
        (12.0, StepOutcome(VERIFY, "do", "done", "3 findings, none of which blocks")),
        (12.1, RunFinished("done")),
    )


def rolled_back() -> tuple[Entry, ...]:
    why = f"not replaced within 600 s: 2 pods have the old sidecar, on {ORDERS}"
    undone: list[Timed] = [
        (700 + 3 * number, body)
        for number, body in enumerate(
            body for step in (LABEL, TAG, WAVE, INSTALL) for body in (StepIntent(step, "undo"), StepOutcome(step, "undo", "done"))
        )
    ]
    return timed(
        *_UNTIL_THE_WAVE,
        (40.0, counted(3, 2, orders=(1, 2, 3))),
        (604.7, StepOutcome(WAVE, "do", "failed", why)),
        (604.8, RunHalted("gate", WAVE, why)),
        (40_000, RunResumed("undo")),
        *((39_301 + at, body) for at, body in undone),
        (40_022, counted(0, 5, orders=(3, 2, 3))),
        (40_025, RunFinished("rolled-back")),
    )


def halted() -> tuple[Entry, ...]:
    return timed(
        *_UNTIL_THE_WAVE,
        (9.0, RunHalted("interrupted", WAVE, "by SIGINT")),
        (20.0, StepApproved(VERIFY)),
        (20.0, RunResumed("do")),
        (20.1, StepIntent(WAVE, "do")),
        (22.0, counted(2, 3, orders=(1, 2, 3), web=(1, 1, 1))),
        (31.0, StepOutcome(WAVE, "do", "failed", "2 of 3 pods are ready", restarted=(str(CART),))),
        (31.1, RunHalted("gate", WAVE, "2 of 3 pods are ready")),
    )


def big() -> tuple[PlanFiles, tuple[Entry, ...]]:
    """Thirty namespaces, one wave each of twenty workloads, in some hours."""
    steps: list[LabelNamespace | RestartWave | Verify] = []
    for number in range(30):
        name = f"team-{number:02d}-production"
        label: dict[str, str | None] = {"istio.io/rev": "1-26-0"}
        steps += [
            LabelNamespace(
                id=f"{2 * number + 1:02d}-label-namespace",
                title=f"Label the namespace {name}",
                reason="it was pinned",
                undo=RelabelNamespace(name, label),
                namespace=name,
                labels={"istio.io/rev": "1-27-9"},
            ),
            RestartWave(
                id=f"{2 * number + 2:02d}-wave",
                title=f"Restart wave {number + 1}: {name}",
                reason="their proxies are of the old revision",
                undo=RestartAgain(),
                wave=number + 1,
                restarts=tuple(
                    Restart(
                        ObjectRef("apps/v1", "Deployment", name, f"service-with-a-long-name-{one:02d}"),
                        "rollout",
                        "its proxy is 1.26.0",
                        16,
                        "1.26.0",
                        "1-27-9",
                    )
                    for one in range(20)
                ),
            ),
        ]
    verify = Verify(id="61-verify", title="Verify the mesh", reason="to be sure", undo=NoUndo("it changes nothing"))
    files = plan_files(msgspec.structs.replace(a_plan().plan, steps=(*steps, verify)), {})
    journal: list[Timed] = [(0, STARTED)]
    at, calls, moved = 1.0, 0, 0
    journal.append((at, counted(0, 9600, api=(24, 18, 24))))
    for step in files.plan.steps:
        journal.append((at, StepIntent(step.id, "do")))
        restarts = step.restarts if isinstance(step, RestartWave) else ()
        for position, restart in enumerate(restarts):
            calls += 1
            moved += restart.pods
            journal.append((at + position, CallIntent(calls, step.id, "patch", str(restart.workload))))
            journal.append((at + position + 0.5, CallOutcome(calls, True)))
        for position, restart in enumerate(restarts):
            journal.append((at + 60 + 7 * position, Progress(step.id, f"{restart.workload}: 16 of 16 ready", 16, 16)))
        at += 420.0 if restarts else 3.0
        names = tuple(str(restart.workload) for restart in restarts)
        journal.append((at, StepOutcome(step.id, "do", "done", restarted=names)))
        if restarts:
            low = 24 - (step.wave % 7 if isinstance(step, RestartWave) else 0)
            budget = {"api": (low, 18, 24), "a-budget-with-quite-a-long-name-of-its-own": (2 if low % 2 else 3, 2, 3)}
            journal.append((at, counted(moved, 9600 - moved, **budget)))
    journal.append((at + 1, RunFinished("done")))
    return files, timed(*journal)
