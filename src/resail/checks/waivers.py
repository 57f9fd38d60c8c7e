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
        ``waiver-expired`` (a warning) where a finding counts again, ``waiver-unused`` (for information) where there is none.
    """
    given = tuple(waivers)
    counting: list[Finding] = []
    waived: list[Waived] = []
    for finding in findings:
        fitting = [waiver for waiver in given if waiver.expires >= today and waiver.fits(finding)]
        if fitting:
            waived.append(Waived(finding, fitting[0].reason, fitting[0].expires))
        else:
            counting.append(finding)
    about = []
    for index, waiver in enumerate(given):
        here = FindingObject("Settings", "", place, f"waivers[{index}]")
        if waiver.expires < today:
            again = sum(waiver.fits(finding) for finding in counting)
            about.append(_expired(here, waiver, today, again) if again else _unused(here, waiver))
        elif not any(waiver.fits(one.finding) for one in waived):
            about.append(_unused(here, waiver))
    return tuple(counting), tuple(waived), tuple(about)


def _expired(here: FindingObject, waiver: Waiver, today: date, again: int) -> Finding:
    counted = "1 finding counts" if again == 1 else f"{again} findings count"
    return Finding(
        id="waiver-expired",
        severity="warning",
        message=f"{_named(waiver)} ended on {waiver.expires}, and {counted} again",
        objects=(here,),
        evidence=f"expires: {waiver.expires}; today is {today}; reason: {waiver.reason}",
        fix="mend what it was for, or give it another date",
    )


def _unused(here: FindingObject, waiver: Waiver) -> Finding:
    return Finding(
        id="waiver-unused",
        severity="info",
        message=f"{_named(waiver)} is not needed",
        objects=(here,),
        evidence=f"no finding {waiver.id} that it fits is left for it",
        fix="take it out, or mend its id or object",
    )


def _named(waiver: Waiver) -> str:
    return f"the waiver of {waiver.id}{f' for {waiver.object}' if waiver.object else ''}"
