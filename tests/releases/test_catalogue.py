"""The catalogue's facts."""

import pytest

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.releases.catalogue import find_line, find_patch, load_catalogue


@pytest.mark.parametrize(
    ("version", "module"),
    [
        ("1.24.0", "v0.0.0-20241105211601-8825a6b7f8c9"),
        ("1.25.1", "v0.0.0-20250322053744-be4b14ad8be8"),
        ("1.26.0", "v0.0.0-20250506181944-c2e9871f340c"),
        ("1.27.9", "v0.0.0-20260403063052-b9159ca3e5d5"),
    ],
)
def test_a_version_is_mapped_to_its_module(version: str, module: str) -> None:
    patch = find_patch(IstioVersion.parse(version))
    assert patch.go_pseudo_version == module
    assert patch.commit.startswith(module.rpartition("-")[2])


def test_a_line_knows_its_support() -> None:
    line = find_line("1.27")
    assert line is not None
    assert (line.end_of_life, line.kubernetes) == ("2026-04-07", ("1.29", "1.30", "1.31", "1.32", "1.33"))
    assert find_line("0.9") is None


def test_lines_and_patches_are_in_order() -> None:
    lines = load_catalogue()
    assert [one.line for one in lines] == sorted((one.line for one in lines), key=lambda line: int(line.split(".")[1]))
    for line in lines:
        versions = [IstioVersion.parse(patch.version) for patch in line.patches]
        assert versions == sorted(versions)


def test_an_unknown_version_names_the_nearest() -> None:
    with pytest.raises(ArtifactError, match=r"of 1\.27 it knows .*1\.27\.9"):
        find_patch(IstioVersion.parse("1.27.99"))
    with pytest.raises(ArtifactError, match=r"it knows 1\.18"):
        find_patch(IstioVersion.parse("3.0.0"))
