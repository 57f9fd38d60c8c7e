"""GET a path of the API and throw the answer away, as fast as the standard library can: the floor under every reader.

    python -m bench.raw_get BASE_URL CERTIFICATE TOKEN ACCEPT PATH

Prints the number of bytes.
"""

import ssl
import sys
import urllib.request

_CHUNK = 1 << 20


def main() -> None:
    """Do it."""
    base, certificate, token, accept, path = sys.argv[1:]
    context = ssl.create_default_context(cafile=certificate)
    request = urllib.request.Request(base + path, headers={"Authorization": f"Bearer {token}", "Accept": accept})
    total = 0
    with urllib.request.urlopen(request, context=context) as answer:
        while chunk := answer.read(_CHUNK):
            total += len(chunk)
    sys.stdout.write(f"{total}\n")


if __name__ == "__main__":
    main()
