"""O6: values of the gateway chart change the selector of its Deployment, which the API server refuses."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.ownership.rendered import live, rendered_parts
from resail.models.field_path import find, first
from resail.models.identity import ObjectRef

__all__ = ["RULE"]

_SELECTOR = "spec.selector.matchLabels"

_HAZARD = Hazard(
    id="O6",
    title="Labels of a gateway release change a selector that may not change",
    proof="provable",
    severity="blocker",
    methods=("helm",),
    detection="The selector of a gateway's Deployment is not what the target renders.",
    effect="The API server refuses the Deployment, and the release fails.",
    fix="set labels to what they were; or install a second gateway release, and move the traffic",
    gates=("G1", "G2"),
    undo=("U1", "U4"),
    sources=(
        "https://github.com/istio/istio/blob/1.23.0/manifests/charts/gateway/templates/_helpers.tpl",
        "https://github.com/istio/istio/issues/25642",
        "https://github.com/istio/istio/issues/32166",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    empty = list(_empty_labels(case)) if case.crosses("1.23.0") else []
    yield from empty
    if empty:
        return
    for part in rendered_parts(case, "gateway"):
        for rendered in part.target if part.method == "helm" else ():
            there = live(case, rendered) if rendered["kind"] in ("Deployment", "DaemonSet") else None
            if there is None or first(there, _SELECTOR) == first(rendered, _SELECTOR):
                continue
            changed = [key for key in ("app", "istio") if _differs(there, rendered, key)]
            values = [one for key in changed for one in find(part.source, f"{part.path}.labels.{key}")]
            yield Sign(
                (Seen(there, _SELECTOR), *(Seen(part.source, one.path) for one in values)),
                f"the selector of {ObjectRef.of(there)} would change, which the API server refuses",
            )


def _empty_labels(case: Case) -> Iterator[Sign]:
    """Up to 1.22 an empty label is left out of the selector, from 1.23 on it is in it; told where nothing is rendered."""
    for key in ("app", "istio"):
        for setting in case.settings(f"labels.{key}", "gateway"):
            if setting.value == "" and setting.part.rendered is None and setting.part.method == "helm":
                told = f"label {key}, which is empty, comes into the selector of the Deployment, which the API server refuses"
                yield Sign.at(setting.part.source, setting.path, told)


def _differs(there: object, rendered: object, key: str) -> bool:
    return bool(first(there, f"{_SELECTOR}.{key}") != first(rendered, f"{_SELECTOR}.{key}"))


RULE = Rule(_HAZARD, _find)
