"""What a rollback will do, in words; and as Markdown, for a change ticket."""

from resail.models.undoing import StepUndoing, Undoing, WriteForeseen
from resail.report.markdown_text import escaped, markdown_table

__all__ = ["headline_of", "render_undoing", "restarts_of", "words_of"]

_MOST = 12
"""Fields and objects of one write that are told; JSON has all."""

_CRD = "CustomResourceDefinition/"

_SIGNS = {"add": "+", "change": "~", "remove": "-"}


def headline_of(undoing: Undoing) -> str:
    """One sentence: what, how much, and whether it would come to its end."""
    steps = [step for step in undoing.steps if step.outcome == "undone"]
    writes = sum(len(step.writes) for step in steps)
    restarts = len({ref for step in steps for ref in step.restarts})
    told = (
        f"Rollback of {undoing.run} to Istio {undoing.back_to}: {len(steps)} steps, {writes} writes, {restarts} workloads restart"
    )
    stuck = [step.step for step in undoing.steps if step.outcome == "stuck"]
    return f"{told}; it would stop at {stuck[0]}" if stuck else told


def words_of(step: StepUndoing) -> str:
    """What is written for a step, line by line."""
    kept = [write for write in step.writes if write.verb == "apply" and write.object.startswith(_CRD)]
    lines = [line for write in step.writes if write not in kept for line in _lines(write)]
    if kept:
        lines.append(f"apply {len(kept)} CRDs as the target has them")
    if step.outcome == "undone" and any(" " in write.verb for write in step.writes):
        # To which revision or version an installer takes it.
        lines.append(f"then {step.detail}")
    if step.outcome == "stuck":
        lines.append(f"cannot be undone: {step.detail}" + (f" ({step.next_step})" if step.next_step else ""))
    return "\n".join(lines) or step.detail or "it is as it was"


def restarts_of(step: StepUndoing) -> str:
    """What restarts, and what of the step does not."""
    alone = [f"not {ref}: it had not moved" for ref in step.alone]
    return "\n".join([*map(str, step.restarts), *alone])


def render_undoing(undoing: Undoing) -> str:
    """The whole document."""
    rows = [(escaped(step.step), step.outcome, _broken(words_of(step)), _broken(restarts_of(step))) for step in undoing.steps]
    parts = [
        f"# {escaped(headline_of(undoing))}",
        "Nothing was written.",
        markdown_table(("Step", "Outcome", "What", "Restarts"), rows),
    ]
    if undoing.at_work:
        parts.insert(1, f"{escaped(undoing.at_work)} works on the mesh: it can begin only afterwards.")
    if undoing.stays:
        parts += ["## CRDs that stay at the target", ", ".join(map(escaped, undoing.stays))]
    if undoing.left_out:
        left = [(escaped(one.step), escaped(one.title), escaped(one.why)) for one in undoing.left_out]
        parts += ["## Nothing to undo", markdown_table(("Step", "What", "Why"), left)]
    return "\n\n".join(parts) + "\n"


def _lines(write: WriteForeseen) -> list[str]:
    fields = [f"  {one.field}: {one.now or '(none)'} → {one.afterwards or '(none)'}" for one in write.fields]
    objects = [f"  {_SIGNS[one.change]} {one.object}" for one in write.objects]
    told = [*fields, *objects]
    more = [f"  … and {len(told) - _MOST} more"] if len(told) > _MOST else []
    return [f"{write.verb} {write.object}", *told[:_MOST], *more]


def _broken(text: str) -> str:
    return "<br>".join(escaped(line) for line in text.splitlines())
