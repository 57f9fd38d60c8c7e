"""V10: tokens or certificates that the target no longer hands out."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.models.field_path import find
from resail.models.identity import Manifest, ObjectRef

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="V10",
    title="first-party-jwt, or certificates of Kubernetes, are still configured",
    proof="provable",
    severity="blocker",
    installed="<1.24.0",
    target=">=1.22.0",
    detection="jwtPolicy is first-party-jwt, or, for a target from 1.24 on, pilotCertProvider is kubernetes.",
    effect="Proxies with the old token alone are refused by the new istiod; or the chart is not rendered.",
    fix="set third-party-jwt and provider istiod, restart the proxies, then upgrade",
    gates=("G1", "G3"),
    undo=("U1",),
    sources=(
        "https://github.com/istio/istio/blob/master/releasenotes/notes/no-1p-jwt.yaml",
        "https://github.com/istio/istio/blob/1.24.0/manifests/charts/istio-control/istio-discovery/templates/NOTES.txt",
    ),
)

_OLD_TOKENS = "first-party-jwt"
_OLD_PROVIDER = "kubernetes"
_PROVIDER_REFUSED_SINCE = 24
"""Minor from which on the chart refuses it."""


def _find(case: Case) -> Iterator[Sign]:
    effect = f"which {case.target} does not have: proxies with the old token alone will not be let in"
    settings = [setting for setting in case.settings("global.jwtPolicy", "istiod") if setting.value == _OLD_TOKENS]
    for setting in settings:
        yield Sign.at(setting.part.source, setting.path, f"global.jwtPolicy is {_OLD_TOKENS}, {effect}")
    if not settings:
        for workload, path in _of_istiod(case):
            yield Sign.at(workload, path, f"istiod runs with JWT_POLICY={_OLD_TOKENS}, {effect}")
    if case.target.minor >= _PROVIDER_REFUSED_SINCE:
        for setting in case.settings("global.pilotCertProvider", "istiod"):
            if setting.value == _OLD_PROVIDER and setting.part.rendered is None:
                message = f"chart istiod of {case.target} is not rendered while global.pilotCertProvider is {_OLD_PROVIDER}"
                yield Sign.at(setting.part.source, setting.path, message)


def _of_istiod(case: Case) -> Iterator[tuple[Manifest, str]]:
    planes = [plane.deployment for plane in case.snapshot.control_planes if plane.revision == case.revision]
    for workload in case.all("Deployment.apps"):
        if ObjectRef.of(workload) in planes:
            for field in find(workload, "spec.template.spec.containers[name=discovery].env[name=JWT_POLICY].value"):
                if field.value == _OLD_TOKENS:
                    yield workload, field.path


RULE = Rule(_HAZARD, _find)
