"""W10: pods with image auto restart where nothing injects them."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Sign
from resail.checks.hazards.webhooks.end_state import namespaces_after, tags_after
from resail.checks.hazards.webhooks.injectors import Injector, injectors_after
from resail.checks.hazards.webhooks.pod_templates import own_proxies, templates_after
from resail.checks.hazards.webhooks.services import answers, exists
from resail.models.identity import ObjectRef

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="W10",
    title="Pods with image auto restart where nothing injects them",
    proof="provable",
    severity="blocker",
    detection="A pod template has a container istio-proxy with image auto, and once the hop is done no webhook of Istio with a "
    "Service that answers takes its pods.",
    effect="New pods cannot pull their image: a rollout or a node's drain shrinks the gateway.",
    fix="mend the label or revision, see by a pod as a dry run that it is injected, then restart",
    gates=("G6", "G8"),
    undo=("U9",),
    sources=(
        "https://github.com/istio/istio/issues/46307",
        "https://github.com/istio/istio/issues/54841",
        "https://github.com/istio/istio/issues/33512",
        "https://github.com/istio/istio/blob/1.30.3/manifests/charts/gateway/templates/deployment.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    injectors = injectors_after(case)
    there = namespaces_after(case)
    for ref, (manifest, pod) in templates_after(case).items():
        automatic = [path for path, image in own_proxies(manifest).items() if image == "auto"]
        if not automatic or ref.namespace not in there:
            continue
        taking = [one for one in injectors if one.takes(there[ref.namespace].labels, pod)]
        if not any(_answers(case, one) for one in taking):
            behind = f"{taking[0].name}, which takes them, has no istiod that answers" if taking else "no webhook takes them"
            yield Sign.at(manifest, automatic[0], f"new pods of {ref} stay without an image: {behind}")


def _answers(case: Case, injector: Injector) -> bool:
    """One that the plan makes or points elsewhere does then; of one that calls a URL nothing else is known."""
    hook = next((one for one in case.snapshot.webhooks if one.ref == ObjectRef.of(injector.manifest)), None)
    if hook is None or injector.service is None or hook.service != "/".join(injector.service):
        return True
    if hook.tag and tags_after(case).get(hook.tag, hook.revision) != hook.revision:
        return True
    return exists(case, *injector.service) and answers(case, *injector.service)


RULE = Rule(_HAZARD, _find)
