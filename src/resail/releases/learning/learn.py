"""The facts of a release, out of a directory with its files."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from resail.errors import ArtifactError, UsageError
from resail.models.identity import IstioVersion
from resail.models.release_facts import ReleaseFacts
from resail.releases.learning.charts import charts_of, compatibility_versions_of, objects_of, profiles_of, values_of
from resail.releases.learning.definitions import definitions_of
from resail.releases.learning.notes import notes_of
from resail.releases.learning.source import flags_of, oldest_kubernetes_of, operator_fields_of

__all__ = ["learn", "version_of"]

_CHART_VERSION = re.compile(r"^version: *[\"']?([^\s\"']+)", re.MULTILINE)
_UNSTAMPED = "1.0.0"
"""Version of the charts in the source tree; the release builder writes the release's in its place."""
_UNBUILT = ("gcr.io/istio-testing", "registry.istio.io/testing", "latest")
"""Hub and tag of images in the source tree."""


def version_of(directory: Path) -> str:
    """``1.27.9`` as the charts have it; of a source tree its line, ``1.27``.

    Raises:
        ArtifactError: nothing tells it, or it is none.
    """
    chart = next(iter(charts_of(directory).values())) / "Chart.yaml"
    stamped = _CHART_VERSION.search(_text(chart))
    if stamped and stamped[1] != _UNSTAMPED:
        try:
            return str(IstioVersion.parse(stamped[1]))
        except UsageError as error:
            raise ArtifactError(f"its charts have no version: {error}", on=str(chart), next_step="get it again") from error
    line = _text(directory / "VERSION").strip()
    if not re.fullmatch(r"\d+\.\d+", line):
        raise ArtifactError(
            "nothing in it tells its version",
            on=str(directory),
            next_step="give an unpacked release archive, or a source tree with its file VERSION",
        )
    return line


def learn(
    directory: Path, version: str, older_notes: Collection[str], older_values: Mapping[str, Collection[str]]
) -> ReleaseFacts:
    """All that the files tell; what they do not is named in ``unknown``.

    Args:
        directory: an unpacked release archive, a source tree, or a directory laid out as ours.
        version: of it, see ``version_of``.
        older_notes: ids of the notes of older releases.
        older_values: chart → paths that the line before had, which a note on removed ones names.

    Raises:
        ArtifactError: it has no charts, or a file cannot be read.
    """
    try:
        return _learned(directory, version, older_notes, older_values)
    except OSError as error:
        raise ArtifactError(
            f"it cannot be read: {error.strerror}", on=str(error.filename), next_step="make the release's files readable"
        ) from error


def _learned(
    directory: Path, version: str, older_notes: Collection[str], older_values: Mapping[str, Collection[str]]
) -> ReleaseFacts:
    charts = charts_of(directory)
    values = {name: _released(values_of(chart)) for name, chart in charts.items()}
    named = {name: {*paths, *older_values.get(name, ())} for name, paths in values.items()}
    told: dict[str, Any] = {
        "flags": flags_of(directory),
        "crds": definitions_of(charts["base"]) if "base" in charts else None,
        "operator_fields": operator_fields_of(directory),
        "notes": notes_of(directory, version, older_notes, named),
    }
    known = {name: fact for name, fact in told.items() if fact is not None}
    empty: dict[str, Any] = {"flags": {}, "crds": {}, "operator_fields": ()}
    return ReleaseFacts(
        version=version,
        values=values,
        compatibility_versions=compatibility_versions_of(charts),
        profiles=profiles_of(charts),
        objects={name: objects_of(chart) for name, chart in charts.items()},
        oldest_kubernetes=oldest_kubernetes_of(directory),
        unknown=tuple(sorted(told.keys() - known.keys())),
        **{**empty, **known},
    )


def _released(values: dict[str, Any]) -> dict[str, Any]:
    """Without what the release builder writes anew: hub and tag of the source tree are those of no release."""
    return {path: "" if value in _UNBUILT else value for path, value in values.items()}


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
