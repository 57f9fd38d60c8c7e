"""What comes with resail of the releases whose files its tests have is what these files tell."""

from pathlib import Path
from typing import Any

import pytest

from resail.models.identity import IstioVersion
from resail.releases.facts import load_facts
from resail.releases.learning.learn import learn, version_of
from resail.releases.store import default_store


@pytest.mark.parametrize("version", ["1.24.0", "1.25.1", "1.26.0", "1.27.9"])
def test_shipped_facts_are_those_of_the_files(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = Path(default_store().get(IstioVersion.parse(version), print).directory)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told, shipped = learn(directory, version_of(directory), (), {}), load_facts(version)

    assert shipped is not None
    assert shipped.version == told.version == version
    assert built_apart(shipped.values) == built_apart(told.values)
    assert shipped.crds == told.crds
    assert shipped.objects == told.objects
    assert shipped.profiles == told.profiles
    assert shipped.compatibility_versions == told.compatibility_versions


def built_apart(values: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Without hub and tag, which the release builder writes."""
    return {
        chart: {path: default for path, default in paths.items() if path.rpartition(".")[2] not in ("hub", "tag")}
        for chart, paths in values.items()
    }
