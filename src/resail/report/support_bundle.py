"""A support bundle as an archive: the same members give the same bytes, and a README says what they are."""

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence

import msgspec

__all__ = ["About", "pack_bundle"]

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The earliest that an archive can tell."""

_README = """\
What `resail doctor --bundle` read of a mesh, for whoever is asked for help. Unpack it with any program; all files are text.

  examination.md, .json  what is wrong, and the likely causes
  versions.json          of resail, Kubernetes and the control planes
  snapshot.json          the mesh, as `resail inspect -o json` tells it; `resail precheck --snapshot` reads it
  objects/KIND.json      the objects that rules look at
  pods.json              those of the mesh's own parts, and some that are not ready
  events.json            warnings
  logs/                  the ends of the logs of containers that are not well
  runs/RUN/              of the last runs: journal.jsonl with its entries, run.json, and steps.json with the steps of its plan
  resail.yaml            the site's configuration, where there is one
  SHA256SUMS             of each file: `sha256sum -c SHA256SUMS`

What was taken out stands there as `(redacted, N characters)`: {redactions} times. {how}
Names of namespaces, workloads, hosts and images are not taken out. Look through it before you pass it on.
"""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """How secrets were looked for."""

    compared: int
    """Secrets whose values were looked for, in whatever form."""
    unread: Sequence[str] = ()
    """Namespaces whose Secrets could not be read."""

    def __str__(self) -> str:
        told = "Private keys, tokens, passwords and what is called so are found by their looks."
        if self.compared:
            told += f"\nThe values of {self.compared} Secrets were read, looked for in all files, and forgotten."
        if self.unread:
            told += (
                f"\nThe Secrets of {', '.join(self.unread)} could not be read: "
                "of their values only those were found that look like secrets."
            )
        return told


def pack_bundle(members: Mapping[str, str], about: About) -> bytes:
    """The archive.

    Args:
        members: by their names; without secrets.
        about: how these were looked for.
    """
    redactions = sum(text.count("(redacted, ") for text in members.values())
    files = {**members, "README.txt": _README.format(redactions=redactions, how=about)}
    sums = "".join(f"{hashlib.sha256(files[name].encode()).hexdigest()}  {name}\n" for name in sorted(files))
    files["SHA256SUMS"] = sums
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system = 3
            entry.external_attr = 0o600 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name])
    return packed.getvalue()
