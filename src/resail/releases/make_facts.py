"""Make the facts of each line: ``python -m resail.releases.make_facts FACTS.json``.

What a line is comes from the files of one version of it, out of the Go module istio.io/istio, where the catalogue's version
can be had there; the lines between and beyond are computed from their neighbours by the changes that FACTS.json has of them.
Its notes are rephrased there; what in a mesh shows that one concerns it is in ``curated_notes.yaml``.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from resail.models.encoding import canonical_json
from resail.models.identity import IstioVersion
from resail.models.plain_yaml import read_yaml
from resail.models.release_facts import NoteKind, ReleaseFacts, ReleaseNote
from resail.releases.facts import NOTE_IDS, line_of
from resail.releases.go_module import module_directory
from resail.releases.learning.changes import Changes, applied, taken_back
from resail.releases.learning.learn import learn
from resail.releases.learning.notes import FOLDER

__all__ = ["main"]

_LEARNED = ("1.24.0", "1.25.1", "1.26.0", "1.27.9")
"""Versions whose files are read: the first is where older lines are computed from, the last where newer ones are."""
_OTHER_FLAGS = {
    "1.28": {"AMBIENT_ENABLE_MULTI_NETWORK_WAYPOINT": "false"},
    "1.29": {
        "AMBIENT_ENABLE_BAGGAGE": "false",
        "AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY": "false",
        "AMBIENT_ENABLE_MULTI_NETWORK_INGRESS": "false",
    },
    "1.30": {"PILOT_HBONE_INITIAL_CONNECTION_WINDOW_SIZE": "uint32(0)", "PILOT_HBONE_INITIAL_STREAM_WINDOW_SIZE": "uint32(0)"},
}
"""That came with a line, and are registered in a way that FACTS.json does not see."""
_OTHER_TEMPLATES = ("1.18", "1.19", "1.20")
"""Lines whose charts made EnvoyFilters of which FACTS.json does not tell."""
_HERE = Path(__file__).parent
_NOTES = "https://github.com/istio/istio/blob"


class _Curated(msgspec.Struct, forbid_unknown_fields=True):
    """What a person says of a note."""

    marks: list[str] = []
    kind: NoteKind = "change"
    text: str = ""
    area: str = ""


class _Note(msgspec.Struct):
    file: str
    title_own_words: str = ""
    summary_own_words: str = ""
    area: str = ""
    first_tag_in_this_minor: str = ""
    in_tags: list[str] = []


class _Line(msgspec.Struct):
    release: str
    helm: dict[str, Any]
    env_flags: dict[str, Any]
    crds: dict[str, Any]
    profiles: dict[str, Any]
    compatibility_versions: dict[str, Any]
    kubernetes: dict[str, Any]
    upgrade_notes: list[_Note]
    other_notes: list[_Note]


class _Facts(msgspec.Struct):
    releases: list[_Line]


def main() -> None:
    """Read the facts that the first argument names, and write ``lines/``."""
    lines = {line.release: line for line in msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=_Facts).releases}
    curated = msgspec.convert(read_yaml((_HERE / "curated_notes.yaml").read_text()), dict[str, _Curated])
    trees = {version: module_directory(IstioVersion.parse(version), print) for version in _LEARNED}
    learned = {line_of(version): learn(tree, version, (), {}) for version, tree in trees.items()}
    folder = _HERE / "lines"
    folder.mkdir(exist_ok=True)
    for facts in _all_lines(learned, lines):
        line = line_of(facts.version)
        whole = msgspec.structs.replace(facts, notes=_notes(lines[line], curated))
        (folder / f"{line}.json").write_bytes(canonical_json(whole) + b"\n")
    ids: dict[str, list[str]] = {}
    for version, tree in trees.items():
        older = {one for of_line in ids.values() for one in of_line}
        ids[line_of(version)] = sorted(file.stem for file in (tree / FOLDER).glob("*.yaml") if file.stem not in older)
    (folder / NOTE_IDS).write_bytes(canonical_json(ids) + b"\n")


def _all_lines(learned: dict[str, ReleaseFacts], lines: dict[str, _Line]) -> list[ReleaseFacts]:
    names = sorted(lines, key=lambda name: int(name.partition(".")[2]))
    found = dict(learned)
    first, last = names.index(line_of(_LEARNED[0])), names.index(line_of(_LEARNED[-1]))
    for name, newer in zip(reversed(names[:first]), reversed(names[1 : first + 1]), strict=True):
        found[name] = _told(taken_back(found[newer], _changes(lines[newer])), lines[name])
    for name, older in zip(names[last + 1 :], names[last:], strict=False):
        found[name] = _told(applied(found[older], _changes(lines[name])), lines[name])
    return [found[name] for name in names]


def _changes(line: _Line) -> Changes:
    return Changes(line.helm["per_chart"], line.helm["objects"], line.env_flags, line.crds)


def _told(facts: ReleaseFacts, line: _Line) -> ReleaseFacts:
    """With what the facts tell of the line as it is."""
    version = line.helm["compared"][1]
    oldest: dict[str, str] = line.kubernetes["istioctl_precheck_minimum_by_tag"]
    return msgspec.structs.replace(
        facts,
        version=version,
        flags=dict(sorted({**facts.flags, **_OTHER_FLAGS.get(line.release, {})}.items())),
        profiles=tuple(sorted(line.profiles["helm"])),
        compatibility_versions=tuple(line.compatibility_versions["accepted"]),
        oldest_kubernetes=oldest.get(version, ""),
        operator_fields=(),
        objects={} if line.release in _OTHER_TEMPLATES else facts.objects,
        unknown=("objects", "operator_fields") if line.release in _OTHER_TEMPLATES else ("operator_fields",),
    )


def _notes(line: _Line, curated: dict[str, _Curated]) -> tuple[ReleaseNote, ...]:
    return tuple(
        _note(note, since, curated.get(Path(note.file).stem, _Curated()))
        for note in [*line.upgrade_notes, *line.other_notes]
        for since in [note.first_tag_in_this_minor or next(tag for tag in note.in_tags if line_of(tag) == line.release)]
    )


def _note(note: _Note, since: str, said: _Curated) -> ReleaseNote:
    name = note.file.rpartition("/")[2]
    return ReleaseNote(
        id=name.removesuffix(".yaml"),
        kind=said.kind,
        area=said.area or note.area,
        text=said.text or note.title_own_words or note.summary_own_words,
        marks=tuple(sorted(said.marks)),
        source=f"{_NOTES}/{since}/releasenotes/notes/{name}",
        since=since,
    )


if __name__ == "__main__":
    main()
