"""Which credentials of a pull secret a kubelet would use."""

import base64
import json
from typing import Any

import pytest

from resail.registry.credentials import Credential, credentials_for, entries_of
from resail.registry.reference import parse_reference


def secret(auths: Any, kind: str = "kubernetes.io/dockerconfigjson") -> dict[str, Any]:
    key = ".dockercfg" if kind.endswith("dockercfg") else ".dockerconfigjson"
    content = auths if kind.endswith("dockercfg") else {"auths": auths}
    return {"type": kind, "data": {key: base64.b64encode(json.dumps(content).encode()).decode()}}


@pytest.mark.parametrize(
    ("name", "image", "fits"),
    [
        ("https://index.docker.io/v1/", "istio/pilot", True),
        ("docker.io", "istio/pilot", True),
        ("registry-1.docker.io", "docker.io/istio/pilot", True),
        ("docker.io", "gcr.io/istio/pilot", False),
        ("gcr.io", "gcr.io/istio/pilot", True),
        ("https://gcr.io/v2/", "gcr.io/istio/pilot", True),
        ("gcr.io", "eu.gcr.io/istio/pilot", False),
        ("*.gcr.io", "eu.gcr.io/istio/pilot", True),
        ("*.gcr.io", "gcr.io/istio/pilot", False),
        ("*.io", "eu.gcr.io/istio/pilot", False),
        ("*.azurecr.io", "mine.azurecr.io/pilot", True),
        ("r.example.com/istio", "r.example.com/istio/pilot", True),
        ("r.example.com/istio/pilot", "r.example.com/istio/pilot", True),
        ("r.example.com/ist", "r.example.com/istio/pilot", False),
        ("r.example.com/other", "r.example.com/istio/pilot", False),
        ("r.example.com:5000", "r.example.com:5000/pilot", True),
        ("r.example.com", "r.example.com:5000/pilot", False),
        ("r.example.com:5000", "r.example.com/pilot", False),
    ],
)
def test_an_entry_fits(name: str, image: str, fits: bool) -> None:
    entries = entries_of(secret({name: {"username": "u", "password": "p"}}))
    assert credentials_for(parse_reference(image), entries) == ((Credential("u", "p"),) if fits else ())


def test_the_longest_path_is_tried_first() -> None:
    entries = entries_of(
        secret(
            {
                "r.io": {"username": "1"},
                "r.io/a/b": {"username": "3"},
                "r.io/a": {"username": "2"},
                "r.io/c": {"username": "4"},
            }
        )
    )
    assert [one.username for one in credentials_for(parse_reference("r.io/a/b/c"), entries)] == ["3", "2", "1"]


def test_both_types_and_both_ways_to_write_a_login_are_read() -> None:
    auth = base64.b64encode(b"u:p:with:colons").decode()
    for kind in ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"):
        assert entries_of(secret({"r.io": {"auth": auth}}, kind)) == {"r.io": Credential("u", "p:with:colons")}
    assert entries_of(secret({"r.io": {"identitytoken": "t"}})) == {"r.io": Credential("", "", "t")}


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"type": "Opaque", "data": {"x": ""}},
        {"type": "kubernetes.io/dockerconfigjson"},
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "!"}},
        {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "bm8="}},
        {"type": "kubernetes.io/dockercfg", "data": {".dockercfg": "W10="}},
    ],
)
def test_what_cannot_be_read_holds_nothing(broken: dict[str, Any]) -> None:
    assert entries_of(broken) == {}


def test_a_credential_is_not_shown() -> None:
    shown = f"{Credential('someone', 'hush', 'token')!r} {[Credential('someone', 'hush')]}"
    assert "hush" not in shown
    assert "someone" not in shown
    assert "token" not in shown
