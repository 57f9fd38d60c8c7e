"""EndpointSlices: the pods behind each Service. One slice, however many there are."""

from collections.abc import Iterable
from typing import Any

from resail.models.identity import Manifest
from resail.twin.controllers.owners import reference_to
from resail.twin.readiness import is_ready
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["EndpointController"]

_SERVICE = "kubernetes.io/service-name"


class EndpointController:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "Service" and change.after:
            yield change.key
        elif change.key.kind == "Pod":
            labels = [(pod["metadata"].get("labels") or {}) for pod in (change.before, change.after) if pod]
            for service in self._store.all("Service", change.key.namespace):
                selector = service["spec"].get("selector")
                if selector and any(selector.items() <= one.items() for one in labels):
                    yield Key("Service", change.key.namespace, service["metadata"]["name"])

    def reconcile(self, key: Key) -> float | None:
        service = self._store.get(key)
        if service is None or not service["spec"].get("selector"):
            return None
        selector = service["spec"]["selector"].items()
        pods = [pod for pod in self._store.all("Pod", key.namespace) if selector <= (pod["metadata"].get("labels") or {}).items()]
        pods = sorted((pod for pod in pods if pod["status"].get("podIP")), key=lambda pod: str(pod["metadata"]["name"]))
        content = {"endpoints": [_endpoint(pod) for pod in pods if pod["status"]["phase"] == "Running"], "ports": _ports(service)}
        slices = self._store.owned(service["metadata"]["uid"], "EndpointSlice")
        if slices:
            name = slices[0]["metadata"]["name"]
            changed = self._store.get(Key("EndpointSlice", key.namespace, name)) or {}
            if {part: changed.get(part) for part in content} != content:
                self._store.edit(Key("EndpointSlice", key.namespace, name), lambda new: _set(new, content))
        else:
            metadata = {
                "generateName": f"{key.name}-",
                "namespace": key.namespace,
                "labels": {**(service["metadata"].get("labels") or {}), _SERVICE: key.name},
                "ownerReferences": [reference_to(service)],
            }
            made = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": metadata, "addressType": "IPv4"}
            self._server.create({**made, **content})
        return None


def _set(manifest: Manifest, content: dict[str, Any]) -> None:
    manifest.update(content)
    manifest["metadata"]["generation"] += 1


def _ports(service: Manifest) -> list[dict[str, Any]]:
    # The real one looks names of ports up in the pods.
    return [
        {
            "name": port.get("name", ""),
            "port": port["targetPort"] if isinstance(port["targetPort"], int) else port["port"],
            "protocol": port["protocol"],
        }
        for port in service["spec"].get("ports") or ()
    ]


def _endpoint(pod: Manifest) -> dict[str, Any]:
    ending = "deletionTimestamp" in pod["metadata"]
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": is_ready(pod) and not ending, "serving": is_ready(pod), "terminating": ending},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {
            "kind": "Pod",
            "namespace": pod["metadata"]["namespace"],
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
    }
