"""What undoing would do, told without doing it."""

import asyncio
from pathlib import Path

import pytest

from resail.engine.foresight.undoing import foresee_undoing, steps_left_out
from resail.errors import UsageError
from resail.models.identity import ObjectRef
from resail.models.istioctl_marks import as_istioctl_applies
from resail.models.plan import ObjectChange
from resail.models.undoing import FieldBack, StepUndoing, Undoing, WriteForeseen
from resail.operations.undoable import run_to_undo
from resail.report.undoing import render_undoing
from tests.engine import test_istioctl_steps as by_istioctl
from tests.engine.doubles import NoFindings, StoppedClock
from tests.engine.test_loop import RUN, Bench, KilledError, a_plan


def foreseen(bench: Bench) -> tuple[StepUndoing, ...]:
    work = foresee_undoing(bench.cluster, a_plan(), bench.journal, RUN, StoppedClock(), NoFindings())
    return asyncio.run(work)


def test_of_a_half_done_run_the_rest_is_left_out(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.db")
    with pytest.raises(KilledError):
        bench.go(a_plan(), die=(2, "after"))
    written = list(bench.cluster.writes)
    left = steps_left_out(a_plan(), bench.journal, RUN)
    assert [(one.step, one.why) for one in left] == [
        ("03-label-namespace", "it was never begun"),
        ("04-label-namespace", "it was never begun"),
        ("verify", "it was never begun"),
    ]
    steps = foreseen(bench)
    assert [(step.step, step.outcome) for step in steps] == [("02-label-namespace", "undone"), ("01-label-namespace", "undone")]
    field = FieldBack("metadata.labels.istio.io/rev", "new", "old")
    assert steps[0].writes == (WriteForeseen("patch", "Namespace/n1", (field,)),)
    assert bench.cluster.writes == written


def test_what_is_as_it_was_is_not_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.db")
    with pytest.raises(KilledError):
        bench.go(a_plan(), die=(1, "before"))
    assert [(step.outcome, step.writes) for step in foreseen(bench)] == [("nothing", ())]


def test_a_run_that_is_rolled_back_is_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.db")
    bench.go(a_plan())
    bench.go(a_plan(), undo=True)
    with pytest.raises(UsageError, match="rolled back already"):
        run_to_undo(bench.journal, None)


def test_where_it_would_stop_it_says_so(tmp_path: Path) -> None:
    async def story(bench: by_istioctl.Bench) -> None:
        await bench.go(by_istioctl.canary())
        gateway = by_istioctl.workload("gateway", by_istioctl.NEW)
        await bench.twin.create(as_istioctl_applies(gateway, "IngressGateways", "1-26-0", by_istioctl.NEW, by_istioctl.OPERATOR))
        (step,) = await foresee_undoing(
            bench.twin, by_istioctl.canary(), bench.journal, by_istioctl.RUN, bench.twin.clock, NoFindings()
        )
        assert (step.outcome, step.writes) == ("stuck", ())
        assert "removing it would take istio-system/Deployment/gateway along" in step.detail
        assert "resail resume" in step.next_step

    by_istioctl.on_bench(story, tmp_path)


def test_as_markdown() -> None:
    service = ObjectRef("v1", "Service", "istio-system", "istiod-1-27-9")
    uninstalled = WriteForeseen("helm uninstall", "istio-system/istiod", (), (ObjectChange(service, "remove"),))
    steps = (
        StepUndoing(
            "02-wave",
            "Restart",
            "undone",
            "",
            writes=(WriteForeseen("patch", "shop/Deployment/web", (FieldBack("spec.x", "a|b", ""),)),),
            restarts=(ObjectRef("apps/v1", "Deployment", "shop", "web"),),
            alone=(ObjectRef("apps/v1", "Deployment", "shop", "cart"),),
        ),
        StepUndoing("01-install", "Install", "undone", "", writes=(uninstalled,)),
        StepUndoing("00-crds", "CRDs", "stuck", "it is used", "remove it"),
    )
    told = render_undoing(Undoing("r-1", "halted", "sha256:1", "c", "1.26.0", "1-26-0", steps, (), ("boats.example.org",), "ann"))
    assert told.startswith("# Rollback of r-1 to Istio 1.26.0: 2 steps, 2 writes, 1 workloads restart; it would stop at 00-crds")
    assert "ann works on the mesh: it can begin only afterwards." in told
    assert r"spec.x: a\|b → (none)" in told
    assert "not shop/Deployment/cart: it had not moved" in told
    assert "- istio-system/Service/istiod-1-27-9" in told
    assert "cannot be undone: it is used (remove it)" in told
