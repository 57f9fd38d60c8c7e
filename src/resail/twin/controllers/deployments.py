"""Deployments: one ReplicaSet for each template, and the way from one to the next.

The rules of Kubernetes 1.31, ``pkg/controller/deployment``: ``rolling.go``, ``recreate.go``, ``sync.go``, ``progress.go``.
"""

from collections.abc import Iterable
from typing import Any

from resail.models.identity import Manifest
from resail.twin.controllers.deployment_status import next_status
from resail.twin.controllers.owners import key_of, owner_key, reference_to
from resail.twin.controllers.pods import template_hash
from resail.twin.controllers.rollout_arithmetic import max_surge, max_unavailable
from resail.twin.server import Server
from resail.twin.store import Change, Key, copied

__all__ = ["DeploymentController"]

_HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"
_DESIRED = "deployment.kubernetes.io/desired-replicas"
_MOST = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = ("kubectl.kubernetes.io/last-applied-configuration", _REVISION, _DESIRED, _MOST)
"""Annotations of the Deployment that its ReplicaSets do not get."""


class DeploymentController:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._store = server.store

    def concerns(self, change: Change) -> Iterable[Key]:
        if change.key.kind == "Deployment" and change.after:
            yield change.key
        elif change.key.kind == "ReplicaSet":
            yield from owner_key(change.after or change.before or {}, "Deployment")

    def reconcile(self, key: Key) -> float | None:
        deployment = self._store.get(key)
        if deployment is None:
            return None
        if "deletionTimestamp" not in deployment["metadata"]:
            self._act(key, deployment)
        deployment = self._store.get(key)
        assert deployment is not None
        status, again = next_status(deployment, self._new_of(deployment), self._all(deployment), self._store.clock)
        self._store.set_status(key, status)
        return again

    def _act(self, key: Key, deployment: Manifest) -> None:
        spec = deployment["spec"]
        if spec.get("paused") or self._is_rescaled(deployment):
            self._scale(deployment)
        elif spec["strategy"]["type"] == "Recreate":
            self._recreate(deployment)
        else:
            self._roll(deployment)
        if self._is_complete(deployment):
            self._clean_up(deployment)

    # --- the ReplicaSets ---

    def _all(self, deployment: Manifest) -> list[Manifest]:
        """Oldest first."""
        found = self._store.owned(deployment["metadata"]["uid"], "ReplicaSet")
        return sorted(found, key=lambda one: (one["metadata"]["creationTimestamp"], _revision(one), one["metadata"]["name"]))

    def _new_of(self, deployment: Manifest) -> Manifest | None:
        """The one with the present template."""
        template = deployment["spec"]["template"]
        return next((one for one in self._all(deployment) if _template(one) == template), None)

    def _old_of(self, deployment: Manifest) -> list[Manifest]:
        new = self._new_of(deployment)
        return [one for one in self._all(deployment) if new is None or one["metadata"]["uid"] != new["metadata"]["uid"]]

    def _ensure_new(self, deployment: Manifest) -> Manifest:
        """With the next revision's number, which the Deployment gets too."""
        revision = max((_revision(one) for one in self._old_of(deployment)), default=0) + 1
        new = self._new_of(deployment)
        wanted = {**_annotations(deployment), _REVISION: str(max(revision, _revision(new) if new else 0))}
        if new is None:
            new = self._make(deployment, wanted)
        else:
            new = self._store.edit(key_of("ReplicaSet", new), lambda one: _follow(one, deployment, wanted))
        revision_of_new = {_REVISION: new["metadata"]["annotations"][_REVISION]}
        self._store.edit(key_of("Deployment", deployment), lambda one: _annotate(one, revision_of_new))
        return new

    def _make(self, deployment: Manifest, annotations: dict[str, str]) -> Manifest:
        spec, metadata = deployment["spec"], deployment["metadata"]
        own = {_HASH: template_hash(spec["template"])}
        template = copied(spec["template"])
        template["metadata"]["labels"] = {**template["metadata"]["labels"], **own}
        selector = copied(spec["selector"])
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **own}
        wanted = {"replicas": _more(deployment, self._all(deployment), 0), "selector": selector, "template": template}
        if spec.get("minReadySeconds"):
            wanted["minReadySeconds"] = spec["minReadySeconds"]
        made = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{metadata['name']}-{own[_HASH]}",
                "namespace": metadata["namespace"],
                "labels": template["metadata"]["labels"],
                "annotations": {**annotations, **_bounds(deployment)},
                "ownerReferences": [reference_to(deployment)],
            },
            "spec": wanted,
        }
        return self._server.create(made)

    def _set_replicas(self, deployment: Manifest, replica_set: Manifest, replicas: int) -> bool:
        """Did that change anything?"""
        bounds = _bounds(deployment)

        def change(new: Manifest) -> None:
            _annotate(new, bounds)
            if new["spec"]["replicas"] != replicas:
                new["spec"]["replicas"] = replicas
                new["metadata"]["generation"] += 1

        self._store.edit(key_of("ReplicaSet", replica_set), change)
        return bool(replica_set["spec"]["replicas"] != replicas)

    # --- what is done to them ---

    def _roll(self, deployment: Manifest) -> None:
        """A step: more of the new, or fewer of the old; the next one when this one's effect is seen."""
        before = self._new_of(deployment)
        new = self._ensure_new(deployment)
        if before is None:
            return
        wanted = deployment["spec"]["replicas"]
        has = new["spec"]["replicas"]
        target = wanted if has > wanted else has + _more(deployment, self._all(deployment), has)
        if not self._set_replicas(deployment, new, target):
            self._shrink_old(deployment, new)

    def _shrink_old(self, deployment: Manifest, new: Manifest) -> None:
        old = [one for one in self._old_of(deployment) if one["spec"]["replicas"]]
        least = deployment["spec"]["replicas"] - max_unavailable(deployment)
        unavailable = new["spec"]["replicas"] - _available(new)
        room = sum(one["spec"]["replicas"] for one in [*old, new]) - least - unavailable
        if room <= 0:
            return
        for one in old:
            # Pods that are not available are no loss.
            taken = min(room, max(0, one["spec"]["replicas"] - _available(one)))
            if taken:
                room -= taken
                self._set_replicas(deployment, one, one["spec"]["replicas"] - taken)
        old = [one for one in self._old_of(deployment) if one["spec"]["replicas"]]
        spare = sum(map(_available, [*old, new])) - least
        for one in old:
            taken = min(max(0, spare), one["spec"]["replicas"])
            if taken:
                spare -= taken
                self._set_replicas(deployment, one, one["spec"]["replicas"] - taken)

    def _recreate(self, deployment: Manifest) -> None:
        """First all of the old away, then the new."""
        old = self._old_of(deployment)
        standing = [one for one in old if one["spec"]["replicas"]]
        for one in standing:
            self._set_replicas(deployment, one, 0)
        if standing or any(self._store.owned(one["metadata"]["uid"], "Pod") for one in old):
            return
        self._set_replicas(deployment, self._ensure_new(deployment), deployment["spec"]["replicas"])

    def _is_rescaled(self, deployment: Manifest) -> bool:
        wanted = str(deployment["spec"]["replicas"])
        active = [one for one in self._all(deployment) if one["spec"]["replicas"]]
        return any((one["metadata"].get("annotations") or {}).get(_DESIRED, wanted) != wanted for one in active)

    def _scale(self, deployment: Manifest) -> None:
        """Of the only one that has pods; where several have, each by its share."""
        active = [one for one in self._all(deployment) if one["spec"]["replicas"]]
        wanted = deployment["spec"]["replicas"]
        if len(active) <= 1:
            target = active or [one for one in [self._new_of(deployment)] if one] or self._all(deployment)[-1:]
            for one in target:
                self._set_replicas(deployment, one, wanted)
            return
        new = self._new_of(deployment)
        if new is not None and new["spec"]["replicas"] == wanted == _available(new):
            for one in active:
                self._set_replicas(deployment, one, wanted if one is new else 0)
        elif deployment["spec"]["strategy"]["type"] == "RollingUpdate":
            self._share_out(deployment, active)

    def _share_out(self, deployment: Manifest, active: list[Manifest]) -> None:
        total = sum(one["spec"]["replicas"] for one in active)
        allowed = deployment["spec"]["replicas"] + max_surge(deployment) if deployment["spec"]["replicas"] else 0
        left = allowed - total
        # The largest first; of equals the newest where there are more to come, the oldest where fewer.
        ordered = sorted(reversed(active) if left > 0 else active, key=lambda one: -one["spec"]["replicas"])
        targets: dict[str, int] = {}
        for one in ordered:
            most = int((one["metadata"].get("annotations") or {}).get(_MOST) or total)
            share = round(one["spec"]["replicas"] * allowed / most) - one["spec"]["replicas"]
            share = min(share, left) if left > 0 else max(share, left)
            targets[one["metadata"]["name"]] = one["spec"]["replicas"] + share
            left -= share
        targets[ordered[0]["metadata"]["name"]] += left
        for one in ordered:
            self._set_replicas(deployment, one, max(0, targets[one["metadata"]["name"]]))

    def _is_complete(self, deployment: Manifest) -> bool:
        new, wanted = self._new_of(deployment), deployment["spec"]["replicas"]
        pods = sum(one["status"].get("replicas", 0) for one in self._all(deployment))
        return new is not None and new["status"].get("replicas", 0) == pods == wanted == _available(new)

    def _clean_up(self, deployment: Manifest) -> None:
        """Keep as many empty old ones as the Deployment wants."""
        empty = [one for one in self._old_of(deployment) if not one["spec"]["replicas"] and not one["status"].get("replicas")]
        for one in empty[: max(0, len(empty) - deployment["spec"]["revisionHistoryLimit"])]:
            self._server.delete(key_of("ReplicaSet", one))


def _more(deployment: Manifest, present: list[Manifest], has: int) -> int:
    """How many the new ReplicaSet may get more, within the surge."""
    wanted = deployment["spec"]["replicas"]
    if deployment["spec"]["strategy"]["type"] != "RollingUpdate":
        return int(wanted - has)
    room = wanted + max_surge(deployment) - sum(one["spec"]["replicas"] for one in present)
    return int(max(0, min(room, wanted - has)))


def _template(replica_set: Manifest) -> dict[str, Any]:
    """Without the label that tells it from others."""
    template: dict[str, Any] = replica_set["spec"]["template"]
    labels = {name: value for name, value in template["metadata"]["labels"].items() if name != _HASH}
    return {**template, "metadata": {**template["metadata"], "labels": labels}}


def _revision(replica_set: Manifest) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(_REVISION, "0"))


def _annotations(deployment: Manifest) -> dict[str, str]:
    annotations = deployment["metadata"].get("annotations") or {}
    return {name: value for name, value in annotations.items() if name not in _NOT_COPIED}


def _bounds(deployment: Manifest) -> dict[str, str]:
    replicas = deployment["spec"]["replicas"]
    return {_DESIRED: str(replicas), _MOST: str(replicas + max_surge(deployment))}


def _annotate(manifest: Manifest, annotations: dict[str, str]) -> None:
    manifest["metadata"]["annotations"] = {**(manifest["metadata"].get("annotations") or {}), **annotations}


def _follow(replica_set: Manifest, deployment: Manifest, annotations: dict[str, str]) -> None:
    """What a ReplicaSet that there is takes over."""
    _annotate(replica_set, annotations)
    least = deployment["spec"].get("minReadySeconds", 0)
    if replica_set["spec"].get("minReadySeconds", 0) != least:
        replica_set["spec"]["minReadySeconds"] = least
        replica_set["metadata"]["generation"] += 1


def _available(replica_set: Manifest) -> int:
    return int(replica_set["status"].get("availableReplicas", 0))
