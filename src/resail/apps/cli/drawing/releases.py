"""Releases of Istio."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType

from resail.apps.cli.drawing.parts import grid, section, table
from resail.models.release import CatalogueLine, Release
from resail.operations.releases import BundleFacts, Learned, ShownRelease
from resail.releases.difference import ReleaseDifference

__all__ = ["draw_bundle", "draw_difference", "draw_learned", "draw_lines", "draw_release", "draw_releases"]

_LONGEST = 60
"""Characters of a default that a table shows."""


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


def draw_release(facts: ShownRelease) -> RenderableType:
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


def draw_learned(learned: Learned) -> RenderableType:
    """How much of each, and what the files did not tell."""
    facts = learned.facts
    rows = [
        ("version", facts.version),
        ("values", ", ".join(f"{chart} {len(paths)}" for chart, paths in facts.values.items())),
        ("objects", ", ".join(f"{chart} {len(names)}" for chart, names in facts.objects.items())),
        ("CRDs", str(len(facts.crds))),
        ("flags", str(len(facts.flags))),
        ("profiles", ", ".join(facts.profiles)),
        ("compatibility versions", ", ".join(facts.compatibility_versions)),
        ("oldest Kubernetes", facts.oldest_kubernetes),
        ("notes", ", ".join(f"{area} {count}" for area, count in sorted(Counter(n.area for n in facts.notes).items()))),
        ("not known", ", ".join(name.replace("_", " ") for name in facts.unknown)),
    ]
    return grid([(name, value) for name, value in rows if value and name.replace(" ", "_") not in facts.unknown])


def draw_difference(difference: ReleaseDifference) -> RenderableType:
    """The changes, and the notes on the way."""
    parts: list[RenderableType] = [grid([("from", difference.old), ("to", difference.new)])]
    if difference.unknown:
        parts.append(grid([("not compared", ", ".join(name.replace("_", " ") for name in difference.unknown))]))
    changes = [(one.topic, one.where, one.name, one.change, _cut(one.old), _cut(one.new)) for one in difference.changes]
    parts.append(table(("What", "Where", "Name", "Change", "Was", "Is"), changes))
    if difference.notes:
        notes = [(one.line, one.note.area, one.note.kind, one.note.text) for one in difference.notes]
        parts += [section("Release notes"), table(("Line", "Area", "Kind", "Note"), notes)]
    return Group(*parts)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _range(versions: Sequence[str]) -> str:
    return versions[0] if len(versions) == 1 else f"{versions[0]} to {versions[-1]}" if versions else ""
