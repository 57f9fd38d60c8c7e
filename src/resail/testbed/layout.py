"""Where the files of a bed are, and its ports: what the bed and its supervisor share."""

import tempfile
import zlib
from pathlib import Path

import msgspec

__all__ = ["ISTIOD_PREFIX", "Layout", "Ports"]

ISTIOD_PREFIX = "istiod-"
"""What the names of the supervisor's own processes begin with."""


class Ports(msgspec.Struct, frozen=True):
    """Loopback ports of one bed."""

    etcd: int
    etcd_peer: int
    api: int
    controller_manager: int
    scheduler: int


class Layout(msgspec.Struct, frozen=True):
    """A bed's directory."""

    root: Path

    @property
    def kubeconfig(self) -> Path:
        """For the user ``resail``."""
        return self.kubeconfig_of("resail")

    def kubeconfig_of(self, user: str) -> Path:
        return self.root / "kubeconfigs" / user

    @property
    def certificates(self) -> Path:
        return self.root / "certs"

    @property
    def certificate(self) -> Path:
        """The API server's, with its authority."""
        return self.certificates / "apiserver.crt"

    @property
    def key(self) -> Path:
        """The API server's, made by itself; service account tokens are signed with it too."""
        return self.certificates / "apiserver.key"

    @property
    def ports_file(self) -> Path:
        return self.root / "ports.json"

    @property
    def audit_log(self) -> Path:
        return self.root / "audit.log"

    @property
    def processes(self) -> Path:
        return self.root / "processes"

    @property
    def etcd_data(self) -> Path:
        return self.root / "etcd"

    @property
    def istiods_file(self) -> Path:
        """What the supervisor runs now, as JSON."""
        return self.root / "istiods.json"

    @property
    def egress_socket(self) -> Path:
        """The name of a Unix socket has at most 107 bytes, so it does not live in a directory of any depth."""
        mark = zlib.crc32(str(self.root.resolve()).encode())
        return Path(tempfile.gettempdir()) / f"resail-egress-{mark:x}.sock"

    def ports(self) -> Ports:
        return msgspec.json.decode(self.ports_file.read_bytes(), type=Ports)
