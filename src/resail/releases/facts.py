"""The facts of releases: those that came with resail, one file for each line, and those that ``resail releases learn`` found.

The files in ``lines/`` are made by ``resail.releases.make_facts``.
"""

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path

import msgspec
from platformdirs import user_cache_path

from resail.errors import ArtifactError
from resail.models.encoding import decode_json, pretty_json
from resail.models.identity import IstioVersion
from resail.models.release_facts import ReleaseFacts
from resail.releases.catalogue import load_catalogue

__all__ = ["NOTE_IDS", "facts_on_the_way", "keep_facts", "learned_folder", "line_of", "load_facts", "older_notes", "older_values"]

NOTE_IDS = "note_ids.json"
"""Line → ids of the notes in its source tree that those of the lines before have not."""
_LINES = resources.files("resail.releases") / "lines"


def load_facts(version: IstioVersion | str) -> ReleaseFacts | None:
    """What is known of a version, or of the nearest one of its line; ``version`` of the facts tells which. None: nothing is.

    What was learned from a release's own files goes before what came with resail. What those files did not tell, and its
    notes, are those of the line.

    Raises:
        ArtifactError: a file of learned facts is damaged.
    """
    wanted = str(version)
    line = line_of(wanted)
    shipped = _shipped(line)
    learned = _learned(line)
    candidates = [*learned, *([shipped] if shipped else [])]
    if not candidates:
        return None
    nearest = min(candidates, key=lambda facts: _distance(facts.version, wanted))
    return nearest if shipped is None or nearest is shipped else _completed(nearest, shipped)


def facts_on_the_way(installed: IstioVersion, target: IstioVersion) -> tuple[ReleaseFacts, ...]:
    """Those of each line from that of the installed version to that of the target, as far as they are known.

    Raises:
        ArtifactError: a file of learned facts is damaged.
    """
    lines = [(installed.major, minor) for minor in range(installed.minor, target.minor)]
    older = [load_facts(f"{major}.{minor}") for major, minor in lines]
    return tuple(facts for facts in (*older, load_facts(target)) if facts is not None)


def older_notes(version: str) -> frozenset[str]:
    """Ids of the notes of all lines before that of a version, as far as they are known: a source tree keeps old ones."""
    by_line = msgspec.json.decode((_LINES / NOTE_IDS).read_bytes(), type=dict[str, set[str]])
    known = [(line, ids) for line, ids in by_line.items()]
    known += [(facts.version, {note.id for note in facts.notes}) for facts in (*_all_shipped(), *_learned())]
    return frozenset(one for line, ids in known for one in ids if _minor(line) < _minor(version))


def older_values(version: str) -> dict[str, tuple[str, ...]]:
    """Chart → paths of the values of the newest known line before that of a version."""
    older = [facts for facts in (*_all_shipped(), *_learned()) if _minor(facts.version) < _minor(version)]
    newest = max(older, key=lambda facts: _minor(facts.version), default=None)
    return {chart: tuple(paths) for chart, paths in newest.values.items()} if newest else {}


def keep_facts(facts: ReleaseFacts) -> Path:
    """Keep what was learned, in place of what was known of that version; returns the file.

    Raises:
        ArtifactError: it cannot be written.
    """
    file = learned_folder() / f"{facts.version}.json"
    partial = file.with_suffix(".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(pretty_json(facts))
        partial.replace(file)
    except OSError as error:
        raise ArtifactError(
            f"it cannot be written: {error.strerror}", on=str(file), next_step="make the folder writable"
        ) from error
    return file


def learned_folder() -> Path:
    """Beside the releases that the user keeps."""
    return user_cache_path("resail") / "releases" / "facts-v1"


def line_of(version: str) -> str:
    """``1.27`` of ``1.27.9`` and of ``1.27``."""
    return ".".join(version.split(".")[:2])


@lru_cache(maxsize=32)
def _shipped(line: str) -> ReleaseFacts | None:
    file = _LINES / f"{line}.json"
    return decode_json(file.read_bytes(), ReleaseFacts, on=str(file)) if file.is_file() else None


def _all_shipped() -> Iterator[ReleaseFacts]:
    return (facts for line in load_catalogue() if (facts := _shipped(line.line)))


def _learned(line: str = "") -> Iterator[ReleaseFacts]:
    """Of one line, or of all; each file has the name of its version."""
    for file in sorted(learned_folder().glob("*.json")):
        if line and line_of(file.stem) != line:
            continue
        # `learn` may put another one in its place now.
        with contextlib.suppress(FileNotFoundError):
            yield decode_json(file.read_bytes(), ReleaseFacts, on=str(file))


def _completed(facts: ReleaseFacts, line: ReleaseFacts) -> ReleaseFacts:
    told = {name: getattr(line, name) for name in facts.unknown if name not in line.unknown}
    left = tuple(name for name in facts.unknown if name not in told)
    return msgspec.structs.replace(facts, **{**told, "notes": line.notes, "unknown": left})


def _distance(version: str, wanted: str) -> int:
    """In patches; none where one of them is a line as a whole."""
    one, other = _numbers(version), _numbers(wanted)
    return abs(one[2] - other[2]) if len(one) > 2 and len(other) > 2 else 0


def _minor(version: str) -> list[int]:
    return _numbers(version)[:2]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.partition("-")[0].split(".")]
