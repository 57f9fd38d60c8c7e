"""Of a release's notes: what they ask for and tell, and what in a mesh shows that it concerns it.

The marks are what their words name: kinds, environment flags, chart values, and ambient mode. They are no judgement of a
person; a note whose words name nothing counts as one that concerns every mesh.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from resail.models.mesh_objects import CUSTOM
from resail.models.plain_yaml import read_yaml
from resail.models.release_facts import NoteKind, ReleaseNote

__all__ = ["FOLDER", "marks_of", "notes_of"]

FOLDER = Path("releasenotes", "notes")
_PLACE = "https://github.com/istio/istio/blob"
_LONGEST = 400
"""Characters of a note's text that are kept."""
_NEW = re.compile(r"\*\*(?:Added|Fixed|Improved?|Optimized)\*\*", re.IGNORECASE)
"""What begins so asks for nothing, and takes nothing away."""
_REMOVED = re.compile(r"\*\*Removed?\*\*", re.IGNORECASE)
_AMBIENT = re.compile(r"\b(?:ambient|ztunnel|waypoint)s?\b", re.IGNORECASE)
_FLAG = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_KINDS_OF_GATEWAY_API = re.compile(r"gateway[- ]api|gateway\.networking\.k8s\.io", re.IGNORECASE)
_KINDS = tuple(kind for kind in CUSTOM if not kind.endswith(("sailoperator.io", "toolkit.fluxcd.io")))


def notes_of(
    tree: Path, version: str, older: Collection[str], values: Mapping[str, Collection[str]]
) -> tuple[ReleaseNote, ...] | None:
    """The notes that are in a source tree and not of an older release; None: it has none at all, as archives have not.

    Args:
        tree: the source tree.
        version: of the release.
        older: ids of notes that older releases have: the folder keeps all.
        values: paths of values, by chart.
    """
    files = sorted((tree / FOLDER).glob("*.yaml"))
    if not files:
        return None
    full = version.count(".") > 1
    place = f"{_PLACE}/{version if full else f'release-{version}'}/{FOLDER.as_posix()}"
    return tuple(
        ReleaseNote(
            id=file.stem,
            kind=kind,
            area=area,
            text=text,
            marks=marks_of(whole, values),
            source=f"{place}/{file.name}",
            since=version if full else "",
        )
        for file in files
        if file.stem not in older
        for kind, area, text, whole in _told(file)
    )


def marks_of(text: str, values: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """What a text names, in the form of ``ReleaseNote.marks``, sorted."""
    flags = {f"flag:{name}" for name in _FLAG.findall(text)}
    if _AMBIENT.search(text):
        return tuple(sorted({"mode:ambient", *flags}))
    quoted = {word for part in re.findall(r"`([^`]+)`", text) for word in re.findall(r"[\w.-]+", part)}
    named = {f"value:{chart}:{path}" for chart, paths in values.items() for path in quoted & set(paths) if "." in path}
    return tuple(sorted({*flags, *named, *(f"kind:{kind}" for kind in _kinds_in(text, quoted))}))


def _kinds_in(text: str, quoted: set[str]) -> Iterator[str]:
    of_gateway_api = bool(_KINDS_OF_GATEWAY_API.search(text))
    for group_kind in _KINDS:
        kind, _, group = group_kind.partition(".")
        if kind == "Gateway" and of_gateway_api != group.startswith("gateway."):
            continue
        # A word that is also one of plain English is a kind only where it is quoted.
        plain = re.fullmatch(r"[A-Z][a-z]+", kind)
        if kind in quoted or (not plain and re.search(rf"\b{kind}s?\b", text)):
            yield group_kind


def _told(file: Path) -> Iterator[tuple[NoteKind, str, str, str]]:
    """Kind, area, what is kept of the text, and the whole of it; nothing where it tells of an addition or a mended bug."""
    try:
        note = read_yaml(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError):
        return
    if not isinstance(note, dict):
        return
    area = str(note.get("area") or "")
    releases = [_flat(one) for one in _list(note.get("releaseNotes"))]
    upgrades = [
        f"{_flat(one.get('title'))}: {_flat(one.get('content'))}"
        for one in _list(note.get("upgradeNotes"))
        if isinstance(one, dict)
    ]
    security = [_flat(one) for one in _list(note.get("securityNotes"))]
    whole = " ".join([*upgrades, *security, *releases])
    telling = [text for text in releases if not _NEW.match(text)]
    if upgrades:
        yield "upgrade", area, _short(" ".join(upgrades)), whole
    elif security or note.get("kind") == "security-fix":
        yield "security", area, _short(" ".join([*security, *releases])), whole
    elif telling and note.get("kind") != "bug-fix":
        yield ("removal" if any(map(_REMOVED.match, telling)) else "change"), area, _short(" ".join(telling)), " ".join(telling)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _flat(text: Any) -> str:
    return " ".join(str(text or "").split())


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rpartition(' ')[0]} …"
