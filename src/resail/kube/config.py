"""A kubeconfig, or the in-cluster service account → an HTTP client that is authenticated."""

import os
from pathlib import Path

import httpx2
import msgspec
import yaml
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import DEFAULT_KUBECONFIG, SERVICE_ACCOUNT, KubeConfig, SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ConfigError

from resail.errors import ClusterUnreachableError
from resail.kube.exec_auth import ExecAuth
from resail.models.access import KubeAccess

__all__ = ["http_client", "load_config"]

_TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
_LIMITS = httpx2.Limits(max_connections=32, max_keepalive_connections=16)


def load_config(access: KubeAccess) -> SingleConfig:
    """The cluster and user that ``access`` names.

    Raises:
        ClusterUnreachableError: no such file or context, or the file cannot be read as a kubeconfig.
    """
    source = str(access.kubeconfig) if access.kubeconfig else _usual_place()
    try:
        in_cluster = source == SERVICE_ACCOUNT
        whole = KubeConfig.from_service_account() if in_cluster else KubeConfig.from_file(source)
        config = whole.get(access.context)
    except ConfigError as error:
        raise _unusable(str(error), source) from error
    except KeyError as error:
        raise _unusable(f"it has no entry {error}, which it needs or which its context names", source) from error
    except yaml.YAMLError as error:
        raise _unusable(f"it is not YAML: {' '.join(str(error).split())}", source) from error
    except (msgspec.ValidationError, TypeError, AttributeError, UnicodeDecodeError, OSError) as error:
        raise _unusable(f"it is not a kubeconfig: {error}", source) from error
    if config is None:
        raise _unusable("it names no current context", source)
    return config


def http_client(access: KubeAccess) -> httpx2.AsyncClient:
    """An HTTP client for that cluster.

    Raises:
        ClusterUnreachableError: the configuration, or a certificate it names, cannot be used.
    """
    config = load_config(access)
    # lightkube asserts that there is a user; one without credentials is the same as none.
    config = config._replace(user=config.user or User())
    source = str(config.fname or SERVICE_ACCOUNT)
    try:
        parameters = ConnectionParams(timeout=_TIMEOUT).httpx_params(config)
    except ConfigError as error:
        raise _unusable(str(error), source) from error
    except (OSError, ValueError) as error:
        raise _unusable(f"a certificate or key that it names cannot be used: {error}", source) from error
    if config.user and config.user.exec:
        parameters["auth"] = ExecAuth(config.user.exec)
    return httpx2.AsyncClient(**parameters, limits=_LIMITS, headers={"User-Agent": "resail"})


def _usual_place() -> str:
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    if named:
        return named
    default = Path(DEFAULT_KUBECONFIG).expanduser()
    in_cluster = "KUBERNETES_SERVICE_HOST" in os.environ and Path(SERVICE_ACCOUNT, "token").exists()
    return SERVICE_ACCOUNT if in_cluster and not default.exists() else str(default)


def _unusable(what: str, source: str) -> ClusterUnreachableError:
    return ClusterUnreachableError(
        f"cannot be used: {what}",
        on=f"kubeconfig {source}",
        next_step="check it with `kubectl config view`, or name another by --kubeconfig and --context",
    )
