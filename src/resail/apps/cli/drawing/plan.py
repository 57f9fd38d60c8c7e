"""A plan for people."""

from rich.console import Group, RenderableType
from rich.text import Text

from resail.apps.cli.drawing.findings import draw_findings
from resail.apps.cli.drawing.parts import grid, table
from resail.journal.copy_format import name_of
from resail.journal.lease import LEASE
from resail.models.plan import AdoptObjects, InstallerStep, Plan, PlanFiles, RestartWave, Step
from resail.report.words import change_of, data_plane_of, undo_of

__all__ = ["draw_plan"]

_SIGNS = {"add": "+", "change": "~", "remove": "-"}


def draw_plan(files: PlanFiles, *, verbose: bool) -> RenderableType:
    """What will be done, restarted, left alone, and what was found; every object too where ``verbose``."""
    plan = files.plan
    parts: list[RenderableType] = [
        Text(f"Istio {plan.from_version} → {plan.to_version}, {plan.strategy}", style="bold"),
        grid(
            [
                ("revision", f"{plan.from_revision} → {plan.to_revision}"),
                ("on failure", plan.on_failure),
                ("cluster", plan.cluster_id),
                ("bookkeeping", _bookkeeping(plan.istio_namespace)),
                ("plan id", files.id),
                *((f"not checked: {one.check}", one.reason) for one in plan.skipped),
            ]
        ),
        *([_hops(plan)] if len(plan.hops) > 1 else []),
        table(
            ("Step", "What", "Change", "Undo"),
            [(step.id, f"{step.title}\n{step.reason}", change_of(step), undo_of(step)) for step in plan.steps],
            title="\nSteps",
        ),
    ]
    if verbose:
        parts += [_objects(plan)]
    waves = [step for step in plan.steps if isinstance(step, RestartWave)]
    if waves:
        several = len(plan.hops) > 1
        rows = [
            (
                f"{step.hop + 1}.{step.wave}" if several else str(step.wave),
                str(each.workload),
                each.method,
                str(each.pods),
                each.from_version,
                each.reason,
            )
            for step in waves
            for each in step.restarts
        ]
        heads = ("Wave", "Workload", "Method", "Pods", "Proxy now", "Why")
        parts.append(table(heads, rows, title=f"Restarts ({len(rows)})"))
    if plan.untouched:
        alone = [(str(each.workload), each.reason) for each in plan.untouched]
        parts.append(table(("Workload", "Why"), alone, title=f"Left alone ({len(alone)})"))
    if plan.findings:
        parts.append(draw_findings(plan.findings))
    return Group(*parts)


def _bookkeeping(namespace: str) -> str:
    return f"Lease {namespace}/{LEASE} while it runs; ConfigMaps {namespace}/{name_of('RUN')}* keep its plan and journal"


def _hops(plan: Plan) -> RenderableType:
    rows = []
    for number, hop in enumerate(plan.hops):
        ids = [step.id for step in plan.steps if step.hop == number]
        revision = hop.to_revision if hop.to_revision == hop.from_revision else f"{hop.from_revision} → {hop.to_revision}"
        rows.append(
            (str(number + 1), f"{hop.from_version} → {hop.to_version}", revision, f"{ids[0]} … {ids[-1]}", data_plane_of(hop))
        )
    return table(("Hop", "Istio", "Revision", "Steps", "Data plane"), rows, title="\nHops")


def _objects(plan: Plan) -> RenderableType:
    rows = [row for step in plan.steps for row in _rows(step)]
    return table(("Step", "Object", "Fields"), rows, title=f"Objects ({len(rows)})")


def _rows(step: Step) -> list[tuple[str, str, str]]:
    if isinstance(step, AdoptObjects):
        return [(step.id, f"~ {each.object}", f"marks of {step.release} ({each.owner})") for each in step.objects]
    objects = step.change.objects if isinstance(step, InstallerStep) else getattr(step, "objects", ())
    return [(step.id, f"{_SIGNS[each.change]} {each.object}", ", ".join(each.fields)) for each in objects]
