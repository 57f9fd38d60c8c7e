"""The pages about policy and resail.yaml say what the program takes."""

import re
from pathlib import Path

import msgspec
import pytest

from resail.backup.encryption import check_recipients
from resail.checks.policy.review import compile_rule
from resail.checks.policy.rules import built_in_rules
from resail.checks.policy.trial import try_rules
from resail.models.calendar import CriticalWorkload, Freeze, Window
from resail.models.plain_yaml import read_yaml
from resail.models.policy import Rule, RuleTest, RuleTests
from resail.models.site import BackupSettings, Site
from resail.models.waiver import Waiver

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
POLICY = (REFERENCE / "policy.md").read_text()
SITE = (REFERENCE / "resail-yaml.md").read_text()


def section(page: str, title: str) -> str:
    return page.split(f"\n{title}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> set[str]:
    rows = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def fields(kind: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def test_the_built_in_rules_are_listed() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (\w+) \| (.+)\. \|$", section(POLICY, "## Built-in rules"), re.MULTILINE)
    told = [(rule.id, rule.severity, rule.message[:1].upper() + rule.message[1:]) for rule in built_in_rules()]
    assert rows == told


@pytest.mark.parametrize(
    ("page", "title", "kind"),
    [
        (POLICY, "## A rule", Rule),
        (POLICY, "## Tests of rules", RuleTest),
        (SITE, "# resail.yaml", Site),
        (SITE, "## Waivers", Waiver),
        (SITE, "## Windows", Window),
        (SITE, "## Freezes", Freeze),
        (SITE, "## Critical workloads", CriticalWorkload),
        (SITE, "## Backup", BackupSettings),
    ],
    ids=lambda value: value.strip("# ") if isinstance(value, str) and value.startswith("#") else "",
)
def test_every_field_is_documented(page: str, title: str, kind: type[msgspec.Struct]) -> None:
    assert first_cells(section(f"\n{page}", title)) == fields(kind)


def examples(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)


def test_the_examples_are_taken() -> None:
    [site] = examples(SITE)
    settled = msgspec.convert(read_yaml(site), Site)
    assert settled.waivers
    assert settled.backup.recipients
    check_recipients(settled.backup.recipients, "the example")
    rules, tests = examples(POLICY)
    for rule in msgspec.convert(read_yaml(rules), Site).policy.rules:
        compile_rule(rule)
    assert all(one.passed for one in try_rules(msgspec.convert(read_yaml(tests), RuleTests).tests, built_in_rules()))
