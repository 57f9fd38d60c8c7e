"""ResourceQuotas: what a namespace may use, and what it does."""

from decimal import Decimal

from resail.models.identity import Manifest
from resail.models.quantities import parse_quantity
from resail.twin.kinds import Kind, Kinds
from resail.twin.refusals import forbidden, resource
from resail.twin.store import Store

__all__ = ["check_quotas", "used_of"]

_SHORT = {"cpu": "requests.cpu", "memory": "requests.memory"}
_ENDED = ("Succeeded", "Failed")


def check_quotas(store: Store, kinds: Kinds, kind: Kind, manifest: Manifest) -> None:
    """Raises ``ForbiddenError`` where a quota of its namespace does not allow the new object."""
    namespace = manifest["metadata"].get("namespace", "")
    more = _use_of(kind, manifest)
    for quota in store.all("ResourceQuota", namespace) if namespace else ():
        hard = quota["spec"].get("hard") or {}
        used = used_of(store, kinds, quota)
        over = [name for name in hard if more.get(name) and used[name] + more[name] > parse_quantity(hard[name])]
        if over:
            told = ",".join(
                f"requested: {name}={_shown(more[name])}, used: {name}={_shown(used[name])}, limited: {name}={hard[name]}"
                for name in over
            )
            raise forbidden(kind, manifest["metadata"]["name"], f"exceeded quota: {quota['metadata']['name']}, {told}")
        if kind.id == "Pod":
            unsaid = sorted(name for name in hard if name not in more and _of_resources(name))
            if unsaid:
                why = f"failed quota: {quota['metadata']['name']}: must specify {','.join(unsaid)} for: {_containers(manifest)}"
                raise forbidden(kind, manifest["metadata"]["name"], why)


def used_of(store: Store, kinds: Kinds, quota: Manifest) -> dict[str, Decimal]:
    """What is used of each thing that the quota limits."""
    hard = quota["spec"].get("hard") or {}
    total = dict.fromkeys(hard, Decimal(0))
    for kind in kinds.all():
        plain = {f"count/{resource(kind)}", kind.plural} & hard.keys()
        if not plain and kind.id != "Pod":
            continue
        for manifest in store.all(kind.id, quota["metadata"]["namespace"]):
            if kind.id == "Pod" and manifest.get("status", {}).get("phase") in _ENDED:
                continue
            for name, amount in _use_of(kind, manifest).items():
                if name in hard:
                    total[name] += amount
    return total


def _use_of(kind: Kind, manifest: Manifest) -> dict[str, Decimal]:
    if kind.id == "Pod":
        return _use_of_pod(manifest)
    return {f"count/{resource(kind)}": Decimal(1), kind.plural: Decimal(1)}


def _use_of_pod(pod: Manifest) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {"pods": Decimal(1), "count/pods": Decimal(1)}
    for sort in ("requests", "limits"):
        for container in pod["spec"].get("containers") or ():
            for name, amount in ((container.get("resources") or {}).get(sort) or {}).items():
                key = f"{sort}.{name}"
                found[key] = found.get(key, Decimal(0)) + parse_quantity(str(amount))
    for short, long in _SHORT.items():
        if long in found:
            found[short] = found[long]
    return found


def _of_resources(name: str) -> bool:
    return name in _SHORT or name.startswith(("requests.", "limits."))


def _containers(pod: Manifest) -> str:
    return ",".join(container["name"] for container in pod["spec"]["containers"])


def _shown(amount: Decimal) -> str:
    return f"{amount:f}".rstrip("0").rstrip(".") if "." in f"{amount:f}" else f"{amount:f}"
