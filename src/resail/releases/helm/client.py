"""Start a worker and talk to it."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from resail.errors import InstallerError
from resail.releases.helm.protocol import Answer, Call
from resail.tenure.leash import leashed
from resail.tenure.tenure import Tenure

__all__ = ["HelmWorker", "WorkerError", "start_worker"]

_LINE_LIMIT = 64 * 1024 * 1024


class WorkerError(Exception):
    """Helm refused. ``kind`` is the class of helm-python-sdk's exception."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class HelmWorker:
    """One worker process; calls go to it one after another."""

    def __init__(self, process: asyncio.subprocess.Process, tenure: Tenure) -> None:
        self._process = process
        self._tenure = tenure
        self._turn = asyncio.Lock()

    async def call(self, operation: str, **arguments: Any) -> Any:
        """Have it done.

        Raises:
            WorkerError: Helm refused.
            InstallerError: the worker died.
            LeaseLostError: it was ended, since nothing may be written any longer.
        """
        assert self._process.stdin is not None and self._process.stdout is not None
        async with self._turn:
            try:
                self._process.stdin.write(msgspec.json.encode(Call(operation, arguments)) + b"\n")
                await self._process.stdin.drain()
                line = await self._process.stdout.readline()
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                raise self._died(operation) from error
        if not line:
            raise self._died(operation)
        answer = msgspec.json.decode(line, type=Answer)
        if answer.error:
            raise WorkerError(answer.error, answer.message)
        return answer.result

    def _died(self, operation: str) -> InstallerError:
        self._tenure.check()
        return InstallerError(
            f"the Helm worker process ended (code {self._process.returncode}) during {operation}",
            next_step="run again; `resail resume` continues a run",
        )


@asynccontextmanager
async def start_worker(tenure: Tenure | None = None, *, cache: Path | None = None) -> AsyncIterator[HelmWorker]:
    """A worker for the time of the context.

    Args:
        tenure: the worker does not outlive it; None: it writes nothing, and may.
        cache: where Helm keeps what kinds an API server has, by host and port; None: where kubectl does.
    """
    held = tenure or Tenure()
    async with leashed(
        sys.executable,
        "-m",
        "resail.releases.helm.worker",
        tenure=held,
        # Helm's field manager is the name of its program. Releases that the helm command wrote belong to "helm", and
        # another name would conflict with it in every field.
        name="helm",
        # Python would look for its library beside the program's name, which here is not where it is.
        env={
            **os.environ,
            "PYTHONHOME": sys.base_prefix,
            "PYTHONPATH": os.pathsep.join(sys.path),
            **({"KUBECACHEDIR": str(cache)} if cache else {}),
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # client-go's warnings; and a terminal that goes away must not end an action under way by SIGPIPE.
        stderr=asyncio.subprocess.DEVNULL,
        limit=_LINE_LIMIT,
    ) as process:
        try:
            yield HelmWorker(process, held)
        finally:
            # Ctrl-C is for us: the action under way may finish, and then the worker ends.
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 5)
