"""``resail.yaml`` as people may write it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from resail.errors import UsageError
from resail.models.plain_yaml import read_yaml
from resail.operations.site import read_site
from tests.fuzz.mutations import spoiled_bytes, spoiled_tree
from tests.fuzz.verdict import few_and_many

VALID = b"""\
policy:
  rules:
    - id: no-node-ports
      severity: warning
      message: it opens ports of nodes
      match: [Service]
      field: spec.ports[*].nodePort
      lost: true
      expression: value == null || running_value.matches('^[0-9]+$') && size(object.?spec.?ports.orValue([])) < 3
    - {id: short, severity: info, message: it waits long, for: step, expression: step.ready_timeout <= 600}
  disable: [requests-missing]
  tests:
    - {name: one, rule: short, step: {type: Verify}, expect: skip}
waivers:
  - {id: N10, object: "shop/ServiceEntry/*", reason: checked by hand, expires: 2026-12-31}
fail_on: warning
windows:
  - {days: [sat], from: 22:00, to: "04:00", timezone: Europe/Berlin}
freezes:
  - {from: 2026-12-20, to: 2027-01-06, reason: year-end}
critical_workloads:
  - {namespace: payments}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sites")


def readable(place: Path, data: bytes) -> None:
    """It is read, or refused as the user's mistake, in one line that says where."""
    file = place / "site.yaml"
    file.write_bytes(data)
    try:
        read_site(file)
    except UsageError as error:
        assert error.on.startswith(str(file))
        assert error.next_step
        assert "\n" not in error.what.strip()


def written(place: Path, tree: Any) -> None:
    try:
        text = yaml.safe_dump(tree, allow_unicode=True)
    except (OverflowError, ValueError):
        return
    readable(place, text.encode())


def test_it_is_read_as_it_is(place: Path) -> None:
    (place / "valid.yaml").write_bytes(VALID)
    assert len(read_site(place / "valid.yaml").policy.rules) == 2


test_a_spoiled_file, test_many_spoiled_files = few_and_many(spoiled_bytes(VALID), few=150)(readable)
test_a_spoiled_tree, test_many_spoiled_trees = few_and_many(spoiled_tree(read_yaml(VALID.decode())), few=300)(written)
