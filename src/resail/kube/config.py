"""A kubeconfig, or the in-cluster service account → an HTTP client that is authenticated."""

import os
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import yaml
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import SERVICE_ACCOUNT, KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from resail.errors import ClusterUnreachableError
from resail.kube.exec_auth import ExecAuth, Plugin
from resail.kube.kubeconfig import kubeconfig_files, merged
from resail.kube.transport import with_own_streams
from resail.models.access import KubeAccess

__all__ = ["http_client"]

_TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
_LIMITS = httpx2.Limits(max_connections=32, max_keepalive_connections=16)


class _Cluster(msgspec.Struct, rename="kebab"):
    """What lightkube does not know of a cluster entry."""

    proxy_url: str | None = None
    tls_server_name: str = ""


class _User(msgspec.Struct, rename="kebab"):
    """What lightkube does not know of a user entry."""

    exec: Plugin | None = None
    as_: str = msgspec.field(default="", name="as")
    as_uid: str = ""
    as_groups: list[str] = []
    as_user_extra: dict[str, list[str]] = {}

    def headers(self) -> list[tuple[str, str]]:
        """For impersonation: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation"""
        single = [("Impersonate-User", self.as_), ("Impersonate-Uid", self.as_uid)]
        several = [("Impersonate-Group", group) for group in self.as_groups]
        extra = [(f"Impersonate-Extra-{name}", value) for name, values in self.as_user_extra.items() for value in values]
        return [(name, value) for name, value in single + several + extra if value]


class _Choice(msgspec.Struct):
    """The context that was chosen."""

    config: SingleConfig
    cluster: dict[str, Any]
    """Its cluster entry as the file has it."""
    more: _Cluster
    user: _User


def http_client(access: KubeAccess) -> httpx2.AsyncClient:
    """An HTTP client for the cluster and the user that ``access`` names.

    Raises:
        ClusterUnreachableError: no such file or context, or what they say cannot be used.
    """
    files = kubeconfig_files(access.kubeconfig)
    source = os.pathsep.join(map(str, files)) or SERVICE_ACCOUNT
    try:
        choice = _choose(files, access.context) if files else _in_cluster()
        return _client(choice)
    except ConfigError as error:
        raise _unusable(str(error), source) from error
    except FileNotFoundError as error:
        missing = (
            "it is not there" if error.filename in map(str, files) else f"a file that it names is not there: {error.filename}"
        )
        raise _unusable(missing, source) from error
    except KeyError as error:
        raise _unusable(f"it has no entry {error}, which it needs or which its context names", source) from error
    except yaml.YAMLError as error:
        raise _unusable(f"it is not YAML: {' '.join(str(error).split())}", source) from error
    except httpx2.InvalidURL as error:
        raise _unusable(f"an address in it is none: {error}", source) from error
    except (ValueError, TypeError, AttributeError, OSError, ImportError) as error:
        raise _unusable(f"it, or a file that it names, is not what it should be: {error}", source) from error


def _choose(files: list[Path], context: str | None) -> _Choice:
    document = merged(files)
    config = KubeConfig.from_dict(document, fname=files[0]).get(context)
    if config is None:
        raise ConfigError("it names no current context")
    clusters = {entry["name"]: entry["cluster"] for entry in document["clusters"]}
    users = {entry["name"]: entry["user"] for entry in document["users"]}
    cluster = clusters[config.context.cluster]
    user = users.get(config.context.user) or {}
    return _Choice(config, cluster, msgspec.convert(cluster, _Cluster), msgspec.convert(user, _User))


def _in_cluster() -> _Choice:
    config = KubeConfig.from_service_account().get()
    assert config is not None
    return _Choice(config, {}, _Cluster(), _User())


def _client(choice: _Choice) -> httpx2.AsyncClient:
    # lightkube asserts that there is a user; one without credentials is the same as none.
    user = choice.config.user or User()
    if bool(user.client_cert or user.client_cert_data) != bool(user.client_key or user.client_key_data):
        raise ConfigError("its user has a client certificate without the key, or the key without the certificate")
    config = choice.config._replace(user=user)
    parameters = ConnectionParams(timeout=_TIMEOUT, proxy=choice.more.proxy_url).httpx_params(config)
    if choice.user.exec:
        parameters["auth"] = ExecAuth(choice.user.exec, choice.cluster)

    async def name_the_server(request: httpx2.Request) -> None:
        if choice.more.tls_server_name:
            request.extensions["sni_hostname"] = choice.more.tls_server_name

    client = httpx2.AsyncClient(
        **parameters,
        limits=_LIMITS,
        headers=[("User-Agent", "resail"), *choice.user.headers()],
        event_hooks={"request": [name_the_server]},
    )
    return with_own_streams(client)


def _unusable(what: str, source: str) -> ClusterUnreachableError:
    return ClusterUnreachableError(
        f"cannot be used: {what}",
        on=f"kubeconfig {source}",
        next_step="check it with `kubectl config view`, or name another by --kubeconfig and --context",
    )
