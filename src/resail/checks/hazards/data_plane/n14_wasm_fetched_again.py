"""N14: every proxy that restarts fetches its Wasm modules again, and refuses requests while it has none."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.models.field_path import first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="N14",
    title="Every proxy that restarts must fetch its Wasm module again",
    proof="indicative",
    severity="warning",
    detection="A WasmPlugin or TrafficExtension has a remote module, and a strategy for failures that refuses requests.",
    effect="Where the module's host does not answer the new proxies, requests through them are refused.",
    fix="see that new pods reach the module's host, or mirror it; restart one replica first",
    gates=("G4", "G5"),
    undo=("U2",),
    sources=(
        "https://github.com/istio/istio/blob/1.30.3/pilot/pkg/model/extensions.go",
        "https://github.com/istio/istio/blob/1.30.3/pkg/wasm/convert.go",
    ),
)

_PLACES = (("WasmPlugin.extensions.istio.io", "spec"), ("TrafficExtension.extensions.istio.io", "spec.wasm"))
_REFUSES = ("", "FAIL_CLOSE")
"""A strategy that is not set refuses."""


def _find(case: Case) -> Iterator[Sign]:
    for kind, place in _PLACES:
        for plugin in case.all(kind):
            url = first(plugin, f"{place}.url")
            strategy = first(plugin, f"{place}.failStrategy", "")
            if isinstance(url, str) and _is_remote(url) and strategy in _REFUSES:
                yield Sign.at(plugin, f"{place}.url", f"proxies refuse requests until they have fetched {url} again")


def _is_remote(url: str) -> bool:
    """A URL without a scheme is one of a registry."""
    return bool(url) and not url.startswith("file://")


RULE = Rule(_HAZARD, _find)
