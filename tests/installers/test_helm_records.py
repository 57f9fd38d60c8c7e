"""The records that are written without Helm are read back as what they were made of."""

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.errors import InstallerError
from resail.installers.helm_records import copied, encode_release, own_labels, restated
from resail.installers.helm_storage import RUN_LABEL, StoredRelease, decode_release, latest_by_name
from resail.models.identity import Manifest, ObjectRef

NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,12}[a-z0-9])?", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TREES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    kind = draw(st.sampled_from(["ConfigMap", "Deployment", "Service"]))
    return {
        "apiVersion": "apps/v1" if kind == "Deployment" else "v1",
        "kind": kind,
        "metadata": {"name": draw(NAMES), "namespace": draw(NAMES)},
        "spec": draw(TREES),
    }


@st.composite
def releases(draw: st.DrawFn) -> StoredRelease:
    objects = draw(st.lists(manifests(), max_size=4, unique_by=ObjectRef.of))
    return StoredRelease(
        name=draw(NAMES),
        namespace=draw(NAMES),
        revision=draw(st.integers(1, 999)),
        status=draw(st.sampled_from(["deployed", "pending-install", "superseded"])),
        chart=draw(st.sampled_from(["base", "istiod", "cni"])),
        chart_version=draw(st.sampled_from(["1.26.0", "1.27.9"])),
        app_version=draw(st.sampled_from(["1.26.0", "1.27.9"])),
        values=draw(st.dictionaries(TEXTS, TREES, max_size=4)),
        objects=tuple(sorted(objects, key=ObjectRef.of)),
        apply_method=draw(st.sampled_from(["ssa", "csa", ""])),
        run=draw(NAMES | st.just("")),
    )


@given(releases())
def test_what_is_written_is_read_back(release: StoredRelease) -> None:
    secret = encode_release(release)
    assert decode_release(secret) == release
    assert decode_release(secret).digest == release.digest
    assert encode_release(release) == secret, "the same release gives the same bytes"
    assert latest_by_name([secret]) == [secret]


@given(releases(), st.sampled_from(["failed", "deployed"]))
def test_another_status_changes_nothing_else(release: StoredRelease, status: str) -> None:
    secret = encode_release(release, {"team": "edge"})
    patch = restated(secret, status)
    metadata = {**secret["metadata"], "labels": {**secret["metadata"]["labels"], **patch["metadata"]["labels"]}}
    after = {**secret, **patch, "metadata": metadata}
    assert _record(after) == {**_record(secret), "info": {**_record(secret)["info"], "status": status}}
    assert (metadata["labels"]["status"], metadata["labels"]["team"]) == (status, "edge")


@given(releases(), st.integers(1000, 2000))
def test_a_rollback_copies_all_but_the_number(release: StoredRelease, number: int) -> None:
    secret = encode_release(release, {"team": "edge"})
    copy = copied(secret, number, "pending-rollback")
    assert copy["metadata"]["name"] == f"sh.helm.release.v1.{release.name}.v{number}"
    assert own_labels(copy) == {"team": "edge", RUN_LABEL: release.run}
    before, after = _record(secret), _record(copy)
    assert after.pop("version") == number
    assert after.pop("info") == {"status": "pending-rollback", "description": f"Rollback to {release.revision}"}
    assert {**after, "version": 0, "info": {}} == {**before, "version": 0, "info": {}}


def test_what_helm_put_in_stays() -> None:
    """A record of Helm's own holds more than we know of: its chart, hooks and times."""
    record = {
        "name": "istiod",
        "info": {"status": "deployed", "first_deployed": "2026-01-01T00:00:00Z"},
        "chart": {"metadata": {"name": "istiod"}, "templates": [{"name": "templates/x.yaml", "data": "eA=="}]},
        "version": 3,
        "hooks": [{"name": "x"}],
    }
    secret = {
        "metadata": {"name": "sh.helm.release.v1.istiod.v3", "namespace": "istio-system", "labels": {"modifiedAt": "1"}},
        "data": {"release": base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()},
    }
    assert _record({"data": restated(secret, "superseded")["data"]}) == {
        **record,
        "info": {**record["info"], "status": "superseded"},  # type: ignore[dict-item]
    }
    assert _record(copied(secret, 4, "pending-rollback"))["chart"] == record["chart"]
    assert copied(secret, 4, "pending-rollback")["metadata"]["namespace"] == "istio-system"


@pytest.mark.parametrize("data", [{}, {"release": "%"}, {"release": "AAAA"}, {"release": None}])
def test_a_damaged_record_is_named(data: Any) -> None:
    secret = {"metadata": {"name": "sh.helm.release.v1.x.v1", "namespace": "n"}, "kind": "Secret", "data": data}
    with pytest.raises(InstallerError, match=r"n/Secret/sh\.helm\.release\.v1\.x\.v1"):
        restated(secret, "failed")


def _record(secret: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    return found
