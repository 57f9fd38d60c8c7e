"""W1: a validating webhook asks an istiod that is gone, or that the plan removes."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.webhooks.end_state import changes_of, removed
from resail.checks.hazards.webhooks.services import answers, exists
from resail.models.field_path import find, first
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import MoveTag, RemoveRevision
from resail.models.snapshot import Webhook

__all__ = ["RULE"]

_KIND = "ValidatingWebhookConfiguration"

_HAZARD = Hazard(
    id="W1",
    title="A validating webhook asks an istiod that is gone or goes",
    proof="provable",
    severity="blocker",
    detection="A validator of Istio with failurePolicy Fail calls a Service that is not there, has no ready endpoint, "
    "or goes with a revision that the plan removes.",
    effect="Whoever creates or changes an Istio object is refused, the upgrade included.",
    fix="point the validator to the revision that stays (tag default, or defaultRevision), or delete a left-over one",
    gates=("G6", "G8"),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/issues/37512",
        "https://github.com/istio/istio/issues/35588",
        "https://github.com/istio/istio/issues/39205",
        "https://github.com/istio/istio/blob/1.31.0-rc.0/releasenotes/notes/60537.yaml",
    ),
)


def _find(case: Case) -> Iterator[Sign]:
    hooks = {hook.ref: hook for hook in case.snapshot.webhooks if hook.ref.kind == _KIND}
    for manifest in case.all(f"{_KIND}.admissionregistration.k8s.io"):
        hook = hooks.get(ObjectRef.of(manifest))
        closed = next((one.path for one in find(manifest, "webhooks[*]") if _refuses(one.value)), None)
        if hook is None or closed is None or hook.ref in removed(case):
            continue
        namespace, name = (first(manifest, f"{closed}.clientConfig.service.{key}") for key in ("namespace", "name"))
        if not isinstance(namespace, str) or not isinstance(name, str):
            continue
        problem = _problem(case, hook, namespace, name)
        if problem:
            fields = (f"{closed}.clientConfig.service.name", f"{closed}.failurePolicy")
            seen = tuple(Seen(manifest, path) for path in fields if first(manifest, path) is not None)
            yield Sign(seen, f"{hook.ref.name} refuses Istio objects {problem}")


def _problem(case: Case, hook: Webhook, namespace: str, name: str) -> str:
    if _goes(case, hook):
        return f"once the plan has removed Service {hook.service}, which it calls"
    if hook.service != f"{namespace}/{name}":
        return ""  # an earlier hop points it elsewhere
    if not exists(case, namespace, name):
        return f"since Service {namespace}/{name}, which it calls, is not there"
    return "" if answers(case, namespace, name) else f"since no endpoint of Service {namespace}/{name} is ready"


def _goes(case: Case, hook: Webhook) -> bool:
    gone = {f"{ref.namespace}/{ref.name}" for ref in removed(case) if ref.kind == "Service"}
    return hook.service in gone and not _moves(case, hook.ref)


def _moves(case: Case, ref: ObjectRef) -> bool:
    """Does a step point it elsewhere?"""
    with_default = [tag.validator for tag in case.snapshot.tags if tag.tag == "default" and tag.validator]
    for step in case.steps or ():
        if isinstance(step, MoveTag) and step.tag == "default" and any(ObjectRef.of(one) == ref for one in with_default):
            return True
        if not isinstance(step, RemoveRevision) and any(one.object == ref for one in changes_of(step)):
            return True
    return False


def _refuses(entry: Manifest) -> bool:
    return bool(first(entry, "failurePolicy", "Fail") == "Fail")


RULE = Rule(_HAZARD, _find)
