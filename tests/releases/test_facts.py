"""The facts that came with resail, and those that were learned."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.errors import ArtifactError
from resail.models.identity import IstioVersion
from resail.models.mesh_objects import BUILT_IN, CUSTOM, group_kind
from resail.models.release_facts import CrdFacts, ReleaseFacts
from resail.releases.catalogue import load_catalogue
from resail.releases.facts import facts_on_the_way, keep_facts, learned_folder, line_of, load_facts, older_notes
from resail.releases.layout import CHARTS
from resail.releases.learning.changes import Changes, applied, taken_back

LINES = [line.line for line in load_catalogue()]
KINDS = {*CUSTOM, *(group_kind(kind.api_version, kind.kind) for kind in BUILT_IN)}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def known(version: str) -> ReleaseFacts:
    facts = load_facts(version)
    assert facts is not None
    return facts


@pytest.mark.parametrize("line", LINES)
def test_each_line_has_facts(line: str) -> None:
    facts = known(line)

    assert line_of(facts.version) == line
    assert set(facts.values) == set(CHARTS)
    assert len(facts.flags) > 200
    assert all(crd.storage in crd.served for crd in facts.crds.values())
    assert len(facts.crds) >= 14
    assert len({note.id for note in facts.notes}) == len(facts.notes) > 0


@pytest.mark.parametrize("line", LINES)
def test_each_note_has_a_source_and_marks_that_can_be_seen(line: str) -> None:
    for note in known(line).notes:
        assert note.source.startswith("https://github.com/istio/istio/blob/")
        assert note.text
        assert note.area
        assert IstioVersion.parse(note.since).line == line
        for mark in note.marks:
            name, _, rest = mark.partition(":")
            first, _, path = rest.partition(":")
            assert {
                "kind": first in KINDS,
                "field": first in KINDS and bool(path),
                "value": first in CHARTS and bool(path),
                "flag": bool(re.fullmatch(r"[A-Z][A-Z0-9_]+", rest)),
                "mode": rest in ("sidecar", "ambient"),
            }[name], mark


def test_known_facts() -> None:
    assert "cni.cniBinDir" in known("1.23").values["cni"]
    assert "cniBinDir" in known("1.24").values["cni"]
    assert known("1.19").values["istiod"]["global.proxy.readinessFailureThreshold"] == 30
    assert known("1.20").values["istiod"]["global.proxy.readinessFailureThreshold"] == 4
    assert known("1.26").crds["virtualservices.networking.istio.io"].storage == "v1beta1"
    assert known("1.27").crds["virtualservices.networking.istio.io"].storage == "v1"
    assert known("1.21").crds["virtualservices.networking.istio.io"].served == ("v1alpha3", "v1beta1")
    assert "istiooperators.install.istio.io" in known("1.20").crds
    assert "istiooperators.install.istio.io" not in known("1.21").crds
    assert "ENABLE_AUTO_SNI" in known("1.25").flags
    assert "ENABLE_AUTO_SNI" not in known("1.26").flags
    assert known("1.31").compatibility_versions == ("1.25", "1.26", "1.27", "1.28", "1.29", "1.30")
    assert "credentialNames[*]" not in str(known("1.25").crds["gateways.networking.istio.io"].fields)
    assert "credentialNames[*]" in str(known("1.26").crds["gateways.networking.istio.io"].fields)
    assert "credentialNames[*]" in str(known("1.29").crds["gateways.networking.istio.io"].fields)


def test_the_nearest_version_of_the_line_is_taken_and_what_was_learned_first() -> None:
    shipped = known("1.27.3")
    assert shipped.version == "1.27.9"
    for version in ("1.27.2", "1.27.9"):
        keep_facts(msgspec.structs.replace(shipped, version=version, profiles=("learned",), notes=()))

    assert known("1.27.3").version == "1.27.2"
    assert known("1.27.9").profiles == ("learned",)
    assert known("1.27.9").notes == shipped.notes
    assert load_facts("1.28.0").profiles == shipped.profiles  # type: ignore[union-attr]
    assert load_facts("1.99.0") is None


def test_what_the_files_did_not_tell_is_that_of_the_line() -> None:
    shipped = known("1.27")
    keep_facts(msgspec.structs.replace(shipped, version="1.27.5", flags={}, notes=(), unknown=("flags", "notes")))

    assert known("1.27.5").flags == shipped.flags
    assert known("1.27.5").unknown == ()


def test_a_line_that_came_later_is_known_once_it_is_learned() -> None:
    facts = msgspec.structs.replace(known("1.31"), version="1.32.0")
    keep_facts(facts)

    assert known("1.32.4") == facts
    way = facts_on_the_way(IstioVersion(1, 30, 1), IstioVersion(1, 32, 4))
    assert [line_of(one.version) for one in way] == ["1.30", "1.31", "1.32"]


def test_notes_of_older_lines_are_known() -> None:
    assert "native-sidecar-default" in older_notes("1.28.0")
    assert "native-sidecar-default" not in older_notes("1.27.9")
    keep_facts(msgspec.structs.replace(known("1.31"), version="1.32.0", notes=(known("1.31").notes[0],)))
    assert known("1.31").notes[0].id in older_notes("1.33")


def test_damaged_facts_are_refused() -> None:
    learned_folder().mkdir(parents=True)
    (learned_folder() / "1.27.1.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"cannot be read|damaged"):
        load_facts("1.27.1")


def test_changes_of_definitions_flags_and_objects_are_taken_back_too() -> None:
    """As the collection of facts writes them: of a list's members ``[]``, of a mapping's ``{}``."""
    crd = CrdFacts("v1beta1", ("v1beta1",), {"hosts[*]": "string", "servers[*]": {"port": {"number": "integer"}}})
    fields = ["servers[].tls", "servers[].tls.mode", "labels", "labels{}", "limits", "limits[].key"]
    added = [*(f"spec.{field}" for field in fields), "status.x"]
    versions = {
        "from": {"v1beta1": {"served": True, "storage": True}},
        "to": {"v1": {"served": True, "storage": True}, "v1beta1": {"served": False, "storage": False}},
    }
    changes = Changes(
        {},
        {"removed": ["istio-cni | Role | {{ .Release.Name }}-a"], "added": ["istio-cni | Role | b", "elsewhere | Role | c"]},
        {"removed": ["GONE"], "added": {"NEW": "1", "$hv.EnvName": "2"}, "default_changed": {"OTHER": ("1", "2")}},
        {
            "removed": ["gone.istio.io"],
            "added": ["new.istio.io"],
            "changed": {"a": {"versions": versions, "fields_added": added}},
        },
    )
    facts = ReleaseFacts(
        "1.1",
        {"cni": {}},
        {"GONE": "", "OTHER": "1"},
        {"a": crd, "gone.istio.io": CrdFacts("v1alpha1", ("v1alpha1",))},
        (),
        (),
        (),
        objects={"cni": ("Role …-a",)},
    )

    after = applied(facts, changes)
    assert after.flags == {"NEW": "1", "OTHER": "2"}
    assert after.objects == {"cni": ("Role b",)}
    assert set(after.crds) == {"a", "new.istio.io"}
    assert after.crds["a"].storage == "v1"
    assert after.crds["a"].served == ("v1",)
    assert after.crds["a"].fields == {
        "hosts[*]": "string",
        "labels": {"*": ""},
        "limits[*]": {"key": ""},
        "servers[*]": {"port": {"number": "integer"}, "tls": {"mode": ""}},
    }
    assert taken_back(after, changes) == facts


leaves: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["a", "b.c", "b.d", "e.f.g", "h"]), st.integers() | st.booleans() | st.just({})
)


@given(leaves, leaves)
def test_changes_are_taken_back_as_they_were_applied(old: dict[str, Any], new: dict[str, Any]) -> None:
    chart = {
        "removed": [{"path": path, "old_default": old[path]} for path in old if path not in new],
        "added": [{"path": path, "default": new[path]} for path in new if path not in old],
        "default_changed": {path: (old[path], new[path]) for path in old if path in new and old[path] != new[path]},
    }
    nothing: dict[str, Any] = {"removed": [], "added": [], "changed": {}, "default_changed": {}}
    changes = Changes({"istio-cni": chart}, nothing, {**nothing, "added": {}}, nothing)
    facts = ReleaseFacts("1.1", {"cni": dict(sorted(old.items()))}, {}, {}, (), (), ())

    after = applied(facts, changes)
    assert after.values["cni"] == new
    assert taken_back(after, changes) == facts
