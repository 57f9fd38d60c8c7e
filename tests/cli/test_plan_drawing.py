"""A plan for people: one hop is drawn as one, several are told apart."""

import msgspec
from rich.console import Console
from tests.plan.charts import plan_for
from tests.plan.meshes import deployment, mesh

from resail.apps.cli.drawing.plan import draw_plan
from resail.models.identity import IstioVersion, ObjectRef
from resail.models.plan import Adoption, AdoptObjects
from resail.plan.options import PlanOptions


def drawn(*stops: IstioVersion, target: str) -> str:
    console = Console(width=200)
    files = plan_for(mesh(deployment("web")), PlanOptions(strategy="in-place"), *stops, target=IstioVersion.parse(target))
    with console.capture() as capture:
        console.print(draw_plan(files, verbose=False))
    return capture.get()


def test_one_hop_has_no_table_of_hops() -> None:
    text = drawn(target="1.27.0")
    assert "Hops" not in text
    assert "Restart 1 workload (wave 1 of 1)  " in text


def test_several_hops_are_listed_with_what_each_does_to_the_data_plane() -> None:
    text = drawn(IstioVersion(1, 27, 0), IstioVersion(1, 27, 5), target="1.28.0")
    assert "1.26.0 → 1.27.0" in text and "1.27.0 → 1.27.5" in text and "1.27.5 → 1.28.0" in text
    assert "nothing restarts: what istiod 1.26.0 serves, 1.27.0 serves too" in text
    assert "Restart 1 workload (wave 1 of 1) at 1.27.5" in text
    assert "Restart 1 workload (wave 1 of 1) at 1.28.0" in text
    assert "(wave 1 of 1) at 1.27.0" not in text


def test_what_is_taken_over_is_among_the_objects() -> None:
    files = plan_for(mesh(deployment("web")), PlanOptions(strategy="in-place"), target=IstioVersion(1, 27, 0))
    role = ObjectRef("rbac.authorization.k8s.io/v1", "ClusterRole", "", "istio-writer")
    adoption = AdoptObjects(
        id="00-adopt",
        title="Take over",
        reason="it is in the way",
        undo=files.plan.steps[0].undo,
        release="istio-system/base",
        objects=(Adoption(role, "written by kubectl-create"),),
        labels={},
        annotations={},
    )
    plan = msgspec.structs.replace(files.plan, steps=(adoption, *files.plan.steps))
    console = Console(width=200)
    with console.capture() as capture:
        console.print(draw_plan(msgspec.structs.replace(files, plan=plan), verbose=True))
    assert "ClusterRole/istio-writer" in capture.get() and "written by kubectl-create" in capture.get()
