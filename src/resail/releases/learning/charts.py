"""Of a release's charts: values with their defaults, objects, profiles, compatibility versions."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from resail.errors import ArtifactError
from resail.models.plain_yaml import read_yaml
from resail.releases.layout import CHARTS

__all__ = ["charts_of", "compatibility_versions_of", "object_name", "objects_of", "profiles_of", "values_of"]

_WRAPPERS = ("_internal_defaults_do_not_set", "defaults")
"""Keys that hold a chart's defaults since 1.21, and that no user sets."""
_PROFILE = "profile-"
_COMPATIBILITY = "compatibility-version-"
_KIND = re.compile(r"^kind: *([A-Za-z]+)", re.MULTILINE)
_EXPRESSIONS = re.compile(r"\{\{.*?\}\}(?:-?\{\{.*?\}\})*")
_NAME = re.compile(r"^metadata:\n(?:(?: .*|\{\{.*)?\n)*?  name: *(.+?)\s*$", re.MULTILINE)


def charts_of(directory: Path) -> dict[str, Path]:
    """Our name of a chart → its folder, in an unpacked archive, a source tree, or a directory laid out as ours.

    Raises:
        ArtifactError: there are none.
    """
    roots = [directory / "manifests" / "charts", directory / "charts"]
    found = {
        name: folder
        for name, folders in CHARTS.items()
        for folder in [next((root / one for root in roots for one in folders if (root / one / "values.yaml").is_file()), None)]
        if folder
    }
    if not found:
        raise ArtifactError(
            "there are no charts in it",
            on=str(directory),
            next_step="give an unpacked release archive of Istio, its source tree, or what `resail releases show` names",
        )
    return found


def values_of(chart: Path) -> dict[str, Any]:
    """Path of each leaf of the defaults → the default; a list, and what is empty, is a leaf.

    Raises:
        ArtifactError: they cannot be read.
    """
    file = chart / "values.yaml"
    try:
        values = read_yaml(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ArtifactError(f"its values cannot be read: {error}", on=str(file), next_step="get the release again") from error
    if not isinstance(values, dict):
        return {}
    wrapped: dict[str, Any] = next((values[key] for key in _WRAPPERS if isinstance(values.get(key), dict)), {})
    bare = {key: value for key, value in values.items() if key not in _WRAPPERS}
    return dict(sorted(_leaves({**wrapped, **bare})))


def _leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested values, each with its path."""
    for key, value in values.items():
        path = f"{above}.{key}" if above else key
        if isinstance(value, dict) and value:
            yield from _leaves(value, path)
        else:
            yield path, value


def objects_of(chart: Path) -> tuple[str, ...]:
    """Kind and name of each object that stands in a template, whatever its conditions are; CRDs are not among them."""
    found: set[str] = set()
    for file in sorted((chart / "templates").rglob("*.yaml")):
        for text in re.split(r"^---", file.read_text(errors="replace"), flags=re.MULTILINE):
            kind, name = _KIND.search(text), _NAME.search(text)
            if kind and name:
                found.add(f"{kind[1]} {object_name(name[1])}")
    return tuple(sorted(found))


def object_name(template: str) -> str:
    """A name as a template has it; what the values decide about is ``…``."""
    return _EXPRESSIONS.sub("…", template.strip('"'))


def profiles_of(charts: Mapping[str, Path]) -> tuple[str, ...]:
    """``ambient``, ``demo``, ``platform-gke`` …"""
    return tuple(sorted({name for name in _profiles(charts) if not name.startswith(_COMPATIBILITY)}))


def compatibility_versions_of(charts: Mapping[str, Path]) -> tuple[str, ...]:
    """``1.24``, ``1.25`` …"""
    names = {name.removeprefix(_COMPATIBILITY) for name in _profiles(charts) if name.startswith(_COMPATIBILITY)}
    return tuple(sorted(names, key=lambda version: [int(part) for part in re.findall(r"\d+", version)]))


def _profiles(charts: Mapping[str, Path]) -> Iterator[str]:
    for chart in charts.values():
        for file in (chart / "files").glob(f"{_PROFILE}*.yaml"):
            yield file.stem.removeprefix(_PROFILE)
