"""``resail policy`` as people run it."""

import json
from pathlib import Path

from tests.cli.program import Program

SITE = """
policy:
  disable: [image-latest]
  rules:
    - id: no-node-ports
      severity: warning
      message: it opens ports of nodes
      match: [Service]
      field: spec.type
      expression: value != 'NodePort'
  tests:
    - {name: a node port, rule: no-node-ports, object: {apiVersion: v1, kind: Service, spec: {type: NodePort}}, expect: violation}
    - {name: a cluster IP, rule: no-node-ports, object: {apiVersion: v1, kind: Service, spec: {type: ClusterIP}}, expect: pass}
"""
FILE = """
rules:
  - {id: short, severity: info, message: it waits long, for: step, field: ready_timeout, expression: value <= 600}
tests:
  - {name: ten minutes, rule: short, step: {type: Verify, ready_timeout: 600}, expect: pass}
  - {name: an hour, rule: short, step: {type: Verify, ready_timeout: 3600}, expect: pass}
  - {name: for ever, rule: short, step: {type: Verify, ready_timeout: long}, expect: violation}
  - {name: an outage, rule: no-node-ports, finding: {id: N10}, expect: skip}
"""


def test_rules_in_force(resail: Program) -> None:
    (resail.home / "resail.yaml").write_text(SITE)
    done = resail("policy", "list", "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    rules = {one["rule"]["id"]: one for one in json.loads(done.stdout)}
    assert rules["no-node-ports"]["built_in"] is False
    assert rules["no-node-ports"]["rule"]["for"] == "manifest"
    assert rules["service-type"]["built_in"] is True
    assert "image-latest" not in rules
    assert "no-node-ports" in resail("policy", "list").stdout


def test_the_tests_of_the_sites_own_file(resail: Program) -> None:
    (resail.home / "resail.yaml").write_text(SITE)
    done = resail("policy", "test")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 of 2 tests passed" in done.stdout
    assert 'spec.type: "NodePort"' in done.stdout


def test_a_test_that_fails(resail: Program) -> None:
    (resail.home / "site.yaml").write_text(SITE)
    (resail.home / "tests.yaml").write_text(FILE)
    done = resail("policy", "test", "tests.yaml", "--config", "site.yaml", "-o", "json")
    assert done.returncode == 3
    assert "Error: test 'an hour': 2 of 4 tests failed: rule short gives violation, not pass" in done.stderr
    tested = json.loads(done.stdout)
    assert [(one["outcome"], one["passed"]) for one in tested] == [
        ("pass", True),
        ("violation", False),
        ("not-evaluated", False),
        ("skip", True),
    ]
    assert {one["file"] for one in tested} == {"tests.yaml"}
    assert tested[1]["evidence"] == "ready_timeout: 3600"


def test_what_cannot_be_tested(resail: Program, tmp_path: Path) -> None:
    assert resail("policy", "test").returncode == 2
    (tmp_path / "tests.yaml").write_text("tests: [{name: a, rule: nothing, step: {}, expect: pass}]")
    done = resail("policy", "test", "tests.yaml")
    assert done.returncode == 2
    assert "Error: tests.yaml, test 'a': there is no rule 'nothing'" in done.stderr
    assert resail("policy", "test", "missing.yaml").returncode == 9
