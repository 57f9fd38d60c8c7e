"""W6: a namespace with both injection labels follows the default revision, not the one it names."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.webhooks.end_state import labels_of, namespaces, namespaces_after, revision_after
from resail.checks.injection import DEFAULT

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="W6",
    title="A namespace with both injection labels follows the default revision",
    proof="provable",
    severity="warning",
    modes=("sidecar",),
    strategies=("canary",),
    detection="A namespace has istio-injection=enabled, and its istio.io/rev leads to another revision than the default one.",
    effect="Pods that restart get the default revision, though the label names another.",
    fix="take istio-injection off the namespace before istio.io/rev is to count",
    gates=("G8", "G6"),
    undo=("U9",),
    sources=(
        "https://github.com/istio/istio/blob/1.30.3/manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml",
        "https://github.com/istio/istio/issues/43621",
        "https://github.com/istio/istio.io/issues/14597",
    ),
)

_PATHS = ("metadata.labels.istio-injection", "metadata.labels.istio.io/rev")


def _find(case: Case) -> Iterator[Sign]:
    default = revision_after(case, DEFAULT)
    after_all = namespaces_after(case)
    for name, namespace in namespaces(case).items():
        after = after_all[name].labels
        named = after.get("istio.io/rev")
        if not default or not named or after.get("istio-injection") != "enabled":
            continue
        if revision_after(case, named) != default and {"istio-injection", "istio.io/rev"} <= labels_of(namespace).keys():
            seen = tuple(Seen(namespace, path) for path in _PATHS)
            yield Sign(seen, f"pods that restart here get revision {default}, not {named} as the label says")


RULE = Rule(_HAZARD, _find)
