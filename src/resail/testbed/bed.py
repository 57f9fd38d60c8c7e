"""One bed: start, save, reset, stop."""

import base64
import contextlib
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from resail.errors import ArtifactError, ResailError, UsageError
from resail.testbed import audit
from resail.testbed.binaries import ensure
from resail.testbed.layout import ISTIOD_PREFIX, Layout, Ports
from resail.testbed.processes import Processes, free_ports
from resail.testbed.tools import API_SERVER, CONTROL_PLANE, ISTIO_VERSIONS

__all__ = ["Bed", "Istiod", "Istiods"]

Progress = Callable[[str], None]

_ADMINISTRATORS = ("resail", "deployer", "observer", "controllers", "istiod")
"""Users of the bed: each has its own token, so that the audit log tells who wrote."""


_NO_ROTATION = 100_000
"""Megabytes that the audit log may have; at 100 by default it would begin a new file, and the judges read one."""


class Istiod(msgspec.Struct, frozen=True):
    """A pilot-discovery that the supervisor runs for a pod."""

    pod: str
    """``namespace/name``"""
    revision: str
    version: str
    http: str
    """Base URL of its plain HTTP server, with ``/ready`` and ``/debug``."""
    monitoring: str
    """Base URL of its monitoring server, with ``/metrics`` and ``/version``."""


class Istiods(msgspec.Struct, frozen=True):
    """What the supervisor writes down at each look."""

    starting: int
    """How many do not answer yet."""
    answering: tuple[Istiod, ...]


class Bed:
    """A running bed in a directory. Everything listens on 127.0.0.1."""

    def __init__(self, directory: Path) -> None:
        self.layout = Layout(directory.resolve())
        self._processes = Processes(self.layout.processes)
        self._client: httpx2.Client | None = None

    @classmethod
    def start(
        cls,
        directory: Path,
        progress: Progress = lambda _: None,
        istio: tuple[str, ...] = ISTIO_VERSIONS,
        *,
        controllers: bool = True,
    ) -> "Bed":
        """Start a new, empty bed; what an earlier one left in ``directory`` is removed.

        Args:
            directory: for its files.
            progress: is told what is done.
            istio: versions of istiod that its supervisor may have to run.
            controllers: without them there is an API server and nothing else.

        Raises:
            UsageError: ``directory`` holds something that is no bed.
            ArtifactError: a program is missing and cannot be built.
            ResailError: a program does not come up; its log's last lines are in the message.
        """
        bed = cls(directory)
        bed._refuse_strange_directory()
        wanted = CONTROL_PLANE if controllers else API_SERVER
        programs = ensure((*wanted, *(f"pilot-discovery-{version}" for version in istio)), progress)
        bed.stop()
        shutil.rmtree(bed.layout.root, ignore_errors=True)
        progress("starting etcd and the API server")
        bed._write_files()
        try:
            bed._start_etcd(programs["etcd"])
            bed._start_api_server(programs["kube-apiserver"])
            if controllers:
                bed._start_controllers()
        except BaseException:
            bed.stop()
            raise
        progress(f"the test bed is up: {bed.kubeconfig}")
        return bed

    @property
    def kubeconfig(self) -> Path:
        """For the user ``resail``, in the group system:masters."""
        return self.layout.kubeconfig

    def kubeconfig_of(self, user: str) -> Path:
        """For ``resail``, ``deployer`` or ``observer``."""
        return self.layout.kubeconfig_of(user)

    @property
    def up(self) -> bool:
        """Does its API server run?"""
        return self._processes.alive("kube-apiserver")

    @property
    def programs(self) -> dict[str, bool]:
        """Name → alive."""
        return {name: self._processes.alive(name) for name in self._processes.names()}

    def stop(self) -> None:
        """End all its processes and wait for them; the files stay."""
        if self._client is not None:
            self._client.close()
            self._client = None
        # The supervisor ends its istiods itself, if it can; the API server goes after all its clients.
        self._processes.stop("supervisor")
        self._processes.stop(*(name for name in self._processes.names() if name.startswith(ISTIOD_PREFIX)))
        self._processes.stop("kwok", "kube-scheduler", "kube-controller-manager")
        self._processes.stop("kube-apiserver")
        self._processes.stop("etcd")
        self.layout.egress_socket.unlink(missing_ok=True)
        self.layout.istiods_file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def without_api_server(self) -> Iterator[None]:
        """For the time of the context its API server is stopped; all else runs on."""
        self._processes.stop("kube-apiserver")
        try:
            yield
        finally:
            self._start_api_server(ensure(("kube-apiserver",), lambda _: None)["kube-apiserver"])

    def save(self, name: str = "pristine") -> None:
        """Keep the state of the API as ``name``."""
        body = bytearray()
        with httpx2.Client(timeout=60) as client:
            url = f"http://127.0.0.1:{self.layout.ports().etcd}/v3/maintenance/snapshot"
            with client.stream("POST", url, json={}) as answer:
                answer.raise_for_status()
                for line in answer.iter_lines():
                    if line:
                        body += base64.b64decode(msgspec.json.decode(line)["result"].get("blob", ""))
        self._snapshot(name).write_bytes(body)

    def reset(self, name: str = "pristine") -> None:
        """Put the API back to what ``save`` kept, start everything afresh and wait for its istiods; the audit log goes on.

        etcd could be exchanged under a running API server (``--bump-revision``), but its caches come back one by one,
        over ten seconds and more; a new start takes four.

        Raises:
            ArtifactError: nothing was saved under that name.
        """
        snapshot = self._snapshot(name)
        if not snapshot.exists():
            raise ArtifactError("no such saved state", on=str(snapshot), next_step="call save first")
        programs = ensure(("etcd", "etcdutl", "kube-apiserver"), lambda _: None)
        self.stop()
        shutil.rmtree(self.layout.etcd_data)
        command: list[str | Path] = [
            *(programs["etcdutl"], "snapshot", "restore", snapshot, "--data-dir", self.layout.etcd_data),
            *("--name", "bed", "--initial-cluster", f"bed={self._peer_url()}"),
            *("--initial-advertise-peer-urls", self._peer_url()),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise ResailError(f"etcd could not be restored: {done.stderr.strip()[-500:]}", on=str(snapshot))
        self._start_etcd(programs["etcd"])
        self._start_api_server(programs["kube-apiserver"])
        self._start_controllers()
        self._until("supervisor", lambda: self.layout.istiods_file.exists() and not self._supervised().starting)

    def audit(self) -> list[audit.Event]:
        """All that was written since the start, oldest first."""
        return audit.read(self.layout.audit_log)

    def istiods(self) -> list[Istiod]:
        """The pilot-discoveries that run and answer now."""
        if not self.layout.istiods_file.exists():
            return []
        return list(self._supervised().answering)

    def api(self, method: str, path: str, **arguments: Any) -> httpx2.Response:
        """A request to the API as the user ``observer``."""
        if self._client is None:
            context = ssl.create_default_context(cafile=str(self.layout.certificate))
            self._client = httpx2.Client(
                base_url=self._api_url(), verify=context, headers={"Authorization": "Bearer observer"}, timeout=60
            )
        return self._client.request(method, path, **arguments)

    # --- starting ---

    def _write_files(self) -> None:
        layout = self.layout
        for folder in (layout.certificates, layout.root / "kubeconfigs", layout.root / "saved"):
            folder.mkdir(parents=True, mode=0o700)
        ports = Ports(*free_ports(5))
        layout.ports_file.write_bytes(msgspec.json.encode(ports))
        tokens = "".join(f"{user},{user},{user},system:masters\n" for user in _ADMINISTRATORS)
        (layout.certificates / "tokens.csv").write_text(tokens)
        for name in ("audit-policy.yaml", "stages.yaml"):
            source = resources.files("resail.testbed") / "config" / name
            (layout.root / name).write_bytes(source.read_bytes())
        (layout.root / "egress.yaml").write_text(_EGRESS.format(socket=layout.egress_socket))
        for user in _ADMINISTRATORS:
            text = _KUBECONFIG.format(server=self._api_url(), authority=layout.certificate, user=user)
            layout.kubeconfig_of(user).write_text(text)

    def _start_etcd(self, program: Path) -> None:
        ports = self.layout.ports()
        client = f"http://127.0.0.1:{ports.etcd}"
        self._processes.start(
            "etcd",
            [
                *(program, "--name", "bed", "--data-dir", self.layout.etcd_data, "--unsafe-no-fsync"),
                *("--listen-client-urls", client, "--advertise-client-urls", client),
                *("--listen-peer-urls", self._peer_url(), "--initial-advertise-peer-urls", self._peer_url()),
                *("--initial-cluster", f"bed={self._peer_url()}", "--log-level", "warn"),
            ],
        )
        with httpx2.Client(base_url=client) as http:
            self._until("etcd", lambda: http.get("/health").status_code == 200)

    def _start_api_server(self, program: Path) -> None:
        layout, ports = self.layout, self.layout.ports()
        self._processes.start(
            "kube-apiserver",
            [
                program,
                f"--etcd-servers=http://127.0.0.1:{ports.etcd}",
                f"--secure-port={ports.api}",
                "--bind-address=127.0.0.1",
                f"--cert-dir={layout.certificates}",
                f"--service-account-key-file={layout.key}",
                f"--service-account-signing-key-file={layout.key}",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--token-auth-file={layout.certificates / 'tokens.csv'}",
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.96.0.0/16",
                "--allow-privileged=true",
                "--endpoint-reconciler-type=none",
                "--max-requests-inflight=4000",
                "--max-mutating-requests-inflight=2000",
                "--shutdown-delay-duration=0s",
                f"--audit-policy-file={layout.root / 'audit-policy.yaml'}",
                f"--audit-log-path={layout.audit_log}",
                "--audit-log-mode=blocking-strict",
                f"--audit-log-maxsize={_NO_ROTATION}",
                f"--egress-selector-config-file={layout.root / 'egress.yaml'}",
            ],
        )
        self._until("kube-apiserver", lambda: layout.certificate.exists() and self.api("GET", "/readyz").status_code == 200)

    def _start_controllers(self) -> None:
        layout, ports = self.layout, self.layout.ports()
        programs = ensure(("kube-controller-manager", "kube-scheduler", "kwok"), lambda _: None)
        kubeconfig = layout.kubeconfig_of("controllers")
        common = [
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            "--kube-api-qps=2000",
            "--kube-api-burst=4000",
        ]
        self._processes.start("supervisor", [sys.executable, "-P", "-m", "resail.testbed.supervisor", layout.root])
        self._processes.start(
            "kube-controller-manager",
            [
                programs["kube-controller-manager"],
                *common,
                f"--secure-port={ports.controller_manager}",
                f"--service-account-private-key-file={layout.key}",
                f"--root-ca-file={layout.certificate}",
                "--use-service-account-credentials=false",
                # On a busy machine KWOK's heartbeats come late, and a node that is thought dead takes its pods with it.
                "--node-monitor-grace-period=24h",
                "--concurrent-deployment-syncs=20",
                "--concurrent-replicaset-syncs=20",
            ],
        )
        self._processes.start("kube-scheduler", [programs["kube-scheduler"], *common, f"--secure-port={ports.scheduler}"])
        self._processes.start(
            "kwok",
            [
                *(programs["kwok"], f"--kubeconfig={kubeconfig}", "--manage-all-nodes=true"),
                *("-c", layout.root / "stages.yaml", "--server-address=", "--node-lease-duration-seconds=0"),
            ],
        )
        self._until("supervisor", lambda: layout.egress_socket.exists())
        self._until("kube-controller-manager", self._controllers_work)

    def _controllers_work(self) -> bool:
        return self.api("GET", "/api/v1/namespaces/default/serviceaccounts/default").status_code == 200

    # --- details ---

    def _supervised(self) -> Istiods:
        return msgspec.json.decode(self.layout.istiods_file.read_bytes(), type=Istiods)

    def _refuse_strange_directory(self) -> None:
        """What is in the directory gets removed, so it must be ours."""
        root = self.layout.root
        if root.exists() and not self.layout.ports_file.exists() and (not root.is_dir() or any(root.iterdir())):
            raise UsageError("there is something that is no test bed", on=str(root), next_step="name an empty directory")

    def _until(self, program: str, condition: Callable[[], bool], seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(httpx2.TransportError, OSError):
                if condition():
                    return
            if not self._processes.alive(program) or time.monotonic() > deadline:
                raise ResailError(
                    f"{program} of the test bed did not come up: {self._processes.log_tail(program)}",
                    on=str(self.layout.root),
                    next_step="read its log in the folder processes/",
                )
            time.sleep(0.05)

    def _snapshot(self, name: str) -> Path:
        return self.layout.root / "saved" / f"{name}.db"

    def _api_url(self) -> str:
        return f"https://127.0.0.1:{self.layout.ports().api}"

    def _peer_url(self) -> str:
        return f"http://127.0.0.1:{self.layout.ports().etcd_peer}"


_EGRESS = """\
apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds: {{udsName: "{socket}"}}
"""

_KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: testbed, cluster: {{server: "{server}", certificate-authority: "{authority}"}}}}]
users: [{{name: "{user}", user: {{token: "{user}"}}}}]
contexts: [{{name: testbed, context: {{cluster: testbed, user: "{user}"}}}}]
current-context: testbed
"""
