"""K2: istiod of this very patch panics when it starts."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.span import within
from resail.models.field_path import find, first

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="K2",
    title="istiod of this patch panics when it starts",
    proof="provable",
    severity="blocker",
    target=">=1.26.0,<1.29.1",
    detection="The target is 1.26.0 and a Gateway of the Gateway API has a hostname; or it is 1.29.0 and there are remote "
    "clusters, whose reader role cannot be seen from here.",
    effect="istiod starts again and again, and serves no configuration.",
    fix="choose 1.26.1, 1.29.1 or newer",
    gates=("G12", "G3"),
    undo=("U7",),
    sources=(
        "https://github.com/istio/istio/issues/56300",
        "https://github.com/istio/istio/issues/59153",
        "https://github.com/istio/istio/blob/1.26.1/releasenotes/notes/56300.yaml",
        "https://github.com/istio/istio/blob/1.29.1/releasenotes/notes/59156.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    if within(case.target, "=1.26.0"):
        for gateway in case.all("Gateway.gateway.networking.k8s.io"):
            for field in find(gateway, "spec.listeners[*].hostname"):
                yield Sign.at(gateway, field.path, f"istiod {case.target} panics over the hostnames of such listeners")
                break
    if within(case.target, "=1.29.0"):
        for secret in case.all("Secret"):
            if first(secret, path := "metadata.labels.istio/multiCluster") == "true":
                message = (
                    f"istiod {case.target} panics where the reader role of this remote cluster is older than 1.29, which cannot "
                    "be seen from here"
                )
                yield Sign.at(secret, path, message, severity="warning")


RULE = Rule(_HAZARD, _find)
