"""What a release's files tell of it."""

import shutil
from pathlib import Path

import pytest

from resail.errors import ArtifactError
from resail.models.release_facts import CrdFacts, ReleaseFacts
from resail.releases.learning.learn import learn, version_of
from resail.releases.learning.notes import marks_of
from tests.releases.releases_on_disk import unpack
from tests.releases.source_tree import write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path)


def facts_of(tree: Path) -> ReleaseFacts:
    return learn(tree, version_of(tree), {"old"}, {"istiod": ("gone.before",)})


def test_charts_tell_values_objects_profiles_and_versions(tree: Path) -> None:
    facts = facts_of(tree)

    assert facts.version == "1.99"
    assert facts.values["istiod"] == {
        "cni.enabled": False,
        "env": {},
        "global.proxy.logLevel": "warning",
        "hub": "",
        "tag": "",
        "tolerations": [{"key": "a"}],
    }
    assert facts.values["ztunnel"] == {"greeting": "hello"}
    assert facts.objects["istiod"] == ("Deployment istiod", "Service istiod…-remote")
    assert facts.profiles == ("ambient", "platform-gke")
    assert facts.compatibility_versions == ("1.98", "1.100")


def test_definitions_tell_their_versions_and_fields(tree: Path) -> None:
    assert facts_of(tree).crds == {
        "virtualservices.networking.istio.io": CrdFacts(
            storage="v1",
            served=("v1",),
            fields={
                "hosts[*]": "string",
                "http[*]": {"headers": {"*": "string"}, "port": "int-or-string", "weight": "integer"},
                "old": "boolean",
            },
        )
    }


def test_source_tells_flags_the_operator_and_kubernetes(tree: Path) -> None:
    facts = facts_of(tree)

    assert facts.flags == {
        "PILOT_A": "false",
        "PILOT_B": 'f(1, "x,)")*time.Second',
        "PILOT_BY_CONSTANT": '"a, b"',
        "PILOT_D": "false",
    }
    assert facts.operator_fields == (
        "components.ingressGateways[*].enabled",
        "components.ingressGateways[*].name",
        "components.pilot.enabled",
        "hub",
    )
    assert facts.oldest_kubernetes == "1.34"
    assert facts.unknown == ()


def test_notes_tell_what_they_are_about(tree: Path) -> None:
    notes = {note.id: note for note in facts_of(tree).notes}

    assert {name: (note.kind, note.area, note.marks) for name, note in notes.items()} == {
        "upgrade-me": ("upgrade", "traffic-management", ("flag:PILOT_A", "kind:VirtualService.networking.istio.io")),
        "gone": ("removal", "installation", ("value:istiod:cni.enabled",)),
        "ambient-only": ("change", "security", ("mode:ambient",)),
        "secret": ("security", "security", ()),
    }
    assert notes["upgrade-me"].text.startswith("Mirrors differ: A VirtualService with mirrors")
    assert notes["gone"].source == "https://github.com/istio/istio/blob/release-1.99/releasenotes/notes/gone.yaml"


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("a `Gateway` of Istio", ("kind:Gateway.networking.istio.io",)),
        ("a `Gateway` of the Gateway API", ("kind:Gateway.gateway.networking.k8s.io",)),
        ("the gateway, and a Gateway, and Telemetry in general", ()),
        ("all EnvoyFilters", ("kind:EnvoyFilter.networking.istio.io",)),
        ("set `gone.before`", ("value:istiod:gone.before",)),
        ("gone.before, unquoted", ()),
        ("a waypoint reads HTTPRoute", ("mode:ambient",)),
    ],
)
def test_marks_are_what_the_words_name(text: str, marks: tuple[str, ...]) -> None:
    assert marks_of(text, {"istiod": {"gone.before"}}) == marks


def test_what_an_archive_does_not_tell_is_said(tmp_path: Path) -> None:
    charts = unpack(tmp_path, "1.99.3")
    facts = facts_of(charts.parents[1])

    assert facts.version == "1.99.3"
    assert facts.unknown == ("flags", "notes", "operator_fields")
    assert facts.flags == {}
    assert facts.oldest_kubernetes == ""


def test_a_directory_laid_out_as_ours_will_do(tmp_path: Path) -> None:
    charts = unpack(tmp_path / "from", "1.99.3")
    for ours, theirs in {"istiod": "istio-control/istio-discovery", "cni": "istio-cni", "base": "base"}.items():
        shutil.copytree(charts / theirs, tmp_path / "ours" / "charts" / ours)

    assert set(facts_of(tmp_path / "ours").values) == {"base", "istiod", "cni"}


def test_what_is_no_release_is_refused(tmp_path: Path, tree: Path) -> None:
    with pytest.raises(ArtifactError, match="no charts"):
        version_of(tmp_path)
    (tree / "VERSION").unlink()
    with pytest.raises(ArtifactError, match="nothing in it tells its version"):
        version_of(tree)


@pytest.mark.parametrize("place", ["manifests/charts/base/values.yaml", "manifests/charts/base/files/crd-all.gen.yaml"])
def test_a_damaged_file_is_named(tree: Path, place: str) -> None:
    (tree / place).write_text("a: [")
    with pytest.raises(ArtifactError) as refused:
        facts_of(tree)
    assert refused.value.on == str(tree / place)
