"""D2: patches of EnvoyFilters that may no longer apply, or that proxies refuse."""

import re
from collections.abc import Iterator
from typing import Any

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.models.field_path import Field, find, first
from resail.models.identity import IstioVersion, Manifest

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="D2",
    title="Patches of EnvoyFilters that may no longer apply, or that proxies refuse",
    proof="indicative",
    severity="warning",
    detection="A patch is for proxy versions that do not have the target among them; or, across 1.19, uses an old filter name or "
    "adds an extension without typed_config; or, across 1.20, has its place beside a filter that moved.",
    effect="The patch is passed over in silence, or proxies refuse the listener.",
    fix="write it for the target: full names, typed_config, a priority; and compare one proxy's configuration before and after",
    gates=("G3", "G4"),
    undo=("U2",),
    sources=(
        "https://github.com/istio/istio/blob/master/releasenotes/notes/deprecated-envoy-filter.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/no_extension_lookup_by_name.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/filter-order.yaml",
        "https://github.com/istio/istio/issues/52673",
    ),
)

_OLD_NAMES = re.compile(r"envoy\.(?!filters\.|extensions\.|transport_sockets\.)[a-z_.]+")
"""``envoy.http_connection_manager``: Envoy's names before 1.14."""
_MOVED = ("istio.metadata_exchange", "istio.stats", "envoy.filters.http.rbac")
_BESIDE = ("INSERT_BEFORE", "INSERT_AFTER")
_VERSION = "match.proxy.proxyVersion"
_FILTER = "match.listener.filterChain.filter"


def _find(case: Case) -> Iterator[Sign]:
    filters = case.all("EnvoyFilter.networking.istio.io")
    fitting = {
        _place(one, patch) for one in filters for patch in find(one, "spec.configPatches[*]") if _is_for(patch, case.target)
    }
    for one in filters:
        yield from _pinned(case, one, fitting)
        for patch in find(one, "spec.configPatches[*]"):
            if case.crosses("1.19.0"):
                yield from _old_forms(one, patch)
            if case.crosses("1.20.0"):
                yield from _moved(one, patch)


def _pinned(case: Case, one: Manifest, fitting: set[tuple[object, object]]) -> Iterator[Sign]:
    """A patch for each of several versions, here or in other objects beside it, is as it should be."""
    for patch in find(one, "spec.configPatches[*]"):
        if _is_for(patch, case.installed) and not _is_for(patch, case.target) and _place(one, patch) not in fitting:
            path = f"{patch.path}.{_VERSION}"
            message = f"the patch is for proxies {first(one, path)}, and those of {case.target} do not fit"
            yield Sign.at(one, path, message)


def _is_for(patch: Field, version: IstioVersion) -> bool:
    """Does it name versions, and this among them?"""
    pattern = first(patch.value, _VERSION)
    return isinstance(pattern, str) and _fits(pattern, version)


def _place(one: Manifest, patch: Field) -> tuple[object, object]:
    return one["metadata"].get("namespace"), str(first(patch.value, "applyTo"))


def _fits(pattern: str, version: IstioVersion) -> bool:
    try:
        return re.search(pattern, str(version)) is not None
    except re.error:
        return False


def _old_forms(one: Manifest, patch: Field) -> Iterator[Sign]:
    for path in (f"{_FILTER}.name", f"{_FILTER}.subFilter.name", "patch.value.name"):
        for field in find(patch.value, path):
            if isinstance(field.value, str) and _OLD_NAMES.fullmatch(field.value):
                message = f"{field.value} is a name that Envoy no longer looks filters up by"
                yield Sign.at(one, f"{patch.path}.{field.path}", message)
                return
    if _adds(patch.value) and _is_bare(first(patch.value, "patch.value")):
        message = "it adds an extension without typed_config, which Envoy no longer finds by its name"
        yield Sign.at(one, f"{patch.path}.patch.value", message)


def _is_bare(value: Any) -> bool:
    return isinstance(value, dict) and not value.keys() & {"typed_config", "typedConfig", "config_discovery"}


def _moved(one: Manifest, patch: Field) -> Iterator[Sign]:
    if first(patch.value, "patch.operation") not in _BESIDE or first(one, "spec.priority"):
        return
    for path in (f"{_FILTER}.subFilter.name", f"{_FILTER}.name"):
        for field in find(patch.value, path):
            if field.value in _MOVED:
                seen = (Seen(one, f"{patch.path}.{field.path}"), Seen(one, f"{patch.path}.patch.operation"))
                yield Sign(seen, f"it has its place beside {field.value}, which stands elsewhere from 1.20 on")


def _adds(patch: Any) -> bool:
    """Of a filter."""
    filters = first(patch, "applyTo") in ("HTTP_FILTER", "NETWORK_FILTER")
    return filters and str(first(patch, "patch.operation")).startswith(("INSERT", "ADD"))


RULE = Rule(_HAZARD, _find)
