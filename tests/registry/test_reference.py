"""Image references are read as container runtimes read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.errors import UsageError
from resail.registry.reference import ImageReference, parse_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("nginx", ImageReference("docker.io", "library/nginx", "latest")),
        ("istio/pilot:1.27.9", ImageReference("docker.io", "istio/pilot", "1.27.9")),
        ("docker.io/istio/pilot:1.27.9", ImageReference("docker.io", "istio/pilot", "1.27.9")),
        ("index.docker.io/nginx", ImageReference("docker.io", "library/nginx", "latest")),
        ("gcr.io/istio-release/pilot:1.27.9-distroless", ImageReference("gcr.io", "istio-release/pilot", "1.27.9-distroless")),
        (f"gcr.io/a/b@{DIGEST}", ImageReference("gcr.io", "a/b", "", DIGEST)),
        (f"gcr.io/a/b:1@{DIGEST}", ImageReference("gcr.io", "a/b", "1", DIGEST)),
        ("localhost/pilot:1", ImageReference("localhost", "pilot", "1")),
        ("localhost:5000/pilot", ImageReference("localhost:5000", "pilot", "latest")),
        ("[::1]:5000/pilot", ImageReference("[::1]:5000", "pilot", "latest")),
        ("registry:5000/a/b/c:t", ImageReference("registry:5000", "a/b/c", "t")),
        ("Registry/a", ImageReference("Registry", "a", "latest")),
    ],
)
def test_it_is_read(text: str, read: ImageReference) -> None:
    assert parse_reference(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Pilot",
        "a b",
        "gcr.io/",
        "gcr.io/a:",
        "gcr.io/A/b",
        "gcr.io/a@sha256:1",
        "gcr.io/a@",
        "-x.io/a",
        "gcr.io/a//b",
        "a:b:c",
        "gcr.io/a:.x",
        "https://gcr.io/a",
    ],
)
def test_it_is_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse_reference(text)


@given(st.text())
def test_whatever_it_is_it_is_read_or_refused(text: str) -> None:
    try:
        found = parse_reference(text)
    except UsageError:
        return
    assert found.host
    assert found.repository
    assert found.version


@pytest.mark.parametrize(
    ("text", "api"),
    [
        ("nginx", "https://registry-1.docker.io/v2"),
        ("gcr.io/a", "https://gcr.io/v2"),
        ("localhost:5000/a", "http://localhost:5000/v2"),
        ("localhost/a", "http://localhost/v2"),
        ("127.0.0.1:5000/a", "http://127.0.0.1:5000/v2"),
        ("127.9.9.9/a", "http://127.9.9.9/v2"),
        ("[::1]:5000/a", "http://[::1]:5000/v2"),
        ("10.0.0.1:5000/a", "https://10.0.0.1:5000/v2"),
        ("localhost.example.com/a", "https://localhost.example.com/v2"),
        ("my-localhost:5000/a", "https://my-localhost:5000/v2"),
    ],
)
def test_only_those_of_the_machine_itself_go_without_tls(text: str, api: str) -> None:
    assert parse_reference(text).api == api
