"""The worker: a process of its own around helm-python-sdk, whose native code must not take us down with it.

It dies with its parent, so that no Helm goes on writing when resail is killed. Run as ``python -m resail.releases.helm.worker``.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
from helm_python import Chart, Config, HelmError, _native

from resail.releases.helm.protocol import Answer, Call
from resail.releases.schema import loadable

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1


class _Worker:
    def __init__(self) -> None:
        self._configs: dict[str, Config] = {}

    def do(self, call: Call) -> Any:
        operation = getattr(self, f"op_{call.operation}")
        return operation(**call.arguments)

    def op_facts(self, chart: str) -> Any:
        with loadable(Path(chart)) as folder, Chart.load(folder) as loaded:
            return {"metadata": loaded.metadata, "values": loaded.values}

    def op_render(self, chart: str, values: Any, name: str, namespace: str, kubernetes_version: str) -> Any:
        options = {"name": name, "namespace": namespace, "is_install": True, "kube_version": f"v{kubernetes_version}"}
        with loadable(Path(chart)) as folder, Chart.load(folder) as loaded:
            # Helm renders without a look at the schema, and would refuse the values only when it writes.
            loaded.validate_schema(values)
            rendered = _native.call_string("helm_render", loaded._raw(), json.dumps(values), json.dumps(options))
        return json.loads(rendered)

    def op_write(self, function: str, access: Any, chart: str, release: str, values: Any, options: Any) -> Any:
        """Install or upgrade. The SDK's methods lack arguments (force_conflicts) that its native options have."""
        with loadable(Path(chart)) as folder, Chart.load(folder) as loaded:
            summary = _native.call_string(
                function,
                self._config(access)._raw(),
                _native.HANDLE(0),
                loaded._raw(),
                None,
                release,
                json.dumps(values),
                json.dumps(options),
            )
        return {"revision": json.loads(summary).get("revision")}

    def op_rollback(self, access: Any, release: str, options: Any) -> None:
        _native.call_status("helm_rollback", self._config(access)._raw(), release, json.dumps(options))

    def op_uninstall(self, access: Any, release: str, options: Any) -> None:
        _native.call_string("helm_uninstall", self._config(access)._raw(), release, json.dumps(options))

    def _config(self, access: dict[str, Any]) -> Config:
        key = json.dumps(access, sort_keys=True)
        if key not in self._configs:
            self._configs[key] = Config(**access)
        return self._configs[key]


def main() -> None:
    """Answer calls on standard input until it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The native code prints to standard output when it likes; our answers must not be mixed with that.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    worker = _Worker()
    for line in sys.stdin.buffer:
        try:
            answer = Answer(result=worker.do(msgspec.json.decode(line, type=Call)))
        except HelmError as error:
            answer = Answer(error=type(error).__name__, message=str(error))
        answers.write(msgspec.json.encode(answer) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
