"""``resail rbac``: what it prints can be given to kubectl."""

import json

import yaml
from tests.cli.program import Program
from tests.plan.granted import granted_by
from tests.plan.test_file import a_plan

from resail.plan.file import write_plan
from resail.plan.rights import rights_to_run

FILES = a_plan()


def test_yaml_and_json_are_the_same_roles(resail: Program) -> None:
    write_plan(resail.home / "plan.zip", FILES)
    arguments = ["rbac", "plan.zip", "--serviceaccount", "ci:resail", "--user", "ann"]
    text = resail(*arguments).stdout
    roles = list(yaml.safe_load_all(text))
    assert json.loads(resail(*arguments, "-o", "json").stdout) == {"apiVersion": "v1", "kind": "List", "items": roles}
    assert resail(*arguments, "-o", "yaml").stdout == text
    assert set().union(*map(granted_by, roles)) == set(rights_to_run(FILES))
    assert {role["metadata"]["name"] for role in roles} == {f"resail-{FILES.id.removeprefix('sha256:')[:12]}"}


def test_without_a_subject_nothing_is_bound(resail: Program) -> None:
    write_plan(resail.home / "plan.zip", FILES)
    assert {role["kind"] for role in yaml.safe_load_all(resail("rbac", "plan.zip").stdout)} == {"ClusterRole", "Role"}
