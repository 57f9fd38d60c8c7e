"""Mutants of the twin: each is a small untruth about a cluster, which the contract or the twin's own tests must see.

``tests/twin/mutating.py`` runs them. Which test sees which is in ``docs/reference/twin-mutants.md``.
"""

from typing import NamedTuple

__all__ = ["MUTANTS", "Mutant"]


class Mutant(NamedTuple):
    file: str
    """Below ``src/resail/twin``."""
    untruth: str
    """In words."""
    old: str
    """Is in the file exactly once."""
    new: str
    excuse: str = ""
    """Why no test needs to see it."""


MUTANTS = (
    # --- server-side apply ---
    Mutant("ownership.py", "an apply takes fields of others without a conflict", "theirs & changed", "theirs - theirs"),
    Mutant(
        "ownership.py",
        "who lost a field to a forced apply still owns it",
        "            theirs -= changed\n",
        "            pass\n",
    ),
    Mutant(
        "ownership.py",
        "a field that its manager no longer names stays",
        "gone = owners.get(me, set()) - mine",
        "gone = mine - mine",
    ),
    Mutant(
        "ownership.py",
        "a field that its manager no longer names goes though somebody else owns it too",
        " if not any(theirs[: len(path)] == path for theirs in others)",
        "",
    ),
    Mutant(
        "ownership.py", "a patch owns nothing", "owners.setdefault(me, set()).update(changed)", "owners.setdefault(me, set())"
    ),
    Mutant("ownership.py", "who lost a field to a patch still owns it", "theirs -= changed | removed", "theirs -= removed"),
    Mutant(
        "ownership.py",
        "a patch cannot say who owns what",
        'said = new if new["metadata"].get("managedFields") else base',
        "said = base",
    ),
    Mutant("fields.py", "the webhooks of a configuration are one value", '    "webhooks": ("name",),\n', ""),
    Mutant("fields.py", "containers are one value", '    "containers": ("name",),\n', ""),
    Mutant("fields.py", "a selector is owned label by label", '        "selector",\n', ""),
    Mutant("../models/merge_patch.py", "null in a merge patch is a value", "if value is None:", "if value is True:"),
    # --- the API server ---
    Mutant("server.py", "a patch of an older version is taken", 'wanted != live["metadata"]["resourceVersion"]', "False"),
    Mutant("server.py", "a patch may name another object", "if metadata.get(name, live", "if False and metadata.get(name, live"),
    Mutant("server.py", "the generation does not count", 'live["metadata"]["generation"] + 1', 'live["metadata"]["generation"]'),
    Mutant(
        "server.py",
        "a change that changes nothing is made",
        "if new == live:",
        "if False:",
        excuse="the store too keeps what is there where nothing differs",
    ),
    Mutant("server.py", "a dry run changes the object", "        if dry_run:\n            return new\n", ""),
    Mutant("server.py", "finalizers hold nothing", 'live["metadata"].get("finalizers") or grace', "grace"),
    Mutant("server.py", "quotas are not asked", "        check_quotas(self.store, self.kinds, kind, new)\n", ""),
    Mutant(
        "server.py",
        "who writes an object writes its status",
        "        if kind.has_status:\n            new.pop",
        "        if False:\n            new.pop",
    ),
    Mutant(
        "server.py",
        "what is new may be put into a namespace that ends",
        'if "deletionTimestamp" in namespace["metadata"]:',
        "if False:",
    ),
    Mutant(
        "creation.py",
        "a pod runs as an account that there is not",
        'if store.get(Key("ServiceAccount", namespace, name)) is None:',
        "if False:",
    ),
    Mutant("defaults.py", "a namespace has no label with its name", ', "kubernetes.io/metadata.name": metadata["name"]', ""),
    Mutant("defaults.py", "a rollout surges by one where nothing is said", 'maxSurge="25%"', "maxSurge=1"),
    Mutant("defaults.py", "a webhook that says nothing fails open", 'failurePolicy="Fail"', 'failurePolicy="Ignore"'),
    Mutant("defaults.py", "limits are no requests", 'resources.setdefault("requests", {}).setdefault(name, limit)', "pass"),
    Mutant("validation.py", "a Deployment's selector can be changed", '    "Deployment": ("spec.selector",),\n', ""),
    Mutant("validation.py", "all of a StatefulSet can be changed", 'if kind == "StatefulSet" and _rest', "if False and _rest"),
    Mutant("validation.py", "a strategy of two zeros is taken", 'if rolling.get("maxSurge") in (0, "0%") and', "if False and"),
    Mutant(
        "validation.py", "labels may hold anything", "len(value) > 63 or not _LABEL_VALUE.fullmatch(value)", "len(value) > 63"
    ),
    Mutant(
        "validation.py",
        "what is being deleted can be held by more",
        'if added and "deletionTimestamp"',
        'if False and "deletionTimestamp"',
    ),
    Mutant("schemas.py", "a custom kind has no minimum", 'value < schema.get("minimum", value)', "False"),
    Mutant("schemas.py", "a custom kind requires nothing", 'for name in schema.get("required") or ():', "for name in ():"),
    Mutant(
        "schemas.py",
        "a custom kind keeps what its schema does not know",
        'elif (open_ and schema.get("type") != "object") or schema.get("x-kubernetes-preserve-unknown-fields"):',
        "else:",
    ),
    Mutant(
        "schedule.py",
        "a day of the month and a weekday must both fit",
        "(by_day or by_weekday) if either",
        "(by_day and by_weekday) if either",
    ),
    Mutant("cluster.py", "a watch tells of other namespaces too", 'and namespace in ("", change.key.namespace)', ""),
    Mutant(
        "cluster.py",
        "a write that must not be repeated is repeated where the API fails",
        "if refused and repeatable:",
        "if refused:",
    ),
    # --- eviction and budgets ---
    Mutant("eviction.py", "of several budgets one is asked", "if len(budgets) > 1:", "if False:"),
    Mutant("eviction.py", "a budget allows one more", 'status["disruptionsAllowed"] <= 0', 'status["disruptionsAllowed"] < 0'),
    Mutant("eviction.py", "an eviction does not use the budget up", 'new["status"]["disruptionsAllowed"] -= 1', "pass"),
    Mutant("eviction.py", "a dry run uses the budget up", "    if dry_run:\n        return\n", ""),
    Mutant(
        "eviction.py",
        "a budget that was just changed is believed",
        'status.get("observedGeneration", 0) < budget["metadata"]["generation"]',
        "False",
    ),
    Mutant("eviction.py", "AlwaysAllow means nothing", '== "AlwaysAllow"', '== "Never"'),
    Mutant("eviction.py", "budgets keep pending pods", 'in ("Running",)', 'in ("Running", "Pending")'),
    Mutant("controllers/budgets.py", "a pod that ends is healthy", "is_ready(pod) and is_active(pod) and", "is_ready(pod) and"),
    Mutant(
        "controllers/budgets.py",
        "the least available is rounded down",
        "absolute(least, expected, round_up=True",
        "absolute(least, expected, round_up=False",
    ),
    Mutant(
        "controllers/budgets.py",
        "the most unavailable is rounded down",
        "absolute(most_away, expected, round_up=True",
        "absolute(most_away, expected, round_up=False",
    ),
    Mutant(
        "controllers/budgets.py",
        "a share of pods without a workload is of the pods there",
        "            if owner is None:\n                continue\n",
        "            if owner is None:\n                found[pod['metadata']['uid']] = 1\n                continue\n",
    ),
    # --- webhooks and injection ---
    Mutant("webhooks.py", "object selectors select all", 'and _fits(webhook, "objectSelector", labels)', ""),
    Mutant("webhooks.py", "namespace selectors select all", '_fits(webhook, "namespaceSelector", around)', "True"),
    Mutant("webhooks.py", "an istiod whose certificate is not trusted answers", 'if not client.get("caBundle"):', "if False:"),
    Mutant("webhooks.py", "an istiod that is not ready answers", " and is_ready(pod)\n", "\n"),
    Mutant(
        "webhooks.py",
        "an injector that may fail refuses",
        'if webhook["failurePolicy"] == "Fail":\n                raise\n    return manifest',
        "if True:\n                raise\n    return manifest",
    ),
    Mutant(
        "webhooks.py",
        "the last configuration by name is asked first",
        "for key in store.keys(configurations):",
        "for key in reversed(list(store.keys(configurations))):",
    ),
    Mutant("injector.py", "pods cannot opt out", '== "false"', '== "no"'),
    Mutant("injector.py", "pods on the host's network are injected", ' or pod["spec"].get("hostNetwork")', ""),
    Mutant("injector.py", "a gateway's own image is replaced", 'proxy["image"] if given == "auto" else given', 'proxy["image"]'),
    Mutant("controllers/istiod.py", "istiod leaves its validator fail-open", 'webhook["failurePolicy"] = "Fail"', "pass"),
    Mutant(
        "controllers/istiod.py",
        "an istiod fills in the configurations of other revisions",
        '(pod["metadata"]["labels"].get(_REVISION) or "default") == revision',
        "True",
    ),
    # --- workloads ---
    Mutant("controllers/rollout_arithmetic.py", "surge is rounded down", "round_up=True", "round_up=False"),
    Mutant("controllers/rollout_arithmetic.py", "unavailable is rounded up", "round_up=False", "round_up=True"),
    Mutant(
        "controllers/deployments.py",
        "one pod more than the surge",
        "wanted + max_surge(deployment) - sum",
        "wanted + 1 + max_surge(deployment) - sum",
    ),
    Mutant("controllers/deployments.py", "old pods go before the new ones are there", "- least - unavailable", "- least"),
    Mutant(
        "controllers/deployments.py",
        "all old pods that are available go at once",
        "spare = sum(map(_available, [*old, new])) - least",
        "spare = sum(map(_available, [*old, new]))",
    ),
    Mutant("controllers/deployments.py", "a paused rollout goes on", 'spec.get("paused") or', ""),
    Mutant("controllers/deployments.py", "all old ReplicaSets stay", 'deployment["spec"]["revisionHistoryLimit"]', "99"),
    Mutant(
        "controllers/deployments.py",
        "Recreate does not wait for the end of old pods",
        'if standing or any(self._store.owned(one["metadata"]["uid"], "Pod") for one in old):',
        "if standing:",
    ),
    Mutant(
        "controllers/deployments.py",
        "scaled in the middle of a rollout, the largest grows alone",
        'round(one["spec"]["replicas"] * allowed / most)',
        'one["spec"]["replicas"]',
    ),
    Mutant(
        "controllers/deployments.py",
        "a template that returns gets no new revision",
        "for one in self._old_of(deployment)), default=0) + 1",
        "for one in self._old_of(deployment)), default=0)",
    ),
    Mutant("controllers/deployment_status.py", "the deadline passes later", "if left < 0:", "if left < -600:"),
    Mutant(
        "controllers/deployment_status.py",
        "a new generation is not observed",
        '"observedGeneration": deployment["metadata"]["generation"]',
        '"observedGeneration": 1',
    ),
    Mutant(
        "controllers/replica_sets.py",
        "pods that are not ready do not go first",
        "is_ready(pod), _Newest(since)",
        "_Newest(since)",
    ),
    Mutant(
        "controllers/replica_sets.py",
        "a pod that is refused is not told of",
        "        if refused:\n            before",
        "        if False:\n            before",
    ),
    Mutant(
        "controllers/pods.py", "minReadySeconds is not waited for", "since_ready(pod, store.clock.now()) >= min_ready)", "True)"
    ),
    Mutant(
        "controllers/stateful_sets.py",
        "the lowest pod is replaced first",
        "for one in reversed(wanted) if",
        "for one in wanted if",
    ),
    Mutant(
        "controllers/stateful_sets.py",
        "the next pod does not wait for the one before",
        "            if not self._is_healthy(workload, pod):\n                return\n",
        "",
    ),
    Mutant("controllers/stateful_sets.py", "a partition keeps nothing back", " and one >= least", ""),
    Mutant("controllers/stateful_sets.py", "OnDelete rolls", 'if spec["updateStrategy"]["type"] == "RollingUpdate":', "if True:"),
    Mutant(
        "controllers/stateful_sets.py",
        "below the partition a pod comes back on the new revision",
        "current if ordinal < first + _partition(workload) else update",
        "update",
    ),
    Mutant(
        "controllers/stateful_sets.py",
        "the lowest pod goes first where there are fewer to be",
        "if one not in wanted), reverse=True)",
        "if one not in wanted), reverse=False)",
    ),
    Mutant("controllers/daemon_sets.py", "a rollout takes all pods at once", "max(0, max(unavailable, 1) - missing)", "99"),
    Mutant("controllers/daemon_sets.py", "a surge is on all nodes at once", "room = surge - len(doubled)", "room = 99"),
    Mutant("controllers/daemon_sets.py", "cordoned nodes get no pod", "cordoned=True", "cordoned=False"),
    Mutant(
        "controllers/daemon_sets.py", "a node that is no longer selected keeps its pod", "if node not in nodes:\n", "if False:\n"
    ),
    Mutant(
        "controllers/revisions.py", "a template that returns is not the newest revision", "one.update(revision=number)", "None"
    ),
    Mutant(
        "controllers/jobs.py",
        "a Job is complete when the first of its pods is",
        "if done and done >= wanted and not active:",
        "if done:",
    ),
    Mutant("controllers/jobs.py", "a suspended Job runs", '0 if spec["suspend"] else min', "min"),
    Mutant("controllers/jobs.py", "a Job runs all of its pods at once", 'min(spec["parallelism"], max(0, left))', "max(0, left)"),
    Mutant(
        "controllers/jobs.py",
        "a Job that has ended goes at once, whatever it says",
        "        if left > 0:\n            return float(left)\n",
        "",
    ),
    Mutant("controllers/cron_jobs.py", "Forbid forbids nothing", 'policy == "Forbid" and running', "False"),
    Mutant("controllers/cron_jobs.py", "a suspended CronJob makes Jobs", 'if cron["spec"]["suspend"]:', "if False:"),
    Mutant("controllers/cron_jobs.py", "all Jobs that have ended stay", 'cron["spec"][limit]', "99"),
    # --- pods and nodes ---
    Mutant("controllers/scheduler.py", "nodes have as much CPU as is asked for", "used.cpu > has.cpu and wanted.cpu", "False"),
    Mutant("controllers/scheduler.py", "nodes take as many pods as there are", "used.pods > has.pods", "False"),
    Mutant("controllers/scheduler.py", "a pod that goes makes no room for one that waits", "elif freed:\n", "elif False:\n"),
    Mutant(
        "controllers/scheduler.py",
        "init containers request nothing",
        "passing = [one for one in starters if",
        "passing = [one for one in () if",
    ),
    Mutant(
        "controllers/scheduler.py",
        "the fullest node is taken",
        "in sorted(self._load.values()) if",
        "in sorted(self._load.values(), reverse=True) if",
    ),
    Mutant("controllers/nodes.py", "cordoned nodes get pods", 'node["spec"].get("unschedulable") and not cordoned', "False"),
    Mutant(
        "controllers/nodes.py",
        "taints keep no pod away",
        "any(_tolerates(one, taint) for",
        "True or any(_tolerates(one, taint) for",
    ),
    Mutant("controllers/nodes.py", "the pods of a node that is gone stay", "_COLLECTED = 40.0", "_COLLECTED = 4000.0"),
    Mutant("controllers/kubelet.py", "pods that are never ready are", "if _NEVER in annotations or", "if"),
    Mutant("controllers/kubelet.py", "pods are ready at once", "self._ready_seconds.get(str(workload), 0.0)", "0.0"),
    Mutant(
        "controllers/kubelet.py",
        "the pods of Jobs go on",
        "self._complete if _of_job(pod) else self._get_ready",
        "self._get_ready",
    ),
    Mutant("readiness.py", "a condition's time moves though it says the same", 'if before["status"] == said:', "if False:"),
    # --- the rest of what goes on by itself ---
    Mutant("controllers/garbage.py", "what belonged to what is gone stays", "if not there:", "if False:"),
    Mutant(
        "controllers/garbage.py", "another object of its name is the owner", ' and found["metadata"]["uid"] == owner["uid"]', ""
    ),
    Mutant(
        "controllers/namespaces.py",
        "a namespace that is deleted keeps its content",
        "            self._server.delete(one)\n",
        "            pass\n",
    ),
    Mutant(
        "controllers/definitions.py",
        "objects stay when their kind goes",
        "                self._store.remove(key)\n",
        "                pass\n",
    ),
    Mutant(
        "controllers/endpoints.py",
        "pods that are not ready are endpoints",
        '"ready": is_ready(pod) and not ending',
        '"ready": True',
    ),
    Mutant("controllers/quotas.py", "a quota tells no use", "_text(amount) for name", '"0" for name'),
    Mutant(
        "controllers/manager.py",
        "a twin that is opened again stands still",
        "for key in self._store.everything():",
        "for key in ():",
    ),
    Mutant("quotas.py", "a quota is half of what it is", "> parse_quantity(hard[name])", "> 2 * parse_quantity(hard[name])"),
    Mutant("quotas.py", "pods that have ended use a quota", "in _ENDED:", "in ():"),
    Mutant("quotas.py", "a pod need not name what is limited", "if unsaid:", "if False:"),
    # --- faults, time and the file ---
    Mutant(
        "faults.py",
        "a fault comes about again when the twin is opened again",
        "        self._store.set_timer(done, fault.at)\n",
        "",
    ),
    Mutant(
        "faults.py",
        "the API refuses from the beginning",
        "and one.at <= now < one.at + one.seconds",
        "and now < one.at + one.seconds",
    ),
    Mutant(
        "faults.py",
        "a fault of one workload is of all of its kind",
        "str(fault.workload) == str(workload)",
        "fault.workload.kind == workload.kind",
    ),
    Mutant("faults.py", "a fault comes about at once", "        if left > 0:\n            return left\n", ""),
    Mutant("loop.py", "time goes by while a thread works", "if timeout is None or self.outside:", "if timeout is None:"),
    Mutant(
        "clock.py", "a twin that is opened again begins at its beginning", "elapsed - self._loop.time()", "-self._loop.time()"
    ),
    Mutant("store.py", "names and uids repeat", "{self._seed} {self._version} {what}", "{self._seed} {what}"),
    Mutant("store.py", "lists are in the order of creation", "in sorted(spaces.get(space, ())))", "in spaces.get(space, ()))"),
    Mutant("store.py", "timers are not kept", "        self._unsaved_timers[name] = due\n", ""),
    Mutant(
        "file.py",
        "what was deleted is there when it is opened again",
        "DELETE FROM objects WHERE kind = ? AND namespace = ? AND name = ?",
        "SELECT ?, ?, ?",
    ),
    Mutant("file.py", "a later format is read", "if found not in (0, _FORMAT):", "if False:"),
    Mutant("file.py", "versions are given out again", "(version, elapsed))", "(0, elapsed))"),
)
