"""Credentials from an exec plugin (``aws eks get-token``, ``gke-gcloud-auth-plugin`` …).

lightkube's own knows only the alpha and beta versions of the protocol; plugins of today speak
``client.authentication.k8s.io/v1`` (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins).
"""

import asyncio
import os
from collections.abc import AsyncGenerator

import httpx2
import msgspec
from lightkube.config.models import UserExec

from resail.errors import ClusterUnreachableError

__all__ = ["ExecAuth"]

_SUFFIXES = ("v1", "v1beta1", "v1alpha1")
_GROUP = "client.authentication.k8s.io"


class _Status(msgspec.Struct):
    token: str = ""


class _Credential(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


class ExecAuth(httpx2.Auth):
    """Runs the plugin for the first request, and again when the API answers 401."""

    def __init__(self, plugin: UserExec) -> None:
        self._plugin = plugin
        self._token = ""

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
            response = yield request
            if response.status_code != 401:
                return
        self._token = await self._fetch()
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request

    async def _fetch(self) -> str:
        version = self._plugin.apiVersion
        if version not in [f"{_GROUP}/{suffix}" for suffix in _SUFFIXES]:
            raise self._failed(f"its apiVersion {version} is not known")
        info = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": False}}
        environment = {**os.environ, "KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}
        environment |= {variable.name: variable.value for variable in self._plugin.env or []}
        try:
            process = await asyncio.create_subprocess_exec(
                self._plugin.command,
                *(self._plugin.args or []),
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise self._failed(f"it cannot be started: {error.strerror}. {self._plugin.installHint or ''}") from error
        output, complaint = await process.communicate()
        if process.returncode != 0:
            raise self._failed(f"it ended with {process.returncode}: {complaint.decode(errors='replace').strip()[-300:]}")
        try:
            token = msgspec.json.decode(output, type=_Credential).status.token
        except msgspec.DecodeError as error:
            raise self._failed(f"its answer is not an ExecCredential: {error}") from error
        if not token:
            raise self._failed("its answer has no token")
        return token

    def _failed(self, what: str) -> ClusterUnreachableError:
        return ClusterUnreachableError(
            f"the kubeconfig's exec plugin failed: {what.strip()}",
            on=self._plugin.command,
            next_step="run the plugin by hand, or log in again with your provider's command",
        )
