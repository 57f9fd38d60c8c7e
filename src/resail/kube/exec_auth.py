"""Credentials from an exec plugin (``aws eks get-token``, ``gke-gcloud-auth-plugin`` …).

lightkube's own knows only the alpha and beta versions of the protocol; plugins of today speak
``client.authentication.k8s.io/v1`` (https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins).
"""

import asyncio
import base64
import contextlib
import os
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from lightkube.config.models import UserExec

from resail.errors import ClusterUnreachableError

__all__ = ["ExecAuth", "Plugin"]

_SUFFIXES = ("v1", "v1beta1", "v1alpha1")
_GROUP = "client.authentication.k8s.io"
_TIMEOUT = 60.0  # seconds; it may ask its provider, but nobody is there to answer a question of its own
_CLUSTER_FIELDS = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url")


class Plugin(UserExec):
    """The ``exec`` of a kubeconfig's user."""

    provide_cluster_info: bool = msgspec.field(default=False, name="provideClusterInfo")


class _Status(msgspec.Struct):
    token: str = ""


class _Credential(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


class ExecAuth(httpx2.Auth):
    """Runs the plugin for the first request, and again when the API answers 401 (the token has expired)."""

    def __init__(self, plugin: Plugin, cluster: Mapping[str, Any]) -> None:
        self._plugin = plugin
        self._cluster = cluster
        self._token = ""
        self._fetching = asyncio.Lock()

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        refused = self._token
        if refused:
            request.headers["Authorization"] = f"Bearer {refused}"
            response = yield request
            if response.status_code != 401:
                return
        async with self._fetching:
            # Of many requests that are refused at the same time, the first one brings the new token for all.
            if self._token == refused:
                self._token = await self._fetch()
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request

    async def _fetch(self) -> str:
        version = self._plugin.apiVersion
        if version not in [f"{_GROUP}/{suffix}" for suffix in _SUFFIXES]:
            raise self._failed(f"its apiVersion {version} is not known")
        try:
            process = await asyncio.create_subprocess_exec(
                self._plugin.command,
                *(self._plugin.args or []),
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise self._failed(f"it cannot be started: {error.strerror}. {self._plugin.installHint or ''}") from error
        try:
            output, complaint = await asyncio.wait_for(process.communicate(), _TIMEOUT)
        except TimeoutError as error:
            raise self._failed(f"it did not end within {_TIMEOUT:.0f} s") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if process.returncode != 0:
            raise self._failed(f"it ended with {process.returncode}: {complaint.decode(errors='replace').strip()[-300:]}")
        try:
            token = msgspec.json.decode(output, type=_Credential).status.token
        except msgspec.DecodeError as error:
            raise self._failed(f"its answer is not an ExecCredential: {error}") from error
        if not token:
            raise self._failed("its answer has no token (client certificates from plugins are not supported)")
        return token

    def _environment(self) -> dict[str, str]:
        spec: dict[str, Any] = {"interactive": False}
        if self._plugin.provide_cluster_info:
            spec["cluster"] = self._about_cluster()
        info = {"apiVersion": self._plugin.apiVersion, "kind": "ExecCredential", "spec": spec}
        own = {variable.name: variable.value for variable in self._plugin.env or []}
        return {**os.environ, **own, "KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}

    def _about_cluster(self) -> dict[str, Any]:
        about = {name: self._cluster[name] for name in _CLUSTER_FIELDS if name in self._cluster}
        authority = self._cluster.get("certificate-authority")
        if authority:
            about["certificate-authority-data"] = base64.b64encode(Path(authority).read_bytes()).decode()
        extensions = {entry["name"]: entry["extension"] for entry in self._cluster.get("extensions") or []}
        return about | {"config": extensions.get(f"{_GROUP}/exec")}

    def _failed(self, what: str) -> ClusterUnreachableError:
        return ClusterUnreachableError(
            f"the kubeconfig's exec plugin failed: {what.strip()}",
            on=self._plugin.command,
            next_step="run the plugin by hand, or log in again with your provider's command",
        )
