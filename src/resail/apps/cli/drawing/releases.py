"""Releases of Istio."""

from collections.abc import Sequence

from rich.console import Group, RenderableType

from resail.apps.cli.drawing.parts import grid, table
from resail.models.release import CatalogueLine, Release
from resail.operations.releases import BundleFacts, ReleaseFacts

__all__ = ["draw_bundle", "draw_lines", "draw_release", "draw_releases"]


def draw_lines(lines: Sequence[CatalogueLine]) -> RenderableType:
    """A row for each line."""
    heads = ("Line", "Status", "Released", "End of life", "Kubernetes", "Latest patch", "Patches")
    return table(
        heads,
        [
            (
                line.line,
                line.status,
                line.released,
                line.end_of_life,
                _range(line.kubernetes),
                line.patches[-1].version if line.patches else "",
                str(len(line.patches)),
            )
            for line in lines
        ],
    )


def draw_release(facts: ReleaseFacts) -> RenderableType:
    """One release: its files, and what is known of its line."""
    release, line = facts.release, facts.line
    rows = [
        ("version", str(release.version)),
        ("directory", release.directory),
        ("source", release.source),
        ("digest", release.digest),
    ]
    if line is not None:
        rows += [
            ("line", f"{line.line}, {line.status}"),
            ("released", line.released),
            ("end of life", line.end_of_life),
            ("Kubernetes", ", ".join(line.kubernetes)),
        ]
    parts: list[RenderableType] = [grid([(name, value) for name, value in rows if value])]
    if line is not None and line.notes:
        parts.append(table(("Notes on upgrading to it",), [(note,) for note in line.notes]))
    return Group(*parts)


def draw_releases(releases: Sequence[Release]) -> RenderableType:
    """A row for each release on this machine."""
    return table(("Version", "Source", "Digest"), [(str(one.version), one.source, one.digest) for one in releases])


def draw_bundle(facts: BundleFacts) -> RenderableType:
    """The file, and what is in it."""
    rows = [("file", facts.path), ("digest", facts.digest), ("bytes", str(facts.size))]
    return Group(grid(rows), draw_releases(facts.releases))


def _range(versions: Sequence[str]) -> str:
    return versions[0] if len(versions) == 1 else f"{versions[0]} to {versions[-1]}" if versions else ""
