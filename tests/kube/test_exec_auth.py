"""Exec plugins: a real program is run, as kubectl runs it."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from resail.errors import ClusterUnreachableError
from resail.kube import connect
from tests.kube.peer import Answer, Peer, Request, status
from tests.kube.test_kubeconfig import config, written

PLUGIN = """\
#!{python}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
runs = here / "runs"
runs.write_text(runs.read_text() + "x" if runs.exists() else "x")
(here / "seen").write_text(json.dumps({{"info": json.loads(os.environ["KUBERNETES_EXEC_INFO"]), "args": sys.argv[1:],
                                      "own": os.environ.get("OWN")}}))
version = json.loads(os.environ["KUBERNETES_EXEC_INFO"])["apiVersion"]
token = "token-" + str(len(runs.read_text()))
print(json.dumps({{"apiVersion": version, "kind": "ExecCredential", "status": {{"token": token}}}}))
"""


def plugin(folder: Path, text: str = PLUGIN) -> Path:
    path = folder / "plugin"
    path.write_text(text.format(python=sys.executable))
    path.chmod(0o755)
    return path


def user(command: str | Path, version: str = "v1", **more: Any) -> dict[str, Any]:
    return {"exec": {"apiVersion": f"client.authentication.k8s.io/{version}", "command": str(command)} | more}


def tokens(peer: Peer) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in peer.requests]


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
async def test_each_version_of_the_protocol(peer: Peer, tmp_path: Path, version: str) -> None:
    command = plugin(tmp_path)
    path = written(tmp_path, config(peer.url, user(command, version, args=["get", "it"], env=[{"name": "OWN", "value": "v"}])))
    async with connect(path) as cluster:
        await cluster.server_version()
    assert tokens(peer) == ["token-1", "token-1"]
    assert json.loads((tmp_path / "seen").read_text()) == {
        "args": ["get", "it"],
        "own": "v",
        "info": {
            "apiVersion": f"client.authentication.k8s.io/{version}",
            "kind": "ExecCredential",
            "spec": {"interactive": False},
        },
    }


async def test_a_relative_command_counts_from_the_kubeconfig(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    plugin(tmp_path / "bin")
    async with connect(written(tmp_path, config(peer.url, user("./bin/plugin")))):
        assert tokens(peer) == ["token-1"]


async def test_it_learns_the_cluster_where_the_kubeconfig_says_so(peer: Peer, tmp_path: Path) -> None:
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "me"}}
    document = config(peer.url, user(plugin(tmp_path), provideClusterInfo=True), extensions=[extension], tls_server_name="k")
    async with connect(written(tmp_path, document)):
        pass
    spec = json.loads((tmp_path / "seen").read_text())["info"]["spec"]
    assert spec["cluster"] == {"server": peer.url, "tls-server-name": "k", "config": {"audience": "me"}}


async def test_an_expired_token_is_fetched_anew_once_for_all_requests(peer: Peer, tmp_path: Path) -> None:
    async with connect(written(tmp_path, config(peer.url, user(plugin(tmp_path))))) as cluster:

        def script(request: Request) -> Answer | None:
            return status(401) if request.headers["authorization"] == "Bearer token-1" else None

        peer.script = script
        await asyncio.gather(*(cluster.server_version() for _ in range(8)))
    assert (tmp_path / "runs").read_text() == "xx"


async def test_a_new_token_that_is_not_accepted_either(peer: Peer, tmp_path: Path) -> None:
    async with connect(written(tmp_path, config(peer.url, user(plugin(tmp_path))))) as cluster:
        peer.script = lambda request: status(401, "Unauthorized")
        with pytest.raises(ClusterUnreachableError, match="Unauthorized"):
            await cluster.server_version()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#!{python}\nimport sys\nsys.exit('you are logged out')", "ended with 1: you are logged out"),
        ("#!{python}\nprint('hello')", "not an ExecCredential"),
        ("#!{python}\nprint('{{}}')", "no token"),
        ('#!{python}\nprint(\'{{"status": {{"token": 5}}}}\')', "not an ExecCredential"),
        ("#!/nowhere/interpreter\n", "cannot be started"),
    ],
)
async def test_a_plugin_that_fails(peer: Peer, tmp_path: Path, text: str, words: str) -> None:
    command = plugin(tmp_path, text)
    with pytest.raises(ClusterUnreachableError, match=words) as caught:
        async with connect(written(tmp_path, config(peer.url, user(command)))):
            pass
    assert caught.value.on == str(command)
    assert caught.value.next_step


async def test_a_plugin_that_is_not_installed_and_where_to_get_it(peer: Peer, tmp_path: Path) -> None:
    document = config(peer.url, user("no-such-plugin", installHint="see https://example.org/plugin"))
    with pytest.raises(ClusterUnreachableError, match=r"cannot be started: No such file.*example\.org") as caught:
        async with connect(written(tmp_path, document)):
            pass
    assert caught.value.on == "no-such-plugin"
