"""A release of Istio: its version, where its files are, and what is known of it."""

import msgspec

from resail.models.identity import IstioVersion

__all__ = ["CatalogueLine", "CataloguePatch", "Release"]


class Release(msgspec.Struct, frozen=True):
    """The files of one version, on this machine, checked against their digest."""

    version: IstioVersion
    directory: str
    """Absolute path; has ``charts/`` with ``base``, ``istiod``, ``cni``, ``ztunnel``, ``gateway``."""
    source: str
    """The source that it came from, for people: ``directory /x``, ``go module istio.io/istio@v0…``."""
    digest: str
    """Over the names and contents of all its (stamped) files, not their times or modes."""


class CataloguePatch(msgspec.Struct, frozen=True):
    """One published patch version."""

    version: str
    date: str
    """ISO date of the tag."""
    commit: str
    go_pseudo_version: str
    """Version of the Go module istio.io/istio; empty where there is none."""


class CatalogueLine(msgspec.Struct, frozen=True):
    """What is known of one minor release line."""

    line: str
    """``1.27``"""
    status: str
    """``released``, ``preview`` …"""
    released: str
    """ISO date of the first release; empty where not known."""
    end_of_life: str
    """ISO date; empty where not known."""
    kubernetes: tuple[str, ...]
    """Kubernetes minor versions that are documented as supported."""
    patches: tuple[CataloguePatch, ...]
    notes: tuple[str, ...]
    """Short facts about upgrading to this line."""
