"""The kubeconfig files that count, as the one document that kubectl and Helm see.

The rules are client-go's (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/): of
several files the first that has an entry wins, files that are not there are passed over, and a relative path counts
from the file that it stands in.
"""

import os
from pathlib import Path
from typing import Any

from lightkube.config.kubeconfig import DEFAULT_KUBECONFIG, SERVICE_ACCOUNT

from resail.models.plain_yaml import read_yaml

__all__ = ["kubeconfig_files", "merged"]

_SECTIONS = {"clusters": "cluster", "contexts": "context", "users": "user"}
"""List in the document → key of each of its entries."""
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


def kubeconfig_files(named: Path | None) -> list[Path]:
    """The files to read: the one named, those of ``KUBECONFIG``, or the default one.

    Empty stands for the in-cluster service account: there is no file, and we run in a pod.
    """
    if named is not None:
        return [named.expanduser()]
    listed = [Path(part).expanduser() for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if listed:
        return [path for path in listed if path.is_file()] or listed[:1]
    default = Path(DEFAULT_KUBECONFIG).expanduser()
    in_cluster = "KUBERNETES_SERVICE_HOST" in os.environ and Path(SERVICE_ACCOUNT, "token").exists()
    return [] if in_cluster and not default.is_file() else [default]


def merged(files: list[Path]) -> dict[str, Any]:
    """One document, with absolute paths.

    Raises:
        OSError: a file cannot be read.
        yaml.YAMLError: it is not YAML.
        TypeError, KeyError, AttributeError: it is not a kubeconfig.
    """
    whole: dict[str, Any] = {section: [] for section in _SECTIONS}
    for path in files:
        document = read_yaml(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise TypeError("its top is not a mapping")
        if not whole.get("current-context"):
            whole["current-context"] = document.get("current-context")
        for section, key in _SECTIONS.items():
            known = {entry["name"] for entry in whole[section]}
            for entry in document.get(section) or []:
                if entry["name"] not in known:
                    _make_absolute(entry[key], path.absolute().parent)
                    whole[section].append(entry)
    return whole


def _make_absolute(entry: dict[str, Any], folder: Path) -> None:
    for name in _PATHS:
        if entry.get(name):
            entry[name] = str(folder / entry[name])
    plugin = entry.get("exec")
    # A bare name is looked up on PATH.
    if plugin and os.sep in plugin["command"]:
        plugin["command"] = str(folder / plugin["command"])
