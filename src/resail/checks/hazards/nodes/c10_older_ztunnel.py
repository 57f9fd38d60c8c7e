"""C10: a ztunnel that is older than istiod is sent what it does not know."""

from collections.abc import Iterator

from resail.checks.hazards.case import Case
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.nodes.agents import agent, image_of, version_of
from resail.checks.hazards.span import within
from resail.models.field_path import find, first
from resail.models.identity import Manifest, ObjectRef
from resail.models.snapshot import Component

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="C10",
    title="An older ztunnel is sent what it does not know",
    proof="indicative",
    severity="warning",
    installed="<1.31.0",
    target=">=1.28.0",
    modes=("ambient",),
    detection=(
        "ztunnel is older than 1.28 and a ServiceEntry has resolution NONE; or older than 1.29, and istiod sends policies on "
        "trial; or istiod becomes 1.31, and 40,000 workloads and services meet its default limit of a message."
    ),
    effect="Updates are rejected, policies on trial deny, or ztunnel cannot connect again.",
    fix="bring ztunnel on right after istiod",
    gates=("G3", "G4"),
    undo=("U3", "U7"),
    sources=(
        "https://github.com/istio/istio/blob/1.28.0/releasenotes/notes/57656.yaml",
        "https://github.com/istio/istio/blob/1.29.0/releasenotes/notes/authz-dry-run-ambient.yaml",
        "https://github.com/istio/istio/blob/master/releasenotes/notes/wds-reconnect-version-skip.yaml",
    ),
)
_DRY_RUN = "AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY"
_LIMIT = "ISTIO_GPRC_MAXRECVMSGSIZE"  # as Istio spells it
_MANY = 40_000
_TRIAL = "metadata.annotations.istio.io/dry-run"


def _find(case: Case) -> Iterator[Sign]:
    ztunnel = agent(case, "ztunnel")
    if ztunnel is None:
        return
    version = version_of(ztunnel)
    if within(version, "<1.28.0"):
        yield from _unknown_services(case, ztunnel)
    if within(version, "<1.29.0") and within(case.target, ">=1.29.0"):
        yield from _policies_on_trial(case, ztunnel)
    if within(case.target, ">=1.31.0"):
        yield from _large_requests(case)


def _unknown_services(case: Case, ztunnel: Component) -> Iterator[Sign]:
    """One sign for all: it is ztunnel that is to be mended."""
    entries = [
        Seen(entry, "spec.resolution" if first(entry, "spec.resolution") is not None else "spec")
        for entry in case.all("ServiceEntry.networking.istio.io")
        if first(entry, "spec.resolution", "NONE") == "NONE"
    ]
    if entries:
        message = f"ztunnel {ztunnel.version} rejects {len(entries)} services with resolution NONE until it is replaced"
        yield Sign((image_of(case, ztunnel), entries[0]), message)


def _policies_on_trial(case: Case, ztunnel: Component) -> Iterator[Sign]:
    flag = _flag(case, _DRY_RUN)
    if flag is None or str(first(flag.object, flag.path)).lower() not in ("true", "1"):
        return
    for policy in case.all("AuthorizationPolicy.security.istio.io"):
        if first(policy, _TRIAL) == "true":
            yield Sign(
                (Seen(policy, _TRIAL), flag),
                f"ztunnel {ztunnel.version} enforces this policy, which is on trial, as soon as istiod {case.target} sends it",
                fix=f"switch {_DRY_RUN} on once ztunnel is 1.29 or later",
            )


def _large_requests(case: Case) -> Iterator[Sign]:
    counted = ("Pod", "Service", "ServiceEntry.networking.istio.io", "WorkloadEntry.networking.istio.io")
    number = sum(len(case.all(kind)) for kind in counted)
    if number < _MANY or _flag(case, _LIMIT) is not None:
        return
    for istiod in _istiods(case):
        yield Sign.at(
            istiod,
            "spec.template.spec.containers",
            f"a ztunnel that connects again names some {number} workloads and services, more than istiod takes in one message",
            fix=f"set pilot.env.{_LIMIT}, 1 MiB for each 10,000 of them",
        )


def _flag(case: Case, name: str) -> Seen | None:
    """Where istiod is given an environment variable."""
    for pattern in (f"pilot.env.{name}", f"env.{name}"):
        for setting in case.settings(pattern, "istiod"):
            return Seen(setting.part.source, setting.path)
    for istiod in _istiods(case):
        for field in find(istiod, f"spec.template.spec.containers[name=discovery].env[name={name}].value"):
            return Seen(istiod, field.path)
    return None


def _istiods(case: Case) -> list[Manifest]:
    upgraded = {plane.deployment for plane in case.snapshot.control_planes if plane.revision == case.revision}
    return [manifest for manifest in case.all("Deployment.apps") if ObjectRef.of(manifest) in upgraded]


RULE = Rule(_HAZARD, _find)
