"""Make the package's catalogue from a collection of facts: ``python -m resail.releases.make_catalogue FACTS.json``.

The facts are those of the repository's shared folder; only what resail uses is kept, in our words.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from resail.models.encoding import pretty_json
from resail.models.release import CatalogueLine, CataloguePatch

__all__ = ["catalogue_of", "main"]

_OUTPUT = Path(__file__).with_name("catalogue.json")


class _Date(msgspec.Struct):
    tag_date: str | None = None
    documented: str | None = None


class _Kubernetes(msgspec.Struct):
    documented_supported: list[str] | None


class _Patch(msgspec.Struct):
    tag: str
    date: str
    commit: str
    go_pseudo_version: str | None = None


class _Line(msgspec.Struct):
    release: str
    status: str
    release_date: _Date
    kubernetes: _Kubernetes
    patches: list[_Patch]
    end_of_life: str | None = None
    helm: dict[str, Any] = {}
    profiles: dict[str, Any] = {}


class _Facts(msgspec.Struct):
    releases: list[_Line]


def catalogue_of(facts: bytes) -> tuple[CatalogueLine, ...]:
    """The catalogue's lines, oldest first.

    Raises:
        msgspec.ValidationError: the facts are not of the expected form.
    """
    lines = msgspec.json.decode(facts, type=_Facts).releases
    return tuple(
        CatalogueLine(
            line=line.release,
            status=line.status,
            released=line.release_date.documented or line.release_date.tag_date or "",
            end_of_life=line.end_of_life or "",
            kubernetes=tuple(line.kubernetes.documented_supported or ()),
            patches=tuple(
                CataloguePatch(patch.tag, patch.date, patch.commit, patch.go_pseudo_version or "") for patch in line.patches
            ),
            notes=_notes(line),
        )
        for line in sorted(lines, key=lambda line: [int(part) for part in line.release.split(".")])
    )


def _notes(line: _Line) -> tuple[str, ...]:
    notes = []
    for chart, facts in sorted(line.helm.get("per_chart", {}).items()):
        removed = [entry["path"] for entry in facts.get("removed") or []]
        if removed:
            notes.append(f"chart {chart}: {len(removed)} values of the line before are gone: {', '.join(removed[:6])}")
    gone = line.profiles.get("istioctl_removed") or []
    if gone:
        notes.append(f"profiles that istioctl no longer has: {', '.join(gone)}")
    return tuple(notes)


def main() -> None:
    """Read the facts that the first argument names, and write ``catalogue.json`` beside this module."""
    _OUTPUT.write_bytes(pretty_json(catalogue_of(Path(sys.argv[1]).read_bytes())))


if __name__ == "__main__":
    main()
