"""N7: the new control plane would sign with another root."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from resail.checks.hazards.case import Case, Unknown
from resail.checks.hazards.discovery import is_on, others_sign, told_among, told_now
from resail.checks.hazards.hazard import Hazard, Rule, Seen, Sign
from resail.checks.hazards.webhooks.end_state import changes_of
from resail.models.field_path import first
from resail.models.identity import Manifest, ObjectRef
from resail.models.plan import AwaitSoak, HelmChange, InstallRevision
from resail.models.trust import CONFIG_MAP, SIGNERS

__all__ = ["RULE"]

_HAZARD = Hazard(
    id="N7",
    title="The new control plane would sign with another root",
    proof="provable",
    severity="blocker",
    detection="The plan adds or removes the Secret that istiod signs with, or installs the new revision in a namespace without "
    "it; USE_CACERTS_FOR_SELF_SIGNED_CA goes off where only it tells where the authority is; or a root ends within 30 days.",
    effect="Old and new proxies refuse each other until all have restarted.",
    fix="copy the Secret to where the new istiod looks for it, or change the root as planned work before the upgrade",
    gates=("G9", "G12"),
    undo=("U4",),
    sources=(
        "https://github.com/istio/istio/issues/46600",
        "https://github.com/istio/istio/issues/47650",
        "https://github.com/istio/istio/issues/44932",
        "https://github.com/istio/istio/blob/1.20.0/pilot/pkg/features/pilot.go",
    ),
)

_PLUGGED, _SELF_MADE = SIGNERS
_FLAG = "USE_CACERTS_FOR_SELF_SIGNED_CA"
_MADE_BY_ISTIOD = "istio-generated"
_WINDOW = timedelta(days=30)
"""In which an upgrade with its restarts should be over."""


def _find(case: Case) -> Iterator[Sign]:
    yield from _ending(case)
    if others_sign(case) or is_on(told_now(case, "ISTIO_MULTIROOT_MESH")):
        return
    signers = [one for one in case.all("Secret") if first(one, "metadata.name") in SIGNERS]
    yield from _elsewhere(case, signers)
    yield from _planned(case)
    yield from _flag(case, signers)


def _elsewhere(case: Case, signers: list[Manifest]) -> Iterator[Sign]:
    """The new istiod looks for its Secret in its own namespace."""
    homes = {plane.deployment.namespace for plane in case.snapshot.control_planes if plane.revision == case.revision}
    holders = {first(one, "metadata.namespace") for one in signers}
    for index, step in enumerate(case.steps or ()):
        if not isinstance(step, InstallRevision) or not isinstance(step.change, HelmChange):
            continue
        goal = step.change.namespace
        if homes and goal not in homes and goal not in holders and homes & holders:
            message = (
                f"revision {step.revision} would make a root of its own in namespace {goal}, which has no Secret to sign with"
            )
            source = next(one for one in signers if first(one, "metadata.namespace") in homes)
            yield Sign((Seen(case.plan, f"steps[{index}].change.namespace"), Seen(source, "metadata.name")), message)


def _planned(case: Case) -> Iterator[Sign]:
    for index, step in enumerate(case.steps or ()):
        for number, change in enumerate(changes_of(step)):
            if change.object.kind == "Secret" and change.object.name in SIGNERS and change.change in ("add", "remove"):
                holder = "change.objects" if hasattr(step, "change") else "objects"
                verb = "adds" if change.change == "add" else "removes"
                message = f"step {step.id} {verb} {change.object}, which istiod signs with"
                yield Sign.at(case.plan, f"steps[{index}].{holder}[{number}].change", message)


def _flag(case: Case, signers: list[Manifest]) -> Iterator[Sign]:
    """Without the flag istiod passes over the ``cacerts`` that it made itself, and makes ``istio-ca-secret``."""
    root = [one for one in signers if first(one, "metadata.namespace") == case.snapshot.istio_namespace]
    made = [one for one in root if first(one, "metadata.name") == _PLUGGED and first(one, f"data.{_MADE_BY_ISTIOD}") is not None]
    now = told_now(case, _FLAG)
    if not made or len(root) > 1 or not is_on(now) or now is None:
        return
    charts = [part for part in case.parts if part.chart == "istiod"]
    if not charts:
        raise Unknown("it is not known what the new istiod is told")
    if not any(is_on(told_among(part.target, _FLAG)) for part in charts):
        message = f"the new istiod is not told {_FLAG}, and would make a new root in {_SELF_MADE}"
        yield Sign((now, Seen(made[0], f"data.{_MADE_BY_ISTIOD}")), message)


def _ending(case: Case) -> Iterator[Sign]:
    """Roots that have ended already are a finding of the plan itself."""
    soak = sum(step.seconds for step in case.steps or () if isinstance(step, AwaitSoak))
    until = case.today + _WINDOW + timedelta(seconds=soak)
    told: set[str] = set()
    held = [bundle for bundle in case.snapshot.trust if bundle.objects]
    for bundle in sorted(held, key=lambda one: one.objects[0].kind != "Secret"):
        for certificate in bundle.certificates:
            ends = _day(certificate.not_after)
            seen = _holder(case, bundle.objects[0], bundle.field)
            if ends is None or seen is None or certificate.fingerprint in told or not case.today <= ends <= until:
                continue
            told.add(certificate.fingerprint)
            message = f"root {certificate.fingerprint[:12]} ends on {ends}, and the upgrade may last until then"
            yield Sign((seen,), message, severity="warning", fix="renew the root of the mesh first")


def _day(moment: str) -> date | None:
    try:
        return datetime.fromisoformat(moment).date()
    except ValueError:
        return None


def _holder(case: Case, ref: ObjectRef, field: str) -> Seen | None:
    """A ConfigMap or Secret; what holds the root in another way has it from there."""
    key = field.removeprefix("data[").removesuffix("]")
    for manifest in case.all(ref.kind) if ref.kind == "Secret" or ref.name == CONFIG_MAP else ():
        if ObjectRef.of(manifest) == ref and first(manifest, f"data.{key}") is not None:
            return Seen(manifest, f"data.{key}")
    return None


RULE = Rule(_HAZARD, _find)
