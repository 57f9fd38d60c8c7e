"""N8: telemetry expressions with the attribute names of the old Wasm filters."""

import re
from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.models.field_path import Field, find

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="N8",
    title="Telemetry expressions with the attribute names of the old Wasm filters",
    proof="provable",
    severity="warning",
    installed="<1.24.0",
    target=">=1.24.0",
    detection="An expression uses wasm.downstream_peer, wasm.upstream_peer, node or a bare istio_ attribute.",
    effect="Labels of metrics become empty, and filters of access logs drop records.",
    fix="write it with filter_state.downstream_peer and upstream_peer, guarded by has() while both versions run",
    gates=("G11",),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/blob/1.24.0/releasenotes/notes/telemetry-cel.yaml",
        "https://istio.io/latest/news/releases/1.24.x/announcing-1.24/upgrade-notes/",
    ),
)

_OLD = re.compile(r"wasm\.(?:down|up)stream_peer|(?<![\w.'\"\[])node\.|(?<![\w.'\"\[])istio_\w+")
_TEXT = re.compile(r"'[^']*'(?!\s*\])|\"[^\"]*\"(?!\s*\])")
"""A literal; a key in brackets is a name."""

_EXPRESSIONS = (
    ("Telemetry.telemetry.istio.io", "spec.accessLogging[*].filter.expression"),
    ("Telemetry.telemetry.istio.io", "spec.metrics[*].overrides[*].tagOverrides.*.value"),
    ("EnvoyFilter.networking.istio.io", "spec.configPatches[*].patch.value.typed_config.access_log[*].filter"),
)


def _find(case: Case) -> Iterator[Sign]:
    for kind, pattern in _EXPRESSIONS:
        for manifest in case.all(kind):
            for field in find(manifest, pattern):
                for name in _old_names(field):
                    yield Sign.at(manifest, field.path, f"its expression uses {name}, which {case.target} does not know")
                    break
    for manifest in case.all("ConfigMap"):
        for field in find(manifest, "data.mesh.accessLogFormat"):
            if isinstance(field.value, str) and "FILTER_STATE(wasm." in field.value:
                yield Sign.at(manifest, field.path, "the format of access logs names filter states of the old Wasm filters")


def _old_names(field: Field) -> Iterator[str]:
    values = [field.value, *(inner.value for inner in find(field.value, "extension_filter.typed_config.expression"))]
    for value in values:
        if isinstance(value, str):
            yield from (matched[0] for matched in _OLD.finditer(_TEXT.sub("''", value)))


RULE = Rule(_HAZARD, _find)
