"""``resail releases learn`` and ``diff``."""

import json
from pathlib import Path

from tests.cli.program import Program
from tests.cli.test_errors import assert_fails
from tests.releases.releases_on_disk import unpack
from tests.releases.source_tree import write_tree


def test_what_was_learned_is_told_kept_and_compared(resail: Program) -> None:
    tree = write_tree(resail.home / "source")
    learned = resail("releases", "learn", tree, "-o", "json")
    assert learned.returncode == 0, learned.stderr
    told = json.loads(learned.stdout)
    assert Path(told["path"]).is_relative_to(resail.home)
    assert told["facts"]["version"] == "1.99"

    compared = resail("releases", "diff", "1.31", "1.99", "-o", "json")
    assert compared.returncode == 0, compared.stderr
    difference = json.loads(compared.stdout)
    assert (difference["old"], difference["new"]) == ("1.31.0-rc.0", "1.99")
    assert {"topic": "flag", "where": "", "name": "PILOT_A", "change": "new", "old": "", "new": "false"} in difference["changes"]
    told_notes = [one["note"]["id"] for one in difference["notes"] if one["line"] == "1.99"]
    assert told_notes == ["gone", "ambient-only", "secret", "old", "upgrade-me"]


def test_people_get_a_table_that_says_what_is_not_known(resail: Program) -> None:
    charts = unpack(resail.home, "1.99.3")
    learned = resail("releases", "learn", charts.parents[1])
    assert learned.returncode == 0, learned.stderr
    assert "flags, notes, operator fields" in learned.stdout
    assert "kept in" in learned.stderr

    compared = resail("releases", "diff", "1.24.0", "1.25", "-o", "table")
    assert "ENABLE_HCM_INTERNAL_NETWORKS" not in compared.stdout.partition("Release notes")[0]
    assert "DNS capture is on by default for new ambient pods" in compared.stdout


def test_markdown_is_for_a_ticket(resail: Program) -> None:
    page = resail("releases", "diff", "1.26", "1.27.9", "-o", "md").stdout
    assert page.startswith("# Istio 1.26.0 and 1.27.9\n")
    assert "| crd |  | virtualservices.networking.istio.io | versions |" in page
    assert "](https://github.com/istio/istio/blob/1.27.0/releasenotes/notes/native-sidecar-default.yaml)" in page


def test_what_cannot_be_compared_or_learned_is_refused(resail: Program) -> None:
    assert "1.26 is older than 1.27" in assert_fails(resail, 2, "releases", "diff", "1.27", "1.26")
    assert "nothing is known of Istio 1.99" in assert_fails(resail, 9, "releases", "diff", "1.27", "1.99")
    assert "is not an Istio version" in assert_fails(resail, 2, "releases", "diff", "1.27", "new")
    assert "there are no charts in it" in assert_fails(resail, 9, "releases", "learn", resail.home)
