"""The header by which a registry asks for a login, as registries write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resail.registry.challenges import Challenge, parse_challenges


@pytest.mark.parametrize(
    ("header", "read"),
    [
        (
            'Bearer realm="https://auth.docker.io/token",service="hub.docker.io",scope="repository:a/b:pull,push"',
            (
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "hub.docker.io",
                        "scope": "repository:a/b:pull,push",
                    },
                ),
            ),
        ),
        ('Basic realm="Sonatype \\"Nexus\\""', (Challenge("basic", {"realm": 'Sonatype "Nexus"'}),)),
        ("Basic", (Challenge("basic", {}),)),
        ("BEARER realm=https://x/t", (Challenge("bearer", {"realm": "https://x/t"}),)),
        (
            'Basic realm="a, b", Bearer realm="c" , service = "d"',
            (Challenge("basic", {"realm": "a, b"}), Challenge("bearer", {"realm": "c", "service": "d"})),
        ),
        ("", ()),
        ('="x"', ()),
    ],
)
def test_it_is_read(header: str, read: tuple[Challenge, ...]) -> None:
    assert parse_challenges(header) == read


@given(st.text())
def test_it_always_ends(header: str) -> None:
    parse_challenges(header)
