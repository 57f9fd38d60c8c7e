"""What of a mesh is not as it was: two snapshots, without what changes by itself."""

from typing import Any

import msgspec

from resail.checks.differences import changed_fields
from resail.models.snapshot import MeshSnapshot, Workload

__all__ = ["leftovers"]

_MOST = 20
"""Lines; a report is read by people."""


def leftovers(before: MeshSnapshot, after: MeshSnapshot) -> tuple[str, ...]:
    """The fields that differ, in words.

    Left out: CRDs, which stay at the newest version; Helm's revision counters, which only grow; names, nodes and start-up times
    of pods, which are made anew.
    """
    old, new = _comparable(before), _comparable(after)
    told: list[str] = []
    for part in sorted(old):
        told += [f"{part} {name} is gone" for name in sorted(old[part].keys() - new[part].keys())]
        told += [f"{part} {name} is new" for name in sorted(new[part].keys() - old[part].keys())]
        for name in sorted(old[part].keys() & new[part].keys()):
            told += [f"{part} {name}: {field}" for field in changed_fields(old[part][name], new[part][name])]
    more = (f"… and {len(told) - _MOST} more",) if len(told) > _MOST else ()
    return (*told[:_MOST], *more)


def _comparable(mesh: MeshSnapshot) -> dict[str, dict[str, Any]]:
    return {
        "control plane": {str(one.deployment): _plain(one) for one in mesh.control_planes},
        "tag": {one.tag: _plain(one) for one in mesh.tags},
        "component": {str(one.workload): _plain(one) for one in mesh.components},
        "webhook": {str(one.ref): _plain(one) for one in mesh.webhooks},
        "release": {one.key: _plain(msgspec.structs.replace(one, revision=0)) for one in mesh.helm_releases},
        "namespace": {one.name: _plain(one) for one in mesh.namespaces},
        "workload": {str(one.ref): _workload(one) for one in mesh.workloads},
    }


def _workload(workload: Workload) -> dict[str, Any]:
    proxies = sorted((pod.proxy_version, pod.revision) for pod in workload.pods)
    plain = _plain(msgspec.structs.replace(workload, pods=(), ready_seconds=0.0, sidecar_requests=type(workload.requests)()))
    return {**plain, "proxies": [" of ".join(proxy) for proxy in proxies]}


def _plain(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(value)
    return found
