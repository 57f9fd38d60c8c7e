"""The demo's plan runs, and is undone, with exactly the rights that it is said to take; and it takes nearly all of them."""

from pathlib import Path

import pytest

from resail.installers.istioctl_rendered import RenderedIstioctl
from resail.installers.rendered import RenderedInstaller
from resail.models.access import Permission
from resail.models.identity import ObjectRef
from resail.models.plan import PlanFiles, Strategy
from resail.operations.cluster_choice import TWIN
from resail.operations.demo import DemoRequest, set_stage
from resail.operations.planned_releases import planned_releases
from resail.operations.verify import MeshVerifier
from resail.plan.resources import plurals_of, resource_of
from resail.plan.rights import rights_to_run
from resail.plan.roles import in_words
from resail.rehearsal.trial import Copy, trial_on
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.acceptance.limited import Limited

ROOTS = Permission("", "configmaps", "list")
"""Planning reads the roots of all namespaces, where it may; a run reads those of its plan, one by one."""

UNUSED = {
    "configmaps": "the journal's copy in the cluster",
    "leases": "the lock",
    "secrets": "Helm reads, updates and drops its releases' records one by one, which a twin's installer does not",
    "bind": "a twin has no such check",
    "escalate": "a twin has no such check",
    "pods": "verifying takes the first namespace that asks for a revision, and a gateway's may be the only one",
    "*": "kinds that another mesh may have",
    "networkpolicies": "other releases may have them",
    "resourcequotas": "other releases may have them",
    "validatingadmissionpolicies": "other releases may have them",
    "validatingadmissionpolicybindings": "other releases may have them",
}
"""Resource or verb of what this run does not take, and why it is granted all the same."""


@pytest.mark.parametrize("strategy", ["canary", pytest.param("in-place", marks=pytest.mark.soak)])
def test_with_exactly_these_rights(tmp_path: Path, strategy: Strategy) -> None:
    stage = run(set_stage(DemoRequest(directory=tmp_path, strategy=strategy), print))
    releases = run(planned_releases(stage.files.plan, (), print))

    async def up_and_back() -> Limited:
        async with open_twin(tmp_path / TWIN) as twin:
            limited = Limited(twin, rights_to_run(stage.files))
            assert await limited.cluster_id() == stage.files.plan.cluster_id
            helm, istioctl = RenderedInstaller(limited, limited), RenderedIstioctl(limited, limited)
            copy = Copy("twin", limited, twin.clock, helm, istioctl, MeshVerifier(limited), releases)
            async with trial_on(copy, stage.files) as trial:
                assert (await trial.apply()).state == "done"
                assert (await trial.undo()).state == "rolled-back"
            return limited

    limited = run(up_and_back())
    refused = [asked for asked, dry in limited.refused if not (dry and looked_at_only(asked, stage.files))]
    assert set(refused) <= {ROOTS}
    unused = set(rights_to_run(stage.files)) - limited.used
    assert in_words(one for one in unused if one.resource not in UNUSED and one.verb not in UNUSED) == ()


def looked_at_only(asked: Permission, files: PlanFiles) -> bool:
    """Verifying compares objects by dry runs of applying them, where it may; those that the plan leaves alone are not written."""
    rendered = [ObjectRef.of(manifest) for objects in files.manifests.values() for manifest in objects]
    written = {(resource_of(ref.kind_ref, plurals_of(files)), ref.namespace, ref.name) for ref in rendered}
    return (asked.resource, asked.namespace, asked.name) not in written
