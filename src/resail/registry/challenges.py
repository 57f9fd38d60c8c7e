"""What a registry that says 401 wants: the header ``WWW-Authenticate`` (RFC 9110, section 11)."""

import re

import msgspec

__all__ = ["Challenge", "parse_challenges"]

_SCHEME = re.compile(r"\s*,?\s*([A-Za-z][A-Za-z0-9._~+/-]*)(?=\s|$|,)")
_PARAMETER = re.compile(r"""\s*,?\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))""")


class Challenge(msgspec.Struct, frozen=True):
    """One way to log in."""

    scheme: str
    """``bearer``, ``basic``; in small letters."""
    parameters: dict[str, str]
    """``realm``, ``service``, ``scope`` …"""


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """All challenges of the header, in order; what cannot be read ends them."""
    found: list[Challenge] = []
    position = 0
    while match := _SCHEME.match(header, position):
        position = match.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, position):
            name, quoted, bare = parameter.groups()
            parameters[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
            position = parameter.end()
        found.append(Challenge(match.group(1).lower(), parameters))
    return tuple(found)
