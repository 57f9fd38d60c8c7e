"""Is this a moment to upgrade at, and what restarts that somebody wants to know of?"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from resail.models.calendar import Calendar, CriticalWorkload
from resail.models.finding import Finding, FindingObject
from resail.models.identity import ObjectRef
from resail.models.plan import InstallerStep, RestartWave, Step

__all__ = ["calendar_findings", "moment_findings", "restart_findings"]


def calendar_findings(calendar: Calendar, moment: datetime, steps: Iterable[Step], place: str) -> tuple[Finding, ...]:
    """All that a calendar says of a plan, sorted.

    Args:
        calendar: of the user.
        moment: when the plan is applied, or now; with a zone.
        steps: of all its hops.
        place: the file that has the calendar.
    """
    return tuple(sorted([*moment_findings(calendar, moment, place), *restart_findings(calendar, steps, place)]))


def moment_findings(calendar: Calendar, moment: datetime, place: str) -> Iterator[Finding]:
    """``in-freeze``, ``outside-window``."""
    for number, freeze in enumerate(calendar.freezes):
        if freeze.holds_at(moment):
            yield Finding(
                id="in-freeze",
                severity="blocker",
                message=f"changes are frozen until the end of {freeze.end}: {freeze.reason}",
                objects=(FindingObject("Settings", "", place, f"freezes[{number}]"),),
                evidence=f"it is {_shown(moment)}; {freeze}",
                fix="wait until the freeze is over, or waive this finding with a reason",
            )
    if not calendar.window_at(moment):
        opening = calendar.opens_after(moment)
        when = f"the next one opens {_shown(opening)}" if opening else "none opens within two weeks"
        yield Finding(
            id="outside-window",
            severity="warning",
            message=f"no maintenance window is open, and {when}",
            objects=(FindingObject("Settings", "", place, "windows"),),
            evidence=f"it is {_shown(moment)}; windows are {'; '.join(map(str, calendar.windows))}",
            fix="apply the plan within a window",
        )


def restart_findings(calendar: Calendar, steps: Iterable[Step], place: str) -> Iterator[Finding]:
    """``critical-workload-restarts``: one for each such workload."""
    restarts: dict[ObjectRef, list[str]] = {}
    for step in steps:
        for workload in _restarted(step):
            restarts.setdefault(workload, []).append(step.id)
    for workload, by in sorted(restarts.items()):
        pattern = _pattern_for(calendar, workload)
        if pattern is not None:
            number, critical = pattern
            yield Finding(
                id="critical-workload-restarts",
                severity="warning",
                message=f"{workload} is critical and restarts in {', '.join(by)}",
                objects=(
                    FindingObject(workload.kind, workload.namespace, workload.name),
                    FindingObject("Settings", "", place, f"critical[{number}]"),
                ),
                evidence=f"critical are {critical}",
                fix="tell its owners when, and see that they watch it",
            )


def _restarted(step: Step) -> tuple[ObjectRef, ...]:
    if isinstance(step, RestartWave):
        return tuple(restart.workload for restart in step.restarts)
    return step.change.replaced if isinstance(step, InstallerStep) else ()


def _pattern_for(calendar: Calendar, workload: ObjectRef) -> tuple[int, CriticalWorkload] | None:
    return next(((number, one) for number, one in enumerate(calendar.critical) if one.fits(workload)), None)


def _shown(moment: datetime) -> str:
    return f"{moment:%a %Y-%m-%d %H:%M %Z}".rstrip()
