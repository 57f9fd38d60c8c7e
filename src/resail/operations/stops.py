"""The way to the target, and the release of each stop: the newest patches, or older ones where those are not to be had."""

import asyncio

import msgspec

from resail.errors import ArtifactError, BlockedError
from resail.models.finding import Finding
from resail.models.identity import IstioVersion
from resail.models.release import Release
from resail.plan.path import Journey, Leg, find_path, newest_stops
from resail.releases.catalogue import find_line, load_catalogue
from resail.releases.interface import Progress
from resail.releases.store import ReleaseStore

__all__ = ["Stops", "find_stops"]


class Stops(msgspec.Struct, frozen=True):
    """The way, with what it takes."""

    legs: tuple[tuple[Leg, Release], ...]
    findings: tuple[Finding, ...]
    """Stops that are not the newest of their line."""


async def find_stops(journey: Journey, store: ReleaseStore, progress: Progress) -> Stops:
    """Find the way, and get the release of each stop.

    Raises:
        UsageError, BlockedError: as ``find_path``.
        ArtifactError: the target, or a stop that the user named, is not to be had.
    """
    missing: dict[IstioVersion, ArtifactError] = {}
    while True:
        legs = await _path(journey, missing, store, progress)
        releases: list[tuple[Leg, Release]] = []
        # The target first: without it no other is worth the time.
        for leg in reversed(legs):
            try:
                releases.append((leg, await asyncio.to_thread(store.get, leg.end, progress)))
            except ArtifactError as error:
                if leg.end in (journey.target, *journey.via):
                    raise
                progress(f"{leg.end} is not to be had for a stop")
                missing[leg.end] = error
                break
        else:
            return Stops(tuple(reversed(releases)), tuple(_older(leg, missing) for leg in legs if _passed_over(leg, missing)))


async def _path(
    journey: Journey, missing: dict[IstioVersion, ArtifactError], store: ReleaseStore, progress: Progress
) -> tuple[Leg, ...]:
    try:
        return find_path(journey, newest_stops(load_catalogue(), missing))
    except BlockedError:
        if find_line(journey.target.line) is None:
            # Of a target that does not exist this is what to tell.
            await asyncio.to_thread(store.get, journey.target, progress)
        raise


def _passed_over(leg: Leg, missing: dict[IstioVersion, ArtifactError]) -> list[IstioVersion]:
    return sorted(version for version in missing if version.line == leg.end.line)


def _older(leg: Leg, missing: dict[IstioVersion, ArtifactError]) -> Finding:
    newest = _passed_over(leg, missing)[-1]
    return Finding(
        id="stop-is-not-newest",
        severity="warning",
        message=f"the plan stops at {leg.end}, since {newest} could not be had",
        evidence=str(missing[newest]),
        fix=f"give {newest} by --release-dir, or choose the stop by --via",
    )
