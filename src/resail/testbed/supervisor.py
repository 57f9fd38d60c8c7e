"""Runs the pilot-discovery that belongs to each ready istiod pod, and stops it with the pod.

A process of its own: ``python -m resail.testbed.supervisor DIRECTORY``. Charts and webhooks stay as they are: the
API server's calls to istiod's Service come in by the egress proxy and go on to the process of a ready endpoint.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import ssl
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from resail.testbed.bed import Istiod, Istiods
from resail.testbed.binaries import cached
from resail.testbed.egress import serve
from resail.testbed.layout import ISTIOD_PREFIX, Layout
from resail.testbed.processes import Processes, free_ports
from resail.testbed.tools import ISTIO_VERSIONS

__all__ = ["main"]

_POLL = 0.2  # seconds between two looks at the pods
_HOLD = 15.0  # seconds that a call waits for an istiod that is about to listen
_LAG = 1.0  # seconds that the API server may know of an endpoint before we do
_DRAIN = 1.0  # seconds in which an istiod whose pod is gone ends the calls that it is in; it gets no new ones
_BETWEEN_STARTS = 2.0  # seconds before an istiod that ended by itself is started again

_LISTENERS = {"httpAddr": 8080, "httpsAddr": 15017, "grpcAddr": 15010, "secureGRPCAddr": 15012, "monitoringAddr": 15014}
"""Flag of pilot-discovery → port that the pod would have."""

Object = dict[str, Any]

_PROGRAM = "pilot-discovery"
"""Its name in the image, by which it is known as field manager."""


class _Pilot:
    """One pilot-discovery."""

    def __init__(self, pod: Object, version: str, layout: Layout, processes: Processes) -> None:
        self.pod = pod
        self.version = version
        self.process = f"{ISTIOD_PREFIX}{pod['metadata']['namespace']}-{pod['metadata']['name']}"
        self._layout = layout
        self._processes = processes
        self._started = -_BETWEEN_STARTS
        self._program = cached(f"{_PROGRAM}-{version}")
        self._work = layout.processes / self.process
        self.ports = dict(zip(_LISTENERS, free_ports(len(_LISTENERS)), strict=True))
        self.answers = False

    @property
    def key(self) -> str:
        return f"{self.pod['metadata']['namespace']}/{self.pod['metadata']['name']}"

    @property
    def starts(self) -> bool:
        """Will it answer, but does not yet?"""
        return self._program is not None and not self.answers

    @property
    def revision(self) -> str:
        return str(self.pod["metadata"].get("labels", {}).get("istio.io/rev", "default"))

    def keep_running(self) -> None:
        """Start it, or start it again after it ended by itself."""
        now = time.monotonic()
        if self._processes.alive(self.process) or now < self._started + _BETWEEN_STARTS:
            return
        self._started = now
        self.answers = False
        if self._program is None:
            sys.stderr.write(f"{self.key}: no pilot-discovery {self.version} in this bed\n")
            return
        self._work.mkdir(exist_ok=True)
        command = [
            *(_PROGRAM, "discovery", "--kubeconfig", str(self._layout.kubeconfig_of("istiod"))),
            *(f"--{flag}=127.0.0.1:{port}" for flag, port in self.ports.items()),
            *(f"--ctrlz_port={free_ports(1)[0]}", "--domain=cluster.local", "--log_output_level=default:warn"),
            *("--kubernetesApiQPS=1000", "--kubernetesApiBurst=2000"),
        ]
        self._processes.start(self.process, command, program=self._program, environment=self._environment(), directory=self._work)

    def _environment(self) -> dict[str, str]:
        metadata = self.pod["metadata"]
        fields = {
            "metadata.name": metadata["name"],
            "metadata.namespace": metadata["namespace"],
            "spec.serviceAccountName": self.pod["spec"].get("serviceAccountName", "default"),
        }
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self._work)}
        for variable in _container(self.pod).get("env", []):
            path = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
            if "value" in variable:
                environment[variable["name"]] = variable["value"]
            elif path in fields:
                environment[variable["name"]] = fields[path]
        environment.pop("KUBECONFIG", None)
        return environment

    async def probe(self, client: httpx2.AsyncClient) -> None:
        """See whether its web hook server listens, which istiod opens last."""
        if self.answers:
            return
        with contextlib.suppress(httpx2.TransportError):
            ready = await client.get(f"http://127.0.0.1:{self.ports['httpAddr']}/ready")
            _, writer = await asyncio.open_connection("127.0.0.1", self.ports["httpsAddr"])
            writer.close()
            self.answers = ready.status_code == 200

    def clean(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)


class _Supervisor:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._processes = Processes(layout.processes)
        self._pilots: dict[str, _Pilot] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._services: dict[str, Object] = {}
        context = ssl.create_default_context(cafile=str(layout.certificate))
        self._api = httpx2.AsyncClient(
            base_url=f"https://127.0.0.1:{layout.ports().api}",
            verify=context,
            headers={"Authorization": "Bearer controllers"},
            timeout=10,
        )
        self._http = httpx2.AsyncClient(timeout=2)

    async def run(self, stopped: asyncio.Event) -> None:
        server = await serve(self._layout.egress_socket, self._resolve)
        async with server, self._api, self._http:
            while not stopped.is_set():
                with contextlib.suppress(httpx2.HTTPError):
                    await self._look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), _POLL)
            await asyncio.gather(self._stop(self._pilots.values()), *self._stopping)

    async def _look(self) -> None:
        pods = await self._list("/api/v1/pods", "app=istiod")
        services = await self._list("/api/v1/services", "")
        self._services = {service["spec"].get("clusterIP", ""): service for service in services}
        ready = {pod["metadata"]["uid"]: pod for pod in pods if _ready(pod)}
        for uid, pod in ready.items():
            version = _version(pod)
            if uid not in self._pilots and version in ISTIO_VERSIONS:
                self._pilots[uid] = _Pilot(pod, version, self._layout, self._processes)
        gone = [self._pilots.pop(uid) for uid in self._pilots.keys() - ready.keys()]
        if gone:
            # Beside the rest: an istiod takes its time to end, and its successor has calls to answer.
            task = asyncio.create_task(self._retire(gone))
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)
        for pilot in self._pilots.values():
            pilot.keep_running()
        await asyncio.gather(*(pilot.probe(self._http) for pilot in self._pilots.values()), return_exceptions=True)
        self._tell()

    async def _retire(self, pilots: Iterable[_Pilot]) -> None:
        await asyncio.sleep(_DRAIN)
        await self._stop(pilots)

    async def _stop(self, pilots: Iterable[_Pilot]) -> None:
        ending = list(pilots)
        await asyncio.to_thread(self._processes.stop, *(pilot.process for pilot in ending))
        for pilot in ending:
            pilot.clean()

    async def _list(self, path: str, selector: str) -> list[Object]:
        answer = await self._api.get(path, params={"labelSelector": selector} if selector else {})
        answer.raise_for_status()
        items: list[Object] = answer.json()["items"]
        return items

    def _tell(self) -> None:
        answering = sorted(
            (
                Istiod(
                    pod=pilot.key,
                    revision=pilot.revision,
                    version=pilot.version,
                    http=f"http://127.0.0.1:{pilot.ports['httpAddr']}",
                    monitoring=f"http://127.0.0.1:{pilot.ports['monitoringAddr']}",
                )
                for pilot in self._pilots.values()
                if pilot.answers
            ),
            key=lambda istiod: istiod.pod,
        )
        partial = self._layout.istiods_file.with_suffix(".partial")
        starting = sum(pilot.starts for pilot in self._pilots.values())
        partial.write_bytes(msgspec.json.encode(Istiods(starting, tuple(answering))))
        partial.rename(self._layout.istiods_file)

    async def _resolve(self, host: str, port: int) -> int | None:
        """The loopback port behind a ClusterIP or a pod's IP; waits for an istiod that is starting."""
        loop = asyncio.get_running_loop()
        called = loop.time()
        while True:
            candidates, target = self._behind(host, port)
            for pilot in candidates:
                if pilot.answers:
                    return pilot.ports.get(_flag_of(target))
            if loop.time() > called + (_HOLD if candidates else _LAG):
                return None
            await asyncio.sleep(0.05)

    def _behind(self, host: str, port: int) -> tuple[list[_Pilot], int]:
        service = self._services.get(host)
        if service is None:
            return [pilot for pilot in self._pilots.values() if pilot.pod["status"].get("podIP") == host], port
        selector: dict[str, str] = service["spec"].get("selector") or {}
        pilots = [
            pilot
            for pilot in self._pilots.values()
            if pilot.pod["metadata"]["namespace"] == service["metadata"]["namespace"]
            and selector.items() <= pilot.pod["metadata"].get("labels", {}).items()
        ]
        return pilots, next((p.get("targetPort", p["port"]) for p in service["spec"]["ports"] if p["port"] == port), port)


def _container(pod: Object) -> Object:
    found: Object = next((container for container in pod["spec"]["containers"] if container["name"] == "discovery"), {})
    return found


def _version(pod: Object) -> str:
    return str(_container(pod).get("image", "")).rpartition(":")[2].removesuffix("-distroless")


def _ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )


def _flag_of(port: int | str) -> str:
    names = {"https-webhook": 15017, "grpc-xds": 15010, "https-dns": 15012, "http-monitoring": 15014}
    number = names.get(port, 0) if isinstance(port, str) else port
    return next((flag for flag, known in _LISTENERS.items() if known == number), "")


async def _run(directory: Path) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await _Supervisor(Layout(directory)).run(stopped)


def main() -> None:
    """Supervise the bed in the directory that the first argument names, until SIGTERM."""
    asyncio.run(_run(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
