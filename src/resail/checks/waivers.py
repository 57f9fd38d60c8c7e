"""Findings that a waiver takes, and waivers that take nothing, or no longer."""

from collections.abc import Iterable
from datetime import date

from resail.models.finding import Finding, FindingObject
from resail.models.waiver import Waived, Waiver

__all__ = ["waive"]


def waive(
    findings: Iterable[Finding], waivers: Iterable[Waiver], today: date, place: str = "resail.yaml"
) -> tuple[tuple[Finding, ...], tuple[Waived, ...], tuple[Finding, ...]]:
    """Sort out what no longer counts.

    Args:
        findings: all of them.
        waivers: in the order of the file; the first one that fits and counts is told.
        today: on the last day of a waiver it still counts.
        place: the file that has the waivers.

    Returns:
        the findings that count, in their order; those that were waived; and what is to be said of the waivers themselves:
        ``waiver-expired`` (a warning) where a finding counts again, ``waiver-unused`` (for information) where none is fitted.
    """
    counting: list[Finding] = []
    waived: list[Waived] = []
    given = tuple(waivers)
    fitting: dict[int, int] = {}
    for finding in findings:
        fit = [index for index, waiver in enumerate(given) if waiver.fits(finding)]
        for index in fit:
            fitting[index] = fitting.get(index, 0) + 1
        valid = next((given[index] for index in fit if today <= given[index].expires), None)
        if valid is None:
            counting.append(finding)
        else:
            waived.append(Waived(finding, valid.reason, valid.expires))
    about = [
        _about(FindingObject("Settings", "", place, f"waivers[{index}]"), waiver, fitting.get(index, 0), today)
        for index, waiver in enumerate(given)
    ]
    return tuple(counting), tuple(waived), tuple(one for one in about if one is not None)


def _about(here: FindingObject, waiver: Waiver, fitting: int, today: date) -> Finding | None:
    subject = f"the waiver of {waiver.id}{f' for {waiver.object}' if waiver.object else ''}"
    if not fitting:
        return Finding(
            id="waiver-unused",
            severity="info",
            message=f"{subject} fits no finding",
            objects=(here,),
            evidence=f"no finding {waiver.id} has all of its objects there",
            fix="take it out, or mend its id or object",
        )
    if waiver.expires < today:
        counted = "1 finding counts" if fitting == 1 else f"{fitting} findings count"
        return Finding(
            id="waiver-expired",
            severity="warning",
            message=f"{subject} ended on {waiver.expires}, and {counted} again",
            objects=(here,),
            evidence=f"expires: {waiver.expires}; today is {today}; reason: {waiver.reason}",
            fix="mend what it was for, or give it another date",
        )
    return None
