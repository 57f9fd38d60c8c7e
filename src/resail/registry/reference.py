"""Image references, as Docker and containerd read them (https://github.com/distribution/reference)."""

import ipaddress
import re

import msgspec

from resail.errors import UsageError

__all__ = ["ImageReference", "parse_reference"]

_HUB = "docker.io"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::\d+)?")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}")


class ImageReference(msgspec.Struct, frozen=True):
    """Where an image is."""

    host: str
    """``docker.io``, ``ghcr.io``, ``localhost:5000``"""
    repository: str
    """``library/nginx``"""
    tag: str
    """Empty where there is a digest only."""
    digest: str = ""
    """It counts where both are given."""

    @property
    def version(self) -> str:
        """What a manifest is asked for by."""
        return self.digest or self.tag

    @property
    def is_local(self) -> bool:
        """Is it a registry on the machine itself? Docker and containerd talk to those without TLS."""
        name = self.host.rsplit(":", 1)[0] if re.search(r":\d+$", self.host) else self.host
        if name == "localhost":
            return True
        try:
            return ipaddress.ip_address(name.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def api(self) -> str:
        """The URL that the registry's API begins with. Docker Hub's has another host than its images."""
        host = "registry-1.docker.io" if self.host == _HUB else self.host
        return f"{'http' if self.is_local else 'https'}://{host}/v2"


def parse_reference(text: str) -> ImageReference:
    """Read ``istio/pilot:1.27.9``, ``gcr.io/istio-release/pilot@sha256:…`` and the like.

    Raises:
        UsageError: no kubelet could read it.
    """
    name, _, digest = text.partition("@")
    host, repository = _split(name)
    repository, tag = _tagged(repository)
    if host == _HUB and "/" not in repository:
        repository = f"library/{repository}"
    valid = (
        _HOST.fullmatch(host)
        and _REPOSITORY.fullmatch(repository)
        and len(repository) <= 255
        and (not tag or _TAG.fullmatch(tag))
        and (_DIGEST.fullmatch(digest) if "@" in text else True)
    )
    if not valid:
        raise UsageError("it is no image reference", on=text, next_step="see the values hub, tag and image of the charts")
    return ImageReference(host, repository, tag or ("" if digest else "latest"), digest)


def _split(name: str) -> tuple[str, str]:
    """Host and the rest: the first part is a host only where it looks like one."""
    first, slash, rest = name.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    if not is_host:
        return _HUB, name
    return (_HUB if first == "index.docker.io" else first), rest


def _tagged(repository: str) -> tuple[str, str]:
    path, colon, tag = repository.rpartition(":")
    if not colon or "/" in tag:
        return repository, ""
    # An empty tag is none at all, which nobody means.
    return (path, tag) if tag else ("", "")
