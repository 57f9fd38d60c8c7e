"""The user's Helm values: ``-f [CHART=]FILE`` and ``--set [CHART:]path=value``, in the order that Helm merges them.

With an IstioOperator among the files, which is told by its kind, settings for no chart are for it.
"""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from resail.errors import UsageError
from resail.models.rendering import ChartFacts
from resail.operations.yaml_file import read_yaml_file

__all__ = ["CHARTS", "GivenOperator", "Values", "for_charts", "operator_with", "read_operator", "read_values"]

Values = dict[str, dict[str, Any]]
"""Chart → its values; those for which no chart was named stand under the empty name."""

CHARTS = ("base", "istiod", "cni", "ztunnel", "gateway")

_OPERATOR = "IstioOperator"
_ISTIOD = "istiod"
_NO_CHART = ""
_GLOBAL = "global"
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


class GivenOperator(msgspec.Struct, frozen=True):
    """What the user gives for a mesh that istioctl installed."""

    files: dict[str, Any] | None = None
    """The IstioOperators of all files, merged; None where none is one."""
    settings: tuple[str, ...] = ()
    """``path=value`` below ``spec``, as ``istioctl install --set`` takes them."""
    others: tuple[str, ...] = ()
    """Files for no chart that are no IstioOperator."""


def read_operator(files: Iterable[str], settings: Iterable[str]) -> GivenOperator:
    """The IstioOperators among the files, and the settings that name no chart.

    Raises:
        UsageError, ArtifactError: as ``read_values``.
    """
    merged: dict[str, Any] | None = None
    others = []
    for argument in files:
        chart, path = _chart_and_file(argument)
        content = {} if chart else _read(Path(path))
        if _is_operator(content):
            merged = {} if merged is None else merged
            _merge(merged, content)
        elif not chart:
            others.append(argument)
    unnamed = tuple(argument for argument in settings if not _chart_and_assignments(argument)[0])
    return GivenOperator(merged, unnamed, tuple(others))


def operator_with(configuration: dict[str, Any], settings: Iterable[str]) -> dict[str, Any]:
    """The IstioOperator with the settings over it.

    Raises:
        UsageError: one is not ``path=value``, or its path does not fit.
    """
    changed = copy.deepcopy(configuration)
    spec = changed.get("spec")
    changed["spec"] = spec = spec if isinstance(spec, dict) else {}
    for argument in settings:
        path, separator, value = _partition(argument)
        if not separator or not path:
            raise UsageError("is not path=value", on=f"--set {argument}", next_step="write it as for `istioctl install --set`")
        # istioctl writes a list's index as a key of its own.
        _assign(spec, _path(path.replace(".[", "["), argument), _value(value), argument)
    return changed


def read_values(files: Iterable[str], settings: Iterable[str]) -> Values:
    """Merge the files, then the settings, each over what came before; ``null`` is kept, and means: remove.

    IstioOperators are passed over, and what is set in them.

    Raises:
        UsageError: no such chart, not YAML, not a mapping, or not ``path=value``; names file, line and column.
        ArtifactError: a file cannot be read.
    """
    merged: Values = {}
    has_operator = False
    for argument in files:
        chart, path = _chart_and_file(argument)
        content = _read(Path(path))
        if chart or not _is_operator(content):
            _merge(merged.setdefault(chart, {}), content)
        else:
            has_operator = True
    for argument in settings:
        chart, assignments = _chart_and_assignments(argument)
        if has_operator and not chart:
            continue
        for keys, value in _assignments(assignments):
            _assign(merged.setdefault(chart, {}), keys, value, argument)
    return merged


def for_charts(values: Values, facts: Mapping[str, ChartFacts]) -> Values:
    """Give each chart its own: what no chart was named for goes to istiod, and of it each value below ``global`` to every
    other chart whose defaults have it too. Values for a named chart win."""
    general = values.get(_NO_CHART, {})
    shared = general.get(_GLOBAL)
    spread: Values = {}
    for chart, known in facts.items():
        if chart == _ISTIOD:
            own: dict[str, Any] = general
        elif isinstance(shared, dict) and isinstance(known.values.get(_GLOBAL), dict):
            own = {_GLOBAL: {key: value for key, value in shared.items() if key in known.values[_GLOBAL]}}
        else:
            own = {}
        spread[chart] = copy.deepcopy(own)
        _merge(spread[chart], values.get(chart, {}))
    return spread


# --- files ---


def _is_operator(content: dict[str, Any]) -> bool:
    return content.get("kind") == _OPERATOR


def _chart_and_file(argument: str) -> tuple[str, str]:
    chart, separator, path = argument.partition("=")
    if separator and chart in CHARTS:
        return chart, path
    if separator and "/" not in chart and not Path(argument).exists():
        raise _no_chart(chart, argument)
    return _NO_CHART, argument


def _read(path: Path) -> dict[str, Any]:
    content = read_yaml_file(path)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(
            f"holds a {type(content).__name__}, not a mapping of values",
            on=str(path),
            next_step="write the values as the chart's values.yaml does",
        )
    return content


# --- settings ---


def _chart_and_assignments(argument: str) -> tuple[str, str]:
    chart, separator, rest = argument.partition(":")
    if not separator or "=" in chart:
        return _NO_CHART, argument
    if chart not in CHARTS:
        raise _no_chart(chart, argument)
    return chart, rest


def _assignments(text: str) -> Iterator[tuple[list[str | int], Any]]:
    """``a.b=1,c[0]=x`` as Helm's ``--set`` reads it; ``\\`` takes a mark as a character."""
    for assignment in _split(text, ","):
        path, separator, value = _partition(assignment)
        if not separator or not path:
            raise UsageError("is not path=value", on=f"--set {text}", next_step="write it as `--set pilot.cni.enabled=true`")
        yield _path(path, text), _value(value)


def _path(text: str, whole: str) -> list[str | int]:
    keys: list[str | int] = []
    for part in _split(text, "."):
        match = re.fullmatch(r"(?P<key>(?:\\.|[^\[\]\\])*)(?P<indexes>(?:\[[0-9]+\])*)", part)
        if match is None or not match["key"]:
            raise UsageError(f"has an empty key in {text!r}", on=f"--set {whole}", next_step="name every key")
        keys.append(_plain(match["key"]))
        keys += [int(index) for index in re.findall(r"[0-9]+", match["indexes"])]
    return keys


def _value(text: str) -> Any:
    if text.startswith("{") and text.endswith("}"):
        return [_value(item) for item in _split(text[1:-1], ",")] if len(text) > 2 else []
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return _plain(text)


def _split(text: str, mark: str) -> list[str]:
    """At each ``mark`` that is neither escaped nor in braces."""
    parts = [""]
    depth = 0
    for token in re.findall(r"\\.|.", text, re.DOTALL):
        depth += (token == "{") - (token == "}")
        if token == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def _partition(text: str) -> tuple[str, str, str]:
    match = re.fullmatch(r"((?:\\.|[^=\\])*)(=)(.*)", text, re.DOTALL)
    return (match[1], match[2], match[3]) if match else (text, "", "")


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


# --- merging ---


def _merge(into: dict[str, Any], what: dict[str, Any]) -> None:
    for key, value in what.items():
        present = into.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(present, value)
        else:
            into[key] = value


def _assign(into: dict[str, Any], path: list[str | int], value: Any, argument: str) -> None:
    place: Any = into
    for key, following in zip(path, [*path[1:], None], strict=True):
        empty: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(key, int):
            _grow(place, key, argument)
        if following is None or _slot(place, key) is None or not isinstance(_slot(place, key), type(empty)):
            place[key] = empty
        place = place[key]


def _slot(place: Any, key: str | int) -> Any:
    return place.get(key) if isinstance(place, dict) else place[key]


def _grow(place: list[Any], index: int, argument: str) -> None:
    if index > len(place):
        raise UsageError(
            f"sets item {index} of a list of {len(place)}", on=f"--set {argument}", next_step="set the items in order"
        )
    if index == len(place):
        place.append(None)


def _no_chart(chart: str, argument: str) -> UsageError:
    return UsageError(
        f"there is no chart {chart!r}", on=argument, next_step=f"choose among {', '.join(CHARTS)}; the default is istiod"
    )
