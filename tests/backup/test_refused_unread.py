"""A backup that is not whole is refused before anything is asked of a cluster, whatever the options."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pyrage
import pytest

from resail.apps.cli.main import run
from resail.backup.file import write_backup
from resail.errors import ExitCode
from tests.backup.backups import a_backup, a_secret
from tests.backup.test_archive import entry, forged

KEY = pyrage.x25519.Identity.generate()
WHOLE = a_backup(a_secret(**{"ca-key.pem": "c2VjcmV0"}), has_secrets=True, lacks=())

_KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: here, user: me}}}}]
clusters: [{{name: here, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: me, user: {{token: none}}}}]
"""


class Cluster:
    """Whatever listens there counts what reaches it, and has nothing to say."""

    def __init__(self, directory: Path) -> None:
        reached = self.reached = []  # type: list[str]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                reached.append(self.path)
                self.send_error(404)

            do_POST = do_PATCH = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.kubeconfig = directory / "kubeconfig"
        self.kubeconfig.write_text(_KUBECONFIG.format(port=self.server.server_port))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    there = Cluster(tmp_path)
    serving = threading.Thread(target=there.server.serve_forever)
    serving.start()
    yield there
    there.server.shutdown()
    serving.join()
    there.server.server_close()


def restore(cluster: Cluster, file: Path, *more: str) -> int:
    return run(["restore", str(file), "--kubeconfig", str(cluster.kubeconfig), "--yes", "--overwrite", "--other-cluster", *more])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(str(KEY))
    return path


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    path = tmp_path / "backup"
    write_backup(path, WHOLE, [str(KEY.to_public())])
    return path


def test_what_is_whole_does_reach_it(cluster: Cluster, backup: Path, key: Path) -> None:
    restore(cluster, backup, "--identity", str(key))
    assert cluster.reached


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.99])
def test_one_byte_is_flipped(cluster: Cluster, backup: Path, key: Path, share: float) -> None:
    data = bytearray(backup.read_bytes())
    data[int(len(data) * share)] ^= 0x01
    backup.write_bytes(data)
    assert restore(cluster, backup, "--identity", str(key)) in (ExitCode.ARTIFACT, ExitCode.USAGE)
    assert cluster.reached == []


def test_it_is_cut_in_half(cluster: Cluster, backup: Path, key: Path) -> None:
    backup.write_bytes(backup.read_bytes()[: len(backup.read_bytes()) // 2])
    assert restore(cluster, backup, "--identity", str(key)) == ExitCode.ARTIFACT
    assert cluster.reached == []


@pytest.mark.parametrize("name", ["../x", "/etc/x"])
def test_a_path_leaves_the_archive(cluster: Cluster, backup: Path, name: str) -> None:
    backup.write_bytes(forged(lambda members: None, entry(name, size=1)))
    assert restore(cluster, backup) == ExitCode.ARTIFACT
    assert cluster.reached == []


def test_nobody_has_a_key_to_it(cluster: Cluster, backup: Path) -> None:
    assert restore(cluster, backup) == ExitCode.USAGE
    assert cluster.reached == []


def test_nobody_can_be_asked(cluster: Cluster, backup: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["restore", str(backup), "--identity", str(key), "--kubeconfig", str(cluster.kubeconfig)]
    assert run(arguments) == ExitCode.USAGE
    assert cluster.reached == []
    assert "--yes" in capsys.readouterr().err
