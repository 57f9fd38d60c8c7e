"""Who may do exactly what ``resail rbac`` prints can apply a plan and roll it back; with anything less nothing is begun."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml

from resail.backup.file import read_backup
from resail.backup.gathering import ALSO_KEPT
from resail.kube import connect
from resail.models.access import Permission
from resail.models.identity import Manifest, ObjectRef
from resail.models.mesh_objects import BUILT_IN
from resail.models.plan import HelmChange, PlanFiles
from resail.operations.access import review
from resail.plan.file import read_plan
from resail.plan.resources import resource_of
from resail.plan.rights import rights_to_run
from resail.plan.roles import in_words
from resail.testbed import audit
from resail.testbed.bed import Bed
from tests.acceptance.conftest import FROM, TO, Resail
from tests.plan.granted import granted_by

pytestmark = pytest.mark.bed

ACCOUNT = "system:serviceaccount:ops:upgrader"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


class Upgrader(Resail):
    """``resail`` as the service account, which at first may do nothing."""

    def __init__(self, bed: Bed, directory: Path) -> None:
        super().__init__(bed, directory)
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ops"}}
        bed.api("POST", "/api/v1/namespaces", json=space).raise_for_status()
        accounts = "/api/v1/namespaces/ops/serviceaccounts"
        bed.api("POST", accounts, json={"metadata": {"name": "upgrader"}}).raise_for_status()
        issued = bed.api("POST", f"{accounts}/upgrader/token", json={"spec": {"expirationSeconds": 3600}})
        token = issued.raise_for_status().json()["status"]["token"]
        self.kubeconfig = directory / "kubeconfig"
        self.kubeconfig.write_text(bed.kubeconfig.read_text().replace('token: "resail"', f'token: "{token}"'))

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"KUBECONFIG": str(self.kubeconfig)}

    @property
    def events(self) -> list[audit.Event]:
        return [event for event in self.bed.audit() if event.user.username == ACCOUNT]

    async def missing(self, wanted: set[Permission]) -> set[Permission]:
        async with connect(self.kubeconfig) as cluster:
            found = await review(cluster, wanted)
        assert not found.untold
        return set(found.missing)

    async def until_missing(self, wanted: set[Permission], expected: set[Permission]) -> None:
        """The API server takes a moment to see a changed role."""
        for _ in range(100):
            if (missing := await self.missing(wanted)) == expected:
                return
        raise AssertionError(f"missing are {in_words(missing)}, not {in_words(expected)}")


def write(bed: Bed, method: str, role: Manifest) -> None:
    namespace = role["metadata"].get("namespace")
    path = f"{RBAC}/namespaces/{namespace}" if namespace else RBAC
    name = f"/{role['metadata']['name']}" if method == "PUT" else ""
    bed.api(method, f"{path}/{role['kind'].lower()}s{name}", json=role).raise_for_status()


def without_rule(roles: list[Manifest]) -> Iterator[tuple[Manifest, Manifest, set[Permission]]]:
    """Each role without each of its rules in turn, the role as it is, and what the rule grants."""
    for role in roles:
        for number, rule in enumerate(role.get("rules", ())):
            rest = [other for place, other in enumerate(role["rules"]) if place != number]
            yield {**role, "rules": rest}, role, granted_by({**role, "rules": [rule]})


@pytest.mark.parametrize("seed", [int(os.environ.get("RESAIL_SEED") or random.randrange(2**32))])
async def test_exactly_the_printed_roles_are_enough(resail: Resail, tmp_path: Path, seed: int) -> None:
    resail.make_plan()
    files = read_plan(resail.plan)
    upgrader = Upgrader(resail.bed, tmp_path)
    printed = resail("rbac", resail.plan, "--serviceaccount", "ops:upgrader").output
    assert printed == resail("rbac", resail.plan, "--serviceaccount", "ops:upgrader", "-o", "yaml").output
    roles: list[Manifest] = list(yaml.safe_load_all(printed))

    wanted = set(rights_to_run(files))
    async with connect(resail.bed.kubeconfig) as cluster:
        served = {(one.kind.group, one.plural) for one in await cluster.resource_kinds()}
    nothing = upgrader("apply", upgrader.plan, "--dir", upgrader.state, code=3).errors
    assert told_in(nothing) == set(in_words(each for one in wanted for each in expanded(one, served)))

    reading = only_reading(roles[0])
    write(resail.bed, "POST", reading)
    write(resail.bed, "POST", roles[1])
    lacking = wanted - granted_by(reading)
    await upgrader.until_missing(wanted, lacking)
    planned = upgrader("plan", "--to", TO, "--out", tmp_path / "read-only.zip", "-o", "json").json
    (finding,) = [one for one in planned["findings"] if one["id"] == "rights-missing"]
    # What of preconditions and obstacles only those see who may do more is left out, and said to be.
    own = read_plan(tmp_path / "read-only.zip")
    assert [step.id for step in own.plan.steps] == [step.id for step in files.plan.steps]
    assert (finding["severity"], told_in(finding["message"])) == (
        "warning",
        set(in_words(set(rights_to_run(own)) - granted_by(reading))),
    )

    write(resail.bed, "PUT", roles[0])
    for role in roles[2:]:
        write(resail.bed, "POST", role)
    await upgrader.until_missing(wanted, set())

    rules = list(without_rule(roles))
    chosen = random.Random(seed).randrange(len(rules))
    for number, (less, role, granted) in enumerate(rules):
        expected = {each for one in granted for each in expanded(one, served)}
        write(resail.bed, "PUT", less)
        await upgrader.until_missing(granted, expected)
        if number == chosen:
            refused = upgrader("apply", upgrader.plan, "--dir", upgrader.state, code=3).errors
            assert told_in(refused) == set(in_words(expected))
        write(resail.bed, "PUT", role)
    assert audit.writes(upgrader.events, ACCOUNT) == []
    await upgrader.until_missing(wanted, set())

    begun = len(upgrader.events)
    assert upgrader.apply()["state"] == "done"
    assert upgrader("verify", "--plan", upgrader.plan, "-o", "json").json["verdict"] == "ready"
    undone = upgrader.rollback()
    assert undone["state"] == "rolled-back"
    before, after, rolled_back = (read_backup(Path(path)) for path in undone["backups"])
    assert before.facts.istio_versions == rolled_back.facts.istio_versions == (FROM,)
    assert after.facts.istio_versions == (FROM, TO)
    assert "Ingress.networking.k8s.io" in before.facts.unread
    refused_calls = [event for event in upgrader.events[begun:] if event.response_status.code == 403]
    assert [event.request_uri for event in refused_calls if not expected_refusal(event, files)] == []


def only_reading(role: Manifest) -> Manifest:
    """The role with none but the verbs that read."""
    rules = [{**rule, "verbs": [verb for verb in rule["verbs"] if verb in ("get", "list")]} for rule in role["rules"]]
    return {**role, "rules": [rule for rule in rules if rule["verbs"]]}


def told_in(errors: str) -> set[str]:
    """The rights that are listed as missing, line by line."""
    return {line.removeprefix("  ") for line in errors.splitlines() if line.startswith("  ") and "next:" not in line}


def expanded(permission: Permission, served: set[tuple[str, str]]) -> list[Permission]:
    if permission.resource != "*":
        return [permission]
    return [msgspec.structs.replace(permission, resource=name) for group, name in served if group == permission.group]


def expected_refusal(event: audit.Event, files: PlanFiles) -> bool:
    """Verifying compares the objects of each release by dry runs of applying them, where we may; the old istiod is left alone.

    And hazards are looked for in what may be listed, the roots of all namespaces among it, and backups made of it; a run needs
    none of these lists, and reads the roots of its plan one by one.
    """
    ours = {
        ObjectRef.of(manifest).name
        for step in files.plan.steps
        if isinstance(change := getattr(step, "change", None), HelmChange)
        for manifest in files.manifests[change.manifests]
    }
    looked_at = event.dry_run and event.verb == "patch" and event.object_ref.name not in ours
    listed = {(kind.group, resource_of(kind, {})) for kind in (*BUILT_IN, *ALSO_KEPT)}
    target = event.object_ref
    return looked_at or (event.verb == "list" and (target.api_group, target.resource) in listed)
