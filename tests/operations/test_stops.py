"""The stops of a way are those that can be had."""

import asyncio
from pathlib import Path

import pytest
from tests.releases.releases_on_disk import unpack

from resail.errors import ArtifactError, BlockedError
from resail.models.identity import IstioVersion
from resail.operations.stops import Stops, find_stops
from resail.plan.path import Journey, Standing
from resail.releases.directory import DirectorySource
from resail.releases.store import ReleaseStore


def found(tmp_path: Path, *had: str, via: tuple[str, ...] = ()) -> Stops:
    """From 1.25.1 to 1.27.9 in place, where only some releases can be had."""
    for version in had:
        unpack(tmp_path / "mirror", version)
    store = ReleaseStore([DirectorySource(tmp_path / "mirror")], tmp_path / "cache")
    start = IstioVersion(1, 25, 1)
    journey = Journey(
        Standing(start, start), IstioVersion(1, 27, 9), "in-place", via=tuple(IstioVersion.parse(stop) for stop in via)
    )
    return asyncio.run(find_stops(journey, store, lambda _: None))


def test_the_newest_that_can_be_had_is_the_stop_and_an_older_one_is_told(tmp_path: Path) -> None:
    stops = found(tmp_path, "1.26.3", "1.26.1", "1.27.9")
    assert [str(leg.end) for leg, _ in stops.legs] == ["1.26.3", "1.27.9"]
    assert [str(release.version) for _, release in stops.legs] == ["1.26.3", "1.27.9"]
    (finding,) = stops.findings
    assert (finding.severity, "stops at 1.26.3, since 1.26.8 could not be had" in finding.message) == ("warning", True)


def test_the_newest_patch_and_a_named_one_are_not_worth_a_word(tmp_path: Path) -> None:
    assert found(tmp_path, "1.26.8", "1.26.0", "1.27.9").findings == ()
    stops = found(tmp_path / "named", "1.26.8", "1.26.0", "1.27.9", via=("1.26.0",))
    assert [str(leg.end) for leg, _ in stops.legs] == ["1.26.0", "1.27.9"]
    assert stops.findings == ()


def test_what_the_user_named_must_be_had(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"1\.27\.9"):
        found(tmp_path / "target", "1.26.8")
    with pytest.raises(ArtifactError, match=r"1\.26\.0"):
        found(tmp_path / "stop", "1.26.8", "1.27.9", via=("1.26.0",))


def test_a_line_of_which_nothing_can_be_had_is_named(tmp_path: Path) -> None:
    with pytest.raises(BlockedError, match=r"no release of 1\.26 is known that could be had"):
        found(tmp_path, "1.27.9")
