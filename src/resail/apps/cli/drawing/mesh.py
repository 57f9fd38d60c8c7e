"""A mesh for people."""

from collections import Counter

from rich.console import Group, RenderableType
from rich.text import Text

from resail.apps.cli.drawing.parts import grid, table
from resail.models.snapshot import MeshSnapshot, Ownership, Workload

__all__ = ["draw_mesh"]

_REACHES = {"mesh": "will not write to this mesh", "object": "will not write to it", "nothing": "may write"}
_INSTALLERS = {"none": "plain manifests", "mixed": "not clear"}


def draw_mesh(mesh: MeshSnapshot) -> RenderableType:
    """Control planes, tags, components, proxies by version, and each workload of the mesh."""
    nodes = mesh.cluster.nodes
    facts = [
        ("cluster", mesh.cluster.id),
        ("Kubernetes", mesh.cluster.kubernetes_version),
        ("nodes", f"{sum(node.ready for node in nodes)} of {len(nodes)} ready"),
        ("capacity", _capacity(mesh)),
        ("proxies", _versions(Counter(pod.proxy_version for load in mesh.workloads for pod in load.pods)) or "none"),
        ("CRDs", str(len(mesh.crds))),
        ("Istio objects", str(len(mesh.istio_objects))),
    ]
    parts: list[RenderableType] = [grid(facts)]
    if mesh.foreign_managers:
        managers = [
            (each.manager, _REACHES[each.reach], str(each.object), f"{each.field}: {each.value}")
            for each in mesh.foreign_managers
        ]
        parts.append(table(("Managed by", "Resail", "Where it shows", "Evidence"), managers, title="\nOther managers"))
    if mesh.unread:
        parts.append(
            Text(f"\nWhether others manage this mesh is not fully known: we may not list {', '.join(mesh.unread)}", "yellow")
        )
    planes = [
        (each.revision, each.version, f"{each.ready}/{each.replicas}", _owner(each.owner), str(each.deployment))
        for each in mesh.control_planes
    ]
    parts.append(table(("Revision", "Version", "Ready", "Installed by", "Deployment"), planes, title="\nControl planes"))
    if mesh.tags:
        tags = [(each.tag, each.revision, _owner(each.owner), str(each.webhook)) for each in mesh.tags]
        parts.append(table(("Tag", "Revision", "Installed by", "Webhook"), tags, title="Tags"))
    if mesh.components:
        components = [
            (each.role, each.version, "istiod" if each.managed_by_istiod else _owner(each.owner), str(each.workload))
            for each in mesh.components
        ]
        parts.append(table(("Component", "Version", "Installed by", "Workload"), components, title="Components"))
    parts.append(table(("Part", "Installed by", "Evidence"), _evidence(mesh), title="Owners"))
    meshed = [load for load in mesh.workloads if any(pod.proxy_version for pod in load.pods)]
    rows = [(str(load.ref), f"{load.ready}/{load.replicas}", _proxies(load), _revisions(load)) for load in meshed]
    parts.append(table(("Workload", "Ready", "Proxies", "Revision"), rows, title=f"Workloads with a sidecar ({len(rows)})"))
    return Group(*parts)


def _owner(owner: Ownership) -> str:
    return f"{_INSTALLERS.get(owner.method, owner.method)} {owner.release}".strip()


def _evidence(mesh: MeshSnapshot) -> list[tuple[str, str, str]]:
    owners = [("CRDs", mesh.base)] if mesh.crds else []
    owners += [(f"istiod {each.revision}", each.owner) for each in mesh.control_planes]
    owners += [(f"tag {each.tag}", each.owner) for each in mesh.tags]
    owners += [(f"{each.role} {each.workload.name}", each.owner) for each in mesh.components if not each.managed_by_istiod]
    return [(part, _owner(owner), owner.evidence) for part, owner in owners]


def _capacity(mesh: MeshSnapshot) -> str:
    cores = sum(node.cpu_millis for node in mesh.cluster.nodes) / 1000
    memory = sum(node.memory_bytes for node in mesh.cluster.nodes) / 2**30
    return f"{cores:g} cores, {memory:.1f} GiB allocatable"


def _proxies(workload: Workload) -> str:
    return _versions(Counter(pod.proxy_version for pod in workload.pods))


def _revisions(workload: Workload) -> str:
    return ", ".join(sorted({pod.revision for pod in workload.pods if pod.revision}))


def _versions(counts: Counter[str]) -> str:
    return ", ".join(f"{version} × {count}" for version, count in sorted(counts.items()) if version)
