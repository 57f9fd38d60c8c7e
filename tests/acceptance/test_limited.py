"""The demo's plan runs, and is undone, with exactly the rights that it is said to take; and it takes nearly all of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from resail.backup.gathering import ALSO_KEPT
from resail.models.access import Permission
from resail.models.identity import ObjectRef
from resail.models.mesh_objects import BUILT_IN
from resail.models.plan import PlanFiles, Strategy
from resail.operations.apply import ApplyRequest, RollbackRequest, apply, rollback
from resail.operations.cluster_choice import ClusterChoice, Connection, connect_to, twin_connection
from resail.operations.demo import DemoRequest, set_stage
from resail.plan.resources import plurals_of, resource_of
from resail.plan.rights import rights_to_run
from resail.plan.roles import in_words
from resail.tenure.tenure import Tenure
from tests.acceptance.crashes import settle
from tests.acceptance.limited import Limited

LOOKED_AT = {Permission(kind.group, resource_of(kind, {}), "list") for kind in (*BUILT_IN, *ALSO_KEPT)}
"""Hazards are looked for in what may be listed, and backups made of it; a run reads the roots of its plan one by one."""

UNUSED = {
    "secrets": "Helm reads, updates and drops its releases' records one by one, which a twin's installer does not",
    "bind": "a twin has no such check",
    "escalate": "a twin has no such check",
    "pods": "verifying takes the first namespace that asks for a revision, and a gateway's may be the only one",
    "*": "kinds that another mesh may have",
    "networkpolicies": "other releases may have them",
    "resourcequotas": "other releases may have them",
    "validatingadmissionpolicies": "other releases may have them",
    "validatingadmissionpolicybindings": "other releases may have them",
    **dict.fromkeys(
        (
            "authorizationpolicies",
            "envoyfilters",
            "proxyconfigs",
            "requestauthentications",
            "serviceentries",
            "sidecars",
            "wasmplugins",
            "workloadentries",
            "workloadgroups",
        ),
        "what is there is tried against changed CRDs, and this mesh has none of it",
    ),
}
"""Resource or verb of what this run does not take, and why it is granted all the same."""


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("strategy", ["canary", pytest.param("in-place", marks=pytest.mark.soak)])
def test_with_exactly_these_rights(tmp_path: Path, strategy: Strategy) -> None:
    stage = settle(set_stage(DemoRequest(directory=tmp_path, strategy=strategy), print))
    rights = rights_to_run(stage.files)
    clusters: list[Limited] = []

    @asynccontextmanager
    async def limited(choice: ClusterChoice, directory: Path | None) -> AsyncIterator[Connection]:
        """With a lease and copies of the journal, like a real cluster."""
        async with connect_to(choice, directory) as connection:
            clusters.append(Limited(connection.cluster, rights))
            tenure = Tenure(asyncio.get_running_loop().time)
            yield msgspec.structs.replace(twin_connection(clusters[-1], connection.clock), tenure=tenure)

    done = settle(apply(ApplyRequest(plan=stage.plan, directory=tmp_path), connect=limited))
    assert done.record.state == "done", done.error
    undone = settle(rollback(RollbackRequest(directory=tmp_path), connect=limited))
    assert undone.record.state == "rolled-back", undone.error

    asked = [one for cluster in clusters for one in cluster.refused]
    assert {one for one, dry in asked if not (dry and looked_at_only(one, stage.files))} <= LOOKED_AT
    unused = set(rights).difference(*(cluster.used for cluster in clusters))
    assert in_words(one for one in unused if one.resource not in UNUSED and one.verb not in UNUSED) == ()


def looked_at_only(asked: Permission, files: PlanFiles) -> bool:
    """Verifying compares objects by dry runs of applying them, where it may; those that the plan leaves alone are not written."""
    rendered = [ObjectRef.of(manifest) for objects in files.manifests.values() for manifest in objects]
    written = {(resource_of(ref.kind_ref, plurals_of(files)), ref.namespace, ref.name) for ref in rendered}
    return (asked.resource, asked.namespace, asked.name) not in written
