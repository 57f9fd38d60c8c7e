"""Which kubeconfig counts, what is read from it, and one clear error where it is no use."""

import base64
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from resail.errors import ClusterUnreachableError
from resail.kube import connect
from resail.kube.kubeconfig import kubeconfig_files, merged
from tests.kube.peer import Peer, status


def config(server: str, user: dict[str, Any] | None = None, **cluster: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server} | {key.replace("_", "-"): it for key, it in cluster.items()}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "here",
    }


def written(folder: Path, document: dict[str, Any], name: str = "config") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(document))
    return path


async def headers_sent(peer: Peer, kubeconfig: Path | None, context: str | None = None) -> dict[str, str]:
    async with connect(kubeconfig, context):
        return peer.requests[-1].headers


async def refusal(kubeconfig: Path | None, context: str | None = None) -> ClusterUnreachableError:
    with pytest.raises(ClusterUnreachableError) as caught:
        async with connect(kubeconfig, context):
            pass
    assert caught.value.next_step
    return caught.value


# --- what cannot be used ---


async def test_no_such_file(tmp_path: Path) -> None:
    error = await refusal(tmp_path / "nowhere")
    assert "not there" in error.what
    assert str(tmp_path / "nowhere") in error.on


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clusters:\n\t- name: c\n", "line 2, column 1"),
        ("{", "not YAML"),
        ("", "mapping"),
        ("- 1\n", "mapping"),
        ("kind: Config\n", "current context"),
        ("clusters: 5\n", "not what it should be"),
        ("clusters: [5]\n", "not what it should be"),
        ("clusters: [{name: c}]\n", "'cluster'"),
        ("clusters: [{name: c, cluster: 5}]\n", "not what it should be"),
        ("clusters: [{name: c, cluster: {server: 5}}]\n", "not what it should be"),
        ("users: [{name: c, user: {exec: {args: []}}}]\n", "'command'"),
        ("\x00", "not YAML"),
    ],
)
async def test_a_file_that_is_no_kubeconfig(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "config").write_text(text)
    error = await refusal(tmp_path / "config")
    assert words in error.what
    assert str(tmp_path / "config") in error.on


async def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"\xff\xfe\x00")
    await refusal(tmp_path / "config")


async def test_a_folder(tmp_path: Path) -> None:
    await refusal(tmp_path)


@pytest.mark.parametrize(("field", "value"), [("cluster", "other"), ("user", "other")])
async def test_a_context_that_names_what_is_not_there(tmp_path: Path, field: str, value: str) -> None:
    document = config("http://127.0.0.1:1")
    document["contexts"][0]["context"][field] = value
    assert "other" in (await refusal(written(tmp_path, document))).what


async def test_no_such_context(tmp_path: Path) -> None:
    assert "'there'" in (await refusal(written(tmp_path, config("http://127.0.0.1:1")), "there")).what


@pytest.mark.parametrize("server", ["127.0.0.1:6443", "ftp://127.0.0.1", "https://[::1", "http://127.0.0.1:port", "", "\u2028"])
async def test_an_address_that_is_none(tmp_path: Path, server: str) -> None:
    await refusal(written(tmp_path, config(server)))


@pytest.mark.parametrize(
    "user",
    [
        {"client-certificate": "nowhere.crt", "client-key": "nowhere.key"},
        {"client-certificate": "nowhere.crt"},
        {"client-key": "nowhere.key"},
        {"client-certificate-data": "!", "client-key-data": "!"},
        {"client-certificate-data": "bm9uZQ==", "client-key-data": "bm9uZQ=="},
        {"tokenFile": "nowhere"},
        {"auth-provider": {"name": "gcp"}},
        {"exec": {"apiVersion": "client.authentication.k8s.io/v9", "command": "true"}},
    ],
    ids=lambda user: ",".join(user),
)
async def test_credentials_that_cannot_be_used(peer: Peer, tmp_path: Path, user: dict[str, Any]) -> None:
    await refusal(written(tmp_path, config(peer.url, user)))


@pytest.mark.parametrize("authority", [{"certificate_authority": "nowhere"}, {"certificate_authority_data": "bm9uZQ=="}])
async def test_an_authority_that_cannot_be_used(peer: Peer, tmp_path: Path, authority: dict[str, Any]) -> None:
    await refusal(written(tmp_path, config(peer.url, **authority)))


# --- what is read ---


async def test_a_token(peer: Peer, tmp_path: Path) -> None:
    headers = await headers_sent(peer, written(tmp_path, config(peer.url, {"token": "secret"})))
    assert headers["authorization"] == "Bearer secret"
    assert headers["user-agent"] == "resail"


async def test_a_token_file_counts_from_the_kubeconfig_and_is_read_again(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    async with connect(written(tmp_path, config(peer.url, {"tokenFile": "token"}))) as cluster:
        (tmp_path / "token").write_text("second\n")
        peer.script = lambda request: None if request.headers["authorization"] == "Bearer second" else status(401)
        await cluster.server_version()
    assert [request.headers["authorization"] for request in peer.requests] == ["Bearer first", "Bearer first", "Bearer second"]


async def test_a_name_and_password(peer: Peer, tmp_path: Path) -> None:
    headers = await headers_sent(peer, written(tmp_path, config(peer.url, {"username": "u", "password": "p"})))
    assert headers["authorization"] == f"Basic {base64.b64encode(b'u:p').decode()}"


async def test_impersonation(peer: Peer, tmp_path: Path) -> None:
    """To leave it out would be to act with rights that the user meant to put aside."""
    user = {"token": "t", "as": "jane", "as-uid": "7", "as-groups": ["dev"], "as-user-extra": {"reason": ["upgrade"]}}
    headers = await headers_sent(peer, written(tmp_path, config(peer.url, user)))
    names = ("impersonate-user", "impersonate-uid", "impersonate-group", "impersonate-extra-reason")
    assert [headers[name] for name in names] == ["jane", "7", "dev", "upgrade"]


async def test_no_user(peer: Peer, tmp_path: Path) -> None:
    document = config(peer.url)
    del document["contexts"][0]["context"]["user"]
    assert "authorization" not in await headers_sent(peer, written(tmp_path, document))


async def test_a_proxy(peer: Peer, tmp_path: Path) -> None:
    async with connect(written(tmp_path, config("http://api.invalid:6443", proxy_url=peer.url))) as cluster:
        assert await cluster.server_version() == "1.31.0"


async def test_the_current_context_and_another(peer: Peer, tmp_path: Path) -> None:
    document = config(peer.url, {"token": "of-u"})
    document["users"].append({"name": "v", "user": {"token": "of-v"}})
    document["contexts"].append({"name": "there", "context": {"cluster": "c", "user": "v"}})
    path = written(tmp_path, document)
    assert (await headers_sent(peer, path))["authorization"] == "Bearer of-u"
    assert (await headers_sent(peer, path, "there"))["authorization"] == "Bearer of-v"


# --- several files ---


def test_of_several_files_the_first_entry_wins(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    first = {"users": [{"name": "u", "user": {"tokenFile": "t"}}], "contexts": None}
    second = config("https://b", {"token": "lost"}, certificate_authority="ca.crt")
    whole = merged([written(one, first), written(other, second)])
    assert whole["current-context"] == "here"
    assert whole["users"] == [{"name": "u", "user": {"tokenFile": str(one / "t")}}]
    assert whole["clusters"][0]["cluster"]["certificate-authority"] == str(other / "ca.crt")


def test_the_file_named_then_the_environment_then_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    present = written(tmp_path, config("https://b"))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(["", str(tmp_path / "absent"), str(present)]))
    assert kubeconfig_files(Path("named")) == [Path("named")]
    assert kubeconfig_files(None) == [present]
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    assert kubeconfig_files(None) == [tmp_path / "absent"]
    monkeypatch.delenv("KUBECONFIG")
    assert kubeconfig_files(None) == [tmp_path / ".kube/config"]


# --- TLS ---


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """URL of a server on 127.0.0.1 whose certificate says ``kubernetes``, and that certificate."""
    folder = tmp_path_factory.mktemp("tls")
    openssl = shutil.which("openssl")
    assert openssl, "openssl is needed, as by the test bed"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kubernetes"]
    command += ["-addext", "subjectAltName=DNS:kubernetes", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert", folder / "key")
    server = HTTPServer(("127.0.0.1", 0), _Version)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}", folder / "cert"
    server.shutdown()
    server.server_close()
    thread.join()


class _Version(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"gitVersion": "v1.31.0"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


async def test_a_certificate_by_the_name_that_the_kubeconfig_gives(tls_server: tuple[str, Path], tmp_path: Path) -> None:
    url, certificate = tls_server
    document = config(url, certificate_authority=str(certificate), tls_server_name="kubernetes")
    async with connect(written(tmp_path, document)) as cluster:
        assert await cluster.server_version() == "1.31.0"


async def test_a_certificate_of_another_name(tls_server: tuple[str, Path], tmp_path: Path) -> None:
    url, certificate = tls_server
    error = await refusal(written(tmp_path, config(url, certificate_authority=str(certificate))))
    assert "certificate is not trusted" in error.what


async def test_a_certificate_of_an_unknown_authority(tls_server: tuple[str, Path], tmp_path: Path) -> None:
    error = await refusal(written(tmp_path, config(tls_server[0])))
    assert "certificate is not trusted" in error.what
    assert "certificate authority" in error.next_step


async def test_a_certificate_that_shall_not_be_looked_at(tls_server: tuple[str, Path], tmp_path: Path) -> None:
    async with connect(written(tmp_path, config(tls_server[0], insecure_skip_tls_verify=True))) as cluster:
        assert await cluster.server_version() == "1.31.0"
