"""PEM → certificates, as a set."""

import base64
import binascii
import hashlib
import re
import ssl
from datetime import UTC, datetime

from resail.models.trust import Certificate

__all__ = ["certificates_in", "certificates_in_base64"]

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def certificates_in(pem: str) -> tuple[Certificate, ...]:
    """All certificates of a file, sorted, each once; what is none is passed over."""
    return tuple(sorted({found for block in _BLOCK.findall(pem) if (found := _certificate(block)) is not None}))


def certificates_in_base64(data: str) -> tuple[Certificate, ...]:
    """The same of a field that holds the file in base64."""
    try:
        return certificates_in(base64.b64decode(data).decode(errors="replace"))
    except (binascii.Error, ValueError):
        return ()


def _certificate(block: str) -> Certificate | None:
    """The standard library reads certificates where it loads them as authorities."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        der = ssl.PEM_cert_to_DER_cert(f"{block}\n")
        context.load_verify_locations(cadata=der)
    except (ValueError, ssl.SSLError):
        return None
    # One that is no authority is not listed.
    until = "".join(_moment(str(facts["notAfter"])) for facts in context.get_ca_certs() if "notAfter" in facts)
    return Certificate(hashlib.sha256(der).hexdigest(), until)


def _moment(text: str) -> str:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC).isoformat()
