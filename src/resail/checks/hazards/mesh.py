"""The mesh's configuration, and what holds back the defaults of a newer release."""

from collections.abc import Iterator

import msgspec

from resail.checks.hazards.case import Case
from resail.checks.hazards.discovery import told_now
from resail.checks.hazards.hazard import Seen
from resail.models.field_path import Field, find, first
from resail.models.identity import Manifest

__all__ = ["MeshSetting", "captures_dns", "holds_back", "mesh_settings"]


class MeshSetting(msgspec.Struct, frozen=True):
    """A field of the mesh's configuration."""

    object: Manifest
    """The ConfigMap."""
    field: Field
    """Its path begins with ``data.mesh``."""


def mesh_settings(case: Case, pattern: str) -> Iterator[MeshSetting]:
    """What the configuration of the upgraded revision has at a path, such as ``defaultConfig.proxyMetadata.X``.

    Raises:
        Unknown: ConfigMaps could not be read.
    """
    name = "istio" if case.revision == "default" else f"istio-{case.revision}"
    for config in case.all("ConfigMap"):
        metadata = config["metadata"]
        if metadata.get("name") == name and metadata.get("namespace") == case.snapshot.istio_namespace:
            for field in find(config, f"data.mesh.{pattern}"):
                yield MeshSetting(config, field)


def captures_dns(case: Case) -> Seen | None:
    """Where the mesh has all sidecars capture DNS; None: it does not.

    Raises:
        Unknown: ConfigMaps could not be read.
    """
    for setting in mesh_settings(case, "defaultConfig.proxyMetadata.ISTIO_META_DNS_CAPTURE"):
        if str(setting.field.value).lower() == "true":
            return Seen(setting.object, setting.field.path)
    return None


def holds_back(case: Case, version: str, *flags: str) -> bool:
    """Is the default that came after a version held back: by compatibilityVersion, or by an environment variable of istiod?

    Args:
        case: the hop.
        version: ``1.23``: that compatibilityVersion, or an older one, holds the default back.
        flags: variables that switch it off by ``false``.

    Raises:
        Unknown: Deployments could not be read.
    """
    bound = _number(version)
    held = [_number(setting.value) for setting in case.settings("compatibilityVersion", "istiod")]
    held += [_number(field.value) for part in case.parts for field in find(part.source, "spec.compatibilityVersion")]
    if any(one is not None and bound is not None and one <= bound for one in held):
        return True
    for flag in flags:
        wished = [setting.value for place in ("pilot.env", "env") for setting in case.settings(f"{place}.{flag}", "istiod")]
        seen = told_now(case, flag)
        told = [*wished, *([first(seen.object, seen.path)] if seen else [])]
        if any(str(one).lower() == "false" for one in told):
            return True
    return False


def _number(version: object) -> tuple[int, ...] | None:
    parts = str(version).split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else None
