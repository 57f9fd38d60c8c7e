"""Mutants of the twin: each is a small untruth, which the contract or the twin's own tests must see.

``python -m tests.twin.mutants`` writes each into a copy of the sources, runs the tests there until one fails, and prints
which one did.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

__all__ = ["MUTANTS", "Mutant", "killer", "prepared"]

ROOT = Path(__file__).parents[2]
_TESTS = ("tests/contract", "tests/twin")


class Mutant(NamedTuple):
    file: str
    """Below ``src/resail/twin``."""
    old: str
    new: str


MUTANTS = (
    Mutant("ownership.py", "theirs & changed", "theirs & set()"),
    Mutant("ownership.py", "theirs -= changed\n", "theirs -= set()\n"),
    Mutant("ownership.py", "gone = owners.get(me, set()) - mine", "gone: set[Path] = set()"),
    Mutant("ownership.py", "owners.setdefault(me, set()).update(changed)", "owners.setdefault(me, set())"),
    Mutant("fields.py", '"webhooks": ("name",),', ""),
    Mutant("fields.py", '        "selector",\n', ""),
    Mutant("merge_patch.py", "if value is None:", "if value is True:"),
    Mutant("server.py", 'wanted != live["metadata"]["resourceVersion"]', "False"),
    Mutant("server.py", 'live["metadata"]["generation"] + 1', 'live["metadata"]["generation"]'),
    Mutant("server.py", "if new == live:", "if False:"),
    Mutant("server.py", "        if dry_run:\n            return new\n", ""),
    Mutant("server.py", 'live["metadata"].get("finalizers") or grace', "grace"),
    Mutant("server.py", "        check_quotas(self.store, self.kinds, kind, new)\n", ""),
    Mutant("defaults.py", '"kubernetes.io/metadata.name": metadata["name"]', ""),
    Mutant("defaults.py", "timeoutSeconds=10)\n        _default(webhook", "timeoutSeconds=11)\n        _default(webhook"),
    Mutant("validation.py", '"Deployment": ("spec.selector",),', ""),
    Mutant("schemas.py", 'value < schema.get("minimum", value)', "False"),
    Mutant("eviction.py", "if len(budgets) > 1:", "if False:"),
    Mutant("eviction.py", 'status["disruptionsAllowed"] <= 0', 'status["disruptionsAllowed"] < 0'),
    Mutant("eviction.py", 'new["status"]["disruptionsAllowed"] -= 1', "pass"),
    Mutant("eviction.py", "    if dry_run:\n        return\n", ""),
    Mutant("webhooks.py", 'and _fits(webhook, "objectSelector", labels)', ""),
    Mutant("webhooks.py", '_fits(webhook, "namespaceSelector", around)', "True"),
    Mutant("webhooks.py", 'if not client.get("caBundle"):', "if False:"),
    Mutant("injector.py", '== "false"', '== "no"'),
    Mutant("quotas.py", "> parse_quantity(hard[name])", "> 2 * parse_quantity(hard[name])"),
    Mutant("controllers/rollout_arithmetic.py", "round_up=True", "round_up=False"),
    Mutant("controllers/rollout_arithmetic.py", "round_up=False", "round_up=True"),
    Mutant("controllers/deployments.py", "wanted + max_surge(deployment) - sum", "wanted + 1 + max_surge(deployment) - sum"),
    Mutant("controllers/deployments.py", "- least - unavailable", "- least"),
    Mutant(
        "controllers/deployments.py",
        "spare = sum(map(_available, [*old, new])) - least",
        "spare = sum(map(_available, [*old, new]))",
    ),
    Mutant("controllers/deployments.py", 'spec.get("paused") or', ""),
    Mutant("controllers/deployments.py", 'deployment["spec"]["revisionHistoryLimit"]', "99"),
    Mutant("controllers/deployment_status.py", "if left < 0:", "if left < -600:"),
    Mutant(
        "controllers/deployment_status.py",
        '"observedGeneration": deployment["metadata"]["generation"]',
        '"observedGeneration": 99',
    ),
    Mutant("controllers/replica_sets.py", "is_ready(pod), _Newest(since)", "_Newest(since)"),
    Mutant(
        "controllers/stateful_sets.py", "for one in reversed(wanted) if one in pods and", "for one in wanted if one in pods and"
    ),
    Mutant("controllers/stateful_sets.py", "            if not self._is_healthy(workload, pod):\n                return\n", ""),
    Mutant("controllers/stateful_sets.py", "and one >= least", ""),
    Mutant("controllers/stateful_sets.py", 'if spec["updateStrategy"]["type"] == "RollingUpdate":', "if True:"),
    Mutant("controllers/daemon_sets.py", "max(0, max(unavailable, 1) - missing)", "99"),
    Mutant("controllers/daemon_sets.py", "room = surge - len(doubled)", "room = 99"),
    Mutant("controllers/budgets.py", "and is_active(pod) and", "and"),
    Mutant("controllers/budgets.py", "absolute(least, expected, round_up=True", "absolute(least, expected, round_up=False"),
    Mutant("controllers/garbage.py", "if not there:", "if False:"),
    Mutant("controllers/namespaces.py", "            self._server.delete(one)\n", "            pass\n"),
    Mutant("controllers/endpoints.py", "is_ready(pod) and not ending", "True"),
    Mutant("controllers/scheduler.py", "used.cpu > has.cpu and wanted.cpu", "False"),
    Mutant("controllers/scheduler.py", "elif freed and", "elif False and"),
    Mutant("controllers/nodes.py", 'node["spec"].get("unschedulable") and not cordoned', "False"),
    Mutant("controllers/nodes.py", "_COLLECTED = 40.0", "_COLLECTED = 4000.0"),
    Mutant("controllers/kubelet.py", "if _NEVER in annotations or", "if"),
    Mutant("controllers/kubelet.py", "self._ready_seconds.get(str(workload), 0.0)", "0.0"),
    Mutant("controllers/jobs.py", "if done and done >= wanted and not active:", "if done and not active:"),
    Mutant("controllers/cron_jobs.py", 'policy == "Forbid" and running', "False"),
    Mutant("controllers/istiod.py", 'webhook["failurePolicy"] = "Fail"', "pass"),
    Mutant("store.py", "{self._seed} {self._version} {what}", "{self._seed} {what}"),
    Mutant("store.py", "self._unsaved_timers[name] = due", "pass"),
    Mutant("faults.py", "self._store.set_timer(done, fault.at)", "pass"),
)


def prepared(directory: Path) -> Path:
    """A copy of what the tests need."""
    copy = directory / "project"
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def killer(copy: Path, mutant: Mutant) -> str:
    """The test that sees it; empty where none does. Raises ``ValueError`` where its text is not in the source."""
    source = copy / "src/resail/twin" / mutant.file
    whole = source.read_text()
    if mutant.old not in whole:
        raise ValueError(f"{mutant.file} has no {mutant.old!r}")
    source.write_text(whole.replace(mutant.old, mutant.new, 1))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not bed and not soak", *_TESTS]
    try:
        # One that hangs is seen too: by whoever waits.
        ended = subprocess.run(
            command, cwd=copy, env={**os.environ, "PYTHONPATH": str(copy / "src")}, capture_output=True, text=True, timeout=240
        )
    except subprocess.TimeoutExpired:
        return "(hangs)"
    finally:
        source.write_text(whole)
    if ended.returncode == 0:
        return ""
    found = re.search(r"^(?:FAILED|ERROR) (\S+)", ended.stdout, re.MULTILINE)
    return found[1] if found else "(does not even start)"


def main() -> None:
    wanted = MUTANTS[int(sys.argv[1]) :: int(sys.argv[2])] if len(sys.argv) > 2 else MUTANTS
    killed = 0
    with tempfile.TemporaryDirectory() as directory:
        copy = prepared(Path(directory))
        for mutant in wanted:
            test = killer(copy, mutant)
            killed += bool(test)
            sys.stdout.write(f"{mutant.file}: {mutant.old.strip()!r} → {mutant.new.strip()!r}: {test or 'SURVIVES'}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{killed} of {len(wanted)} are seen\n")


if __name__ == "__main__":
    main()
