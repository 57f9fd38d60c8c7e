"""A plan with one step of each shape that a record draws, and a journal for it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from resail.models.finding import Finding, FindingObject
from resail.models.identity import IstioVersion, ObjectRef
from resail.models.journal import Entry, EntryBody, Run, RunState
from resail.models.plan import (
    FieldOwnerConflict,
    HelmChange,
    Hop,
    InstallRevision,
    LabelNamespace,
    MoveTag,
    NoUndo,
    ObjectChange,
    Plan,
    PlanFiles,
    RelabelNamespace,
    Restart,
    RestartAgain,
    RestartWave,
    TagBack,
    UninstallRelease,
    Untouched,
    Verify,
)
from resail.plan.file import plan_files

START = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)

CART = ObjectRef("apps/v1", "Deployment", "shop", "cart")
ORDERS = ObjectRef("apps/v1", "StatefulSet", "shop", "orders")
REPORT = ObjectRef("batch/v1", "CronJob", "shop", "report")
OUTSIDE = ObjectRef("apps/v1", "Deployment", "outside", "web<script>")

INSTALL, TAG, LABEL, WAVE, VERIFY = "01-install-revision", "02-move-tag", "03-label", "04-wave-1", "05-verify"


def a_plan() -> PlanFiles:
    istiod = ObjectRef("apps/v1", "Deployment", "istio-system", "istiod-1-27-9")
    webhook = ObjectRef("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "", "validator")
    steps = (
        InstallRevision(
            id=INSTALL,
            title="Install istiod 1-27-9",
            reason="the new revision runs beside the old one",
            undo=UninstallRelease("istio-system/istiod-1-27-9"),
            revision="1-27-9",
            change=HelmChange(
                release="istiod-1-27-9",
                namespace="istio-system",
                chart="istiod",
                action="install",
                from_version="",
                to_version="1.27.9",
                values={"revision": "1-27-9"},
                manifests="istiod.json",
                objects=(ObjectChange(istiod, "add"), ObjectChange(webhook, "change", ("webhooks[0].failurePolicy",))),
                forced=(FieldOwnerConflict(webhook, "webhooks[0].failurePolicy", "pilot-discovery"),),
            ),
        ),
        MoveTag(
            id=TAG,
            title="Move the tag prod",
            reason="namespaces follow it",
            undo=TagBack("prod", "1-26-0", "tag-old.json"),
            tag="prod",
            from_revision="1-26-0",
            to_revision="1-27-9",
            manifests="tag.json",
        ),
        LabelNamespace(
            id=LABEL,
            title="Label the namespace shop",
            reason="it was pinned",
            undo=RelabelNamespace("shop", {"istio.io/rev": "1-26-0"}),
            namespace="shop",
            labels={"istio.io/rev": "1-27-9", "istio-injection": None},
        ),
        RestartWave(
            id=WAVE,
            title="Restart wave 1",
            reason="their proxies are of the old revision",
            undo=RestartAgain(),
            wave=1,
            restarts=(
                Restart(CART, "rollout", "its proxy is 1.26.0", 2, "1.26.0", "1-27-9"),
                Restart(ORDERS, "evict", "its budget permits no rollout", 3, "1.26.0", "1-27-9"),
            ),
        ),
        Verify(id=VERIFY, title="Verify the mesh", reason="to be sure", undo=NoUndo("it changes nothing")),
    )
    plan = Plan(
        from_version=IstioVersion.parse("1.26.0"),
        to_version=IstioVersion.parse("1.27.9"),
        strategy="canary",
        from_revision="1-26-0",
        to_revision="1-27-9",
        on_failure="halt",
        cluster_id="c0ffee",
        istio_namespace="istio-system",
        snapshot_digest="sha256:1",
        hops=(Hop(IstioVersion(1, 26, 0), IstioVersion(1, 27, 9), "1-26-0", "1-27-9", True, "sha256:2"),),
        steps=steps,
        untouched=(
            Untouched(REPORT, "its next run gets the new sidecar"),
            Untouched(OUTSIDE, "it is <not> in the mesh | really"),
        ),
        findings=(
            Finding(
                "pinned-tag",
                "warning",
                "The value `global.tag` was pinned & is <replaced>.",
                (FindingObject("Deployment", "istio-system", "istiod", "spec.template"),),
                fix="Nothing to do.",
            ),
        ),
        resail_version="0.1.0",
    )
    return plan_files(plan, {"istiod.json": (), "tag.json": (), "tag-old.json": ()})


def entries(*bodies: EntryBody) -> tuple[Entry, ...]:
    """One second apart."""
    return tuple(Entry(number, "r-00000001", START + timedelta(seconds=number), body) for number, body in enumerate(bodies, 1))


def a_run(journal: Sequence[Entry], state: RunState = "done", detail: str = "") -> Run:
    return Run(
        id="r-00000001",
        plan_id=a_plan().id,
        plan_file="/state/plans/plan.zip",
        cluster_id="c0ffee",
        state=state,
        started=START,
        updated=journal[-1].time if journal else START,
        step=VERIFY,
        detail=detail,
    )
