"""ResourceQuotas: their status."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from resail.twin.quotas import used_of
from resail.twin.server import Server
from resail.twin.store import Change, Key

__all__ = ["QuotaController"]


class QuotaController:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "ResourceQuota":
            if change.after is not None:
                yield change.key
        elif change.key.namespace and (change.before is None or change.after is None or change.key.kind == "Pod"):
            yield from self._store.keys("ResourceQuota", change.key.namespace)

    def reconcile(self, key: Key) -> float | None:
        quota = self._store.get(key)
        if quota is None:
            return None
        used = {name: _text(amount) for name, amount in used_of(self._store, self._server.kinds, quota).items()}
        status: dict[str, Any] = {"hard": quota["spec"].get("hard") or {}, "used": used}
        self._store.set_status(key, status)
        return None


def _text(amount: Decimal) -> str:
    if amount == amount.to_integral_value():
        return str(int(amount))
    return f"{int(amount * 1000)}m"
