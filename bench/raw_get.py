"""GET paths of the API and throw the answers away, as fast as the standard library can: the floor under every reader.

    python -m bench.raw_get BASE_URL CERTIFICATE TOKEN ACCEPT PATH…

Prints the number of bytes.
"""

import http.client
import ssl
import sys
from urllib.parse import urlsplit

_CHUNK = 1 << 20


def main() -> None:
    """Do it, over one connection."""
    base, certificate, token, accept, *paths = sys.argv[1:]
    url = urlsplit(base)
    context = ssl.create_default_context(cafile=certificate)
    connection = http.client.HTTPSConnection(url.hostname or "", url.port, context=context)
    total = 0
    for path in paths:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}", "Accept": accept})
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise SystemExit(f"{path}: {answer.status} {answer.read().decode(errors='replace')}")
        while chunk := answer.read(_CHUNK):
            total += len(chunk)
    sys.stdout.write(f"{total}\n")


if __name__ == "__main__":
    main()
