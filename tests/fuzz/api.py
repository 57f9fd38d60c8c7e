"""An API server on loopback, in a thread, that holds a small mesh and spoils one kind of answer."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resail.cluster import ResourceKind
from resail.models.identity import Manifest, ObjectRef
from resail.models.selector import Selector
from resail.twin.cluster import open_twin
from resail.twin.loop import run
from tests.acceptance.small_mesh import make_mesh
from tests.kube.peer import Answer, Peer, Request

__all__ = ["MeshApi", "Spoil", "serving_mesh"]

Spoil = Callable[[Request, Answer], Answer]


class MeshApi:
    """What a ``Peer`` answers: reads only, and it remembers all requests."""

    def __init__(self, kinds: tuple[ResourceKind, ...], objects: list[Manifest], peer: Peer) -> None:
        self.peer = peer
        self.spoil: Spoil = lambda request, answer: answer
        self._kinds = {self._collection(kind): kind for kind in kinds}
        self._objects = objects
        peer.script = self._answer

    def answers(self) -> dict[str, Any]:
        """Path → the body of an answer, for each that the program could ask for first."""
        paths = ["/version", "/api", "/apis", *self._kinds]
        return {path: self._own(Request("GET", path, {}, {}, b"")).body for path in paths}

    def _answer(self, request: Request) -> Answer:
        if request.query.get("dryRun") == "All":
            return self.spoil(request, Answer(body=json.loads(request.body or b"{}")))
        if request.method != "GET":
            return Answer(403, {"message": "nothing is to be written"})
        return self.spoil(request, self._own(request))

    def _own(self, request: Request) -> Answer:
        match request.path.split("/")[1:]:
            case ["version"]:
                return Answer(body={"gitVersion": "v1.31.0", "major": "1"})
            case ["api" | "apis"]:
                return Answer(body=self._discovery(request.path == "/api"))
        home = re.search("/namespaces/([^/]+)(?=/[^/]+$)", request.path)
        collection = request.path.replace(home[0], "") if home else request.path
        if collection in self._kinds:
            labels = request.query.get("labelSelector", "")
            return Answer(body=self._list(self._kinds[collection], labels, home[1] if home else ""))
        for manifest in self._objects:
            if self._path(manifest) == request.path:
                return Answer(body=manifest)
        return Answer(404, {"kind": "Status", "code": 404, "message": "not found"})

    def _list(self, kind: ResourceKind, labels: str, namespace: str = "") -> dict[str, Any]:
        fits = Selector.parse(labels).fits
        items = [
            {key: value for key, value in one.items() if key not in ("kind", "apiVersion")}
            for one in self._objects
            if ObjectRef.of(one).kind_ref == kind.kind
            and fits(one["metadata"].get("labels") or {})
            and namespace in ("", one["metadata"].get("namespace", ""))
        ]
        metadata = {"resourceVersion": "7"}
        return {"kind": f"{kind.kind.kind}List", "apiVersion": kind.kind.api_version, "metadata": metadata, "items": items}

    def _discovery(self, core: bool) -> dict[str, Any]:
        groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for kind in self._kinds.values():
            group, _, version = kind.kind.api_version.rpartition("/")
            if (group == "") == core:
                scope = "Namespaced" if kind.namespaced else "Cluster"
                answer = {"group": group, "version": version, "kind": kind.kind.kind}
                entry = {"resource": kind.plural, "responseKind": answer, "scope": scope, "verbs": ["get", "list", "watch"]}
                groups.setdefault((group, version), []).append(entry)
        return {
            "kind": "APIGroupDiscoveryList",
            "metadata": {},
            "items": [
                {"metadata": {"name": group}, "versions": [{"version": version, "resources": resources}]}
                for (group, version), resources in groups.items()
            ],
        }

    @staticmethod
    def _collection(kind: ResourceKind) -> str:
        version = kind.kind.api_version
        return f"{'/apis' if '/' in version else '/api'}/{version}/{kind.plural}"

    def _path(self, manifest: Manifest) -> str:
        ref = ObjectRef.of(manifest)
        kind = next(kind for kind in self._kinds.values() if kind.kind == ref.kind_ref)
        root, _, plural = self._collection(kind).rpartition("/")
        return f"{root}/namespaces/{ref.namespace}/{plural}/{ref.name}" if ref.namespace else f"{root}/{plural}/{ref.name}"


def _small_mesh(folder: Path) -> tuple[tuple[ResourceKind, ...], list[Manifest]]:
    make_mesh(folder / "mesh.db")

    async def read() -> tuple[tuple[ResourceKind, ...], list[Manifest]]:
        async with open_twin(folder / "mesh.db") as twin:
            kinds = await twin.resource_kinds()
            objects = [one for kind in kinds for one in await twin.list_objects(kind.kind)]
            return kinds, objects

    kinds, objects = run(read())
    known = {ObjectRef.of(one) for one in objects}
    system = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": "c0ffee"}}
    return kinds, objects if ObjectRef.of(system) in known else [*objects, system]


@contextmanager
def serving_mesh(folder: Path) -> Iterator[MeshApi]:
    """Serve it; ``folder`` gets the twin that it is made from, and a kubeconfig."""
    kinds, objects = _small_mesh(folder)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    peer = Peer()
    api = MeshApi(kinds, objects, peer)
    try:
        asyncio.run_coroutine_threadsafe(_open(peer), loop).result()
        peer.kubeconfig(folder)
        yield api
        asyncio.run_coroutine_threadsafe(peer.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _open(peer: Peer) -> None:
    await peer.open()
