"""Release notes that matter: those whose subject the mesh has. A note informs; what is known to go wrong is a hazard."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from resail.checks.hazards.assessment import shown
from resail.checks.hazards.case import Case
from resail.models.field_path import find
from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion, Manifest, ObjectRef
from resail.models.release_facts import NoteOfLine, ReleaseFacts

__all__ = ["notes_on_the_way", "relevant_notes"]

_Match = tuple[FindingObject, str]
"""Where a mark was seen, and what stands there."""
_CONDITION = re.compile(r"((?:[^=\[]|\[[^\]]*\])+)=(.+)")
_ISTIOD = "istiod"


def relevant_notes(case: Case, lines: Iterable[ReleaseFacts]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """A finding for each note on the way that concerns this mesh, and one for each that does not.

    Args:
        case: the mesh, and the hop.
        lines: facts of each line from that of the installed version to that of the target.
    """
    relevant: list[Finding] = []
    others: list[Finding] = []
    for one in notes_on_the_way(case.installed, case.target, lines):
        matches = [match for mark in one.note.marks for match in _matches(case, mark)]
        asks_everybody = one.note.kind == "upgrade" and not one.note.marks
        (relevant if matches or asks_everybody else others).append(_finding(one, matches))
    return tuple(sorted(relevant)), tuple(sorted(others))


def notes_on_the_way(installed: IstioVersion, target: IstioVersion, lines: Iterable[ReleaseFacts]) -> tuple[NoteOfLine, ...]:
    """The notes of versions after the installed one, up to the target, once each.

    A note that was back-ported is one of several lines, in each from some patch on: the newest line tells whether the target
    has it. Where the installed version has it already, it is none.
    """
    known: set[str] = set()
    newest: dict[str, tuple[IstioVersion, NoteOfLine]] = {}
    for facts in lines:
        line = ".".join(facts.version.split(".")[:2])
        for note in facts.notes:
            since = IstioVersion.parse(note.since or f"{line}.0")
            if since.line == installed.line and since <= installed:
                known.add(note.id)
            newest[note.id] = (since, NoteOfLine(line, note))
    return tuple(one for name, (since, one) in newest.items() if name not in known and installed < since <= target)


def _finding(one: NoteOfLine, matches: Sequence[_Match]) -> Finding:
    note = one.note
    more = f"; and {len(matches) - 1} more" if len(matches) > 1 else ""
    return Finding(
        id=f"note-{one.line}-{note.id}",
        severity="info",
        message=note.text,
        objects=tuple(place for place, _ in matches[:1]),
        evidence="".join(value for _, value in matches[:1]) + more,
        fix="read the note, and do what it asks" if note.kind == "upgrade" else "",
        source=note.source,
    )


def _matches(case: Case, mark: str) -> Iterable[_Match]:
    name, _, rest = mark.partition(":")
    look = _LOOKS.get(name)
    return look(case, rest) if look else ()


def _kind(case: Case, kind: str) -> Iterator[_Match]:
    for manifest in case.objects.by_kind.get(kind, ()):
        yield _place(manifest, ""), f"{_place(manifest, '')} is there"


def _field(case: Case, rest: str) -> Iterator[_Match]:
    kind, _, pattern = rest.partition(":")
    path, wanted = _condition(pattern)
    for manifest in case.objects.by_kind.get(kind, ()):
        for field in find(manifest, path):
            if _is(field.value, wanted):
                yield _match(manifest, field.path, field.value)


def _flag(case: Case, name: str) -> Iterator[_Match]:
    for manifest in case.objects.by_kind.get("Deployment.apps", ()):
        if any(field.value == _ISTIOD for field in find(manifest, "metadata.labels.app")):
            for field in find(manifest, f"spec.template.spec.containers[*].env[name={name}]"):
                yield _match(manifest, field.path, field.value)


def _value(case: Case, rest: str) -> Iterator[_Match]:
    chart, _, pattern = rest.partition(":")
    path, wanted = _condition(pattern)
    for setting in case.settings(path, chart):
        if _is(setting.value, wanted):
            yield _match(setting.part.source, setting.path, setting.value)


def _mode(case: Case, mode: str) -> Iterator[_Match]:
    yield from _ambient(case) if mode == "ambient" else _sidecars(case)


def _ambient(case: Case) -> Iterator[_Match]:
    for namespace in case.objects.by_kind.get("Namespace", ()):
        for field in find(namespace, "metadata.labels.istio.io/dataplane-mode"):
            if field.value == "ambient":
                yield _match(namespace, field.path, field.value)
    for part in case.snapshot.components:
        if part.role in ("ztunnel", "waypoint"):
            yield _workload(part.workload), f"{part.workload} is there"


def _sidecars(case: Case) -> Iterator[_Match]:
    for workload in case.snapshot.workloads:
        if any(pod.proxy_version for pod in workload.pods):
            yield _workload(workload.ref), f"{workload.ref} has sidecars"


_LOOKS: dict[str, Callable[[Case, str], Iterator[_Match]]] = {
    "kind": _kind,
    "field": _field,
    "flag": _flag,
    "value": _value,
    "mode": _mode,
}
"""For each sort of mark where the mesh has it, see ``ReleaseNote.marks``."""


def _condition(pattern: str) -> tuple[str, str]:
    """The path, and what must stand there, empty for anything; an equals sign in brackets belongs to the path."""
    matched = _CONDITION.fullmatch(pattern)
    return (matched[1], matched[2]) if matched else (pattern, "")


def _is(value: Any, wanted: str) -> bool:
    if not wanted:
        return value not in (None, "", [], {})
    return fnmatchcase(str(value).lower() if isinstance(value, bool) else str(value), wanted)


def _workload(ref: ObjectRef) -> FindingObject:
    return FindingObject(ref.kind, ref.namespace, ref.name)


def _match(manifest: Manifest, path: str, value: Any) -> _Match:
    return _place(manifest, path), f"{path}: {shown(value)}"


def _place(manifest: Manifest, path: str) -> FindingObject:
    metadata: dict[str, Any] = manifest.get("metadata") or {}
    return FindingObject(manifest["kind"], metadata.get("namespace", ""), metadata.get("name", ""), path)
