"""A precheck of the demo's mesh by a site's own settings: what its policy and the built-in one find, and what is waived."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from resail.models.finding import FindingObject
from resail.models.identity import IstioVersion
from resail.models.plan import SkippedCheck
from resail.models.precheck import Precheck
from resail.operations.cluster_choice import ClusterChoice, connect_to
from resail.operations.inspect import MeshChoice
from resail.operations.precheck import PrecheckRequest, precheck
from resail.testbed.mesh.install import install_mesh, render_mesh
from resail.twin.cluster import open_twin
from tests.acceptance.crashes import settle

SITE = """
fail_on: warning
policy:
  rules:
    - id: no-waves-of-many
      severity: warning
      message: a wave restarts more than one workload
      for: step
      match: [RestartWave]
      field: restarts
      expression: size(value) < 2
    - {id: no-old-tags, severity: blocker, message: it moves, for: finding, match: [image-pin-moved], expression: "false"}
    - {id: broken, severity: blocker, message: never, match: [Service], expression: object.spec.clusterIP == ''}
waivers:
  - {id: policy/sidecar-registry, object: "istio-system/ConfigMap/*", reason: the mirror is new, expires: TOMORROW}
  - {id: policy/image-registry, reason: the mirror is new, expires: YESTERDAY}
  - {id: policy/service-type, reason: long ago, expires: TOMORROW}
"""


async def checked(folder: Path, today: date) -> Precheck:
    site = folder / "site.yaml"
    site.write_text(SITE.replace("TOMORROW", str(today + timedelta(2))).replace("YESTERDAY", str(today - timedelta(2))))
    choice = ClusterChoice(twin=folder / "twin.db")
    async with open_twin(folder / "twin.db"):
        pass
    mesh = await render_mesh(print, IstioVersion(1, 26, 0))
    async with connect_to(choice) as connection, connection.open_installer() as installer:
        await install_mesh(connection.cluster, installer, mesh, print)
    wish = PrecheckRequest(
        mesh=MeshChoice(cluster=choice),
        target="1.27.9",
        values={"istiod": {"global": {"hub": "registry.example.com/istio"}}},
        skipped=(SkippedCheck("images", "there is no such registry"),),
        ask_istioctl=False,
        config=site,
    )
    return await precheck(wish, print)


def test_a_sites_policy_and_waivers(tmp_path: Path) -> None:
    result = settle(checked(tmp_path, datetime.now(UTC).date()))
    assert result.verdict == "blocked"
    found = {one.id: one for one in result.findings if one.id.startswith(("policy", "waiver"))}
    assert set(found) == {
        "policy/image-registry",
        "policy/no-waves-of-many",
        "policy/no-old-tags",
        "policy-not-evaluated",
        "waiver-expired",
        "waiver-unused",
    }
    # A new revision is compared with the one that it takes the place of.
    image = "spec.template.spec.containers[name=discovery].image"
    assert found["policy/image-registry"].objects == (FindingObject("Deployment", "istio-system", "istiod-1-27-9", image),)
    assert found["policy/image-registry"].evidence == (
        f'{image}: "registry.example.com/istio/pilot:1.27.9"; what runs has "docker.io/istio/pilot:1.26.0"'
    )
    assert found["policy/no-waves-of-many"].objects[0].kind == "Plan"
    assert "clusterIP" in found["policy-not-evaluated"].evidence
    [waived] = {(one.finding.id, one.finding.objects[0].name, one.reason) for one in result.waived}
    assert waived == ("policy/sidecar-registry", "istio-sidecar-injector-1-27-9", "the mirror is new")
