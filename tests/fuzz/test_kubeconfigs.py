"""Kubeconfigs: broken YAML, missing fields, wrong types, certificates that are none, plugins that fail."""

import base64
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st

from tests.fuzz.mutations import ODD, spoiled_bytes, spoiled_tree
from tests.fuzz.verdict import ends_well, few_and_many, files_below

UNREACHABLE = {8}


def config(port: int, user: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{port}", **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "default"}}],
        "current-context": "here",
    }


PLUGIN = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "command": "./plugin",
    "args": ["--token"],
    "env": [{"name": "A", "value": "b"}],
    "interactiveMode": "Never",
    "provideClusterInfo": True,
}
USERS: list[dict[str, Any]] = [
    {"token": "t"},
    {"exec": PLUGIN},
    {"tokenFile": "token", "as": "someone", "as-groups": ["a"], "as-user-extra": {"k": ["v"]}},
    {"client-certificate-data": base64.b64encode(b"no certificate").decode(), "client-key-data": "bm8ga2V5"},
    {"client-certificate": "certificate.pem", "client-key": "key.pem"},
    {"username": "a", "password": "b"},
    {"auth-provider": {"name": "gcp", "config": {"cmd-path": "gcloud", "expiry": "2026-01-31T00:00:00Z"}}},
]
CLUSTERS: list[dict[str, Any]] = [
    {},
    {"insecure-skip-tls-verify": True, "tls-server-name": "x", "proxy-url": "http://127.0.0.1:1"},
    {"certificate-authority": "ca.pem"},
    {"certificate-authority-data": "bm8gYXV0aG9yaXR5", "extensions": [{"name": "e", "extension": {"a": 1}}]},
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kubeconfigs")
    for name in ("token", "ca.pem", "certificate.pem", "key.pem"):
        (folder / name).write_text("no PEM\n")
    plugin = folder / "plugin"
    plugin.write_text("#!/bin/sh\nexit 1\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def refused(place: Path, data: bytes) -> None:
    (place / "config").write_bytes(data)
    before = files_below(place)
    ends_well(UNREACHABLE, "inspect", "--kubeconfig", place / "config")
    assert files_below(place) == before


def spoiled(place: Path, port: int, tree: Any) -> None:
    text = yaml.safe_dump(_with_port(tree, port), allow_unicode=True)
    refused(place, text.encode())


def _with_port(node: Any, port: int) -> Any:
    """Whatever became of the tree, no server in it is elsewhere, or where somebody listens."""
    if isinstance(node, dict):
        here = {"server": f"https://127.0.0.1:{port}"} if isinstance(node.get("server"), str) else {}
        return {key: _with_port(value, port) for key, value in node.items()} | here
    if isinstance(node, list):
        return [_with_port(value, port) for value in node]
    return node.replace(":1234", f":{port}") if isinstance(node, str) else node


TREES = st.builds(lambda user, cluster: config(1234, user, **cluster), st.sampled_from(USERS), st.sampled_from(CLUSTERS))
TEXT = yaml.safe_dump(config(1, {"exec": PLUGIN}, **CLUSTERS[3])).encode()

NASTY = [b"", b"\x00", b"\xff\xfe", b"[" * 5000, b"a: &a [*a]", b"clusters: &a {b: *a}\n", b"&a a: *a", b"- - -", b"\xc3\x28"]


@pytest.mark.parametrize("data", NASTY, ids=range(len(NASTY)))
def test_what_is_known_to_be_nasty(place: Path, data: bytes) -> None:
    refused(place, data)


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("key", ["certificate-authority-data", "proxy-url"])
def test_a_cluster_that_is_odd(place: Path, port: int, key: str, value: Any) -> None:
    refused(place, yaml.safe_dump(config(port, {"token": "t"}, **{key: value}), allow_unicode=True).encode())


test_a_spoiled_file, test_many_spoiled_files = few_and_many(spoiled_bytes(TEXT), few=30)(refused)
test_a_spoiled_config, test_many_spoiled_configs = few_and_many(TREES.flatmap(spoiled_tree), few=40)(spoiled)
