"""A registry on loopback with the dialects of those that there are: who may read what, by which login, and how it fails."""

import base64
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

__all__ = ["OCI_INDEX", "Image", "RegistryStandIn", "registry"]

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_OLD = "application/vnd.docker.distribution.manifest.v1+prettyjws"


class Image(msgspec.Struct, frozen=True):
    """One tag of one repository."""

    architectures: tuple[str, ...] = ("amd64", "arm64")
    form: str = OCI_INDEX
    login: str = ""
    """``user:password`` that it takes; empty: none."""
    status: int = 200
    """Answered instead of it."""

    @property
    def digest(self) -> str:
        return _digest(_content(self)[0])


class RegistryStandIn:
    """Running; ``host`` is what images begin with."""

    def __init__(self, images: dict[str, Image], scheme: str) -> None:
        self.images = images
        """``istio/pilot:1.27.9`` → image."""
        self.scheme = scheme
        """``bearer``, ``oauth`` (its tokens are called access_token, and identity tokens are taken), ``basic`` or ``garbage``."""
        self.asked: Counter[str] = Counter()
        self.logins: list[str] = []
        self.token_status = 200
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked[urlsplit(self.path).path] += 1
                if urlsplit(self.path).path == "/token":
                    asked = {key: value[0] for key, value in parse_qs(urlsplit(self.path).query).items()}
                    outer._give_token(self, asked, _basic(self.headers.get("Authorization", "")))
                else:
                    outer._serve(self)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked = {key: value[0] for key, value in parse_qs(body).items()}
                outer._give_token(self, asked, f"identity:{asked['refresh_token']}")

            def log_message(self, format: str, *args: Any) -> None: ...

        return Handler

    def _give_token(self, handler: BaseHTTPRequestHandler, asked: dict[str, str], login: str) -> None:
        self.logins.append(login)
        if self.token_status != 200:
            _send(handler, self.token_status, b"{}")
            return
        assert asked["service"] == "stand-in"
        assert asked["scope"].startswith("repository:")
        known = {image.login for image in self.images.values() if image.login}
        if login and login not in known:
            _send(handler, 401, b"{}")
            return
        name = "access_token" if self.scheme == "oauth" else "token"
        _send(handler, 200, json.dumps({name: f"for-{login}", "expires_in": 300}).encode())

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        _, _, rest = urlsplit(handler.path).path.partition("/v2/")
        repository, kind, what = rest.rpartition("/manifests/")
        if not kind:
            repository, kind, what = rest.rpartition("/blobs/")
        image, content, form = self._find(repository, kind, what)
        login = self._login(handler)
        if self.scheme != "none" and login is None:
            _send(handler, 401, b"{}", {"WWW-Authenticate": self._challenge()})
        elif image is None:
            _send(handler, 404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        elif image.login and image.login != login:
            _send(handler, 403 if login else 401, b"{}", {"WWW-Authenticate": self._challenge()})
        elif image.status != 200:
            _send(handler, image.status, b"<html>not now</html>")
        elif kind == "/manifests/" and form != "text/html" and form not in handler.headers.get("Accept", ""):
            _send(handler, 404, b"{}")
        else:
            _send(handler, 200, content, {"Content-Type": form})

    def _find(self, repository: str, kind: str, what: str) -> tuple[Image | None, bytes, str]:
        for name, image in self.images.items():
            path, _, tag = name.rpartition(":")
            content, config = _content(image)
            if path != repository:
                continue
            if kind == "/manifests/" and what in (tag, _digest(content)):
                return image, content, image.form
            if kind == "/blobs/" and what == _digest(config):
                return image, config, "application/octet-stream"
        return None, b"", ""

    def _login(self, handler: BaseHTTPRequestHandler) -> str | None:
        header = handler.headers.get("Authorization", "")
        if self.scheme == "basic":
            return _basic(header) or None
        return header.removeprefix("Bearer for-") if header.startswith("Bearer for-") else None

    def _challenge(self) -> str:
        match self.scheme:
            case "basic":
                return 'Basic realm="stand-in", charset="UTF-8"'
            case "garbage":
                return "Negotiate"
            case _:
                return f'Bearer realm="http://{self.host}/token",service="stand-in",scope="repository:a,b:pull"'


@contextmanager
def registry(images: dict[str, Image], scheme: str = "none") -> Iterator[RegistryStandIn]:
    """A registry for the time of the context."""
    running = RegistryStandIn(images, scheme)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _content(image: Image) -> tuple[bytes, bytes]:
    """The manifest, and the configuration of an image that is no index."""
    config = json.dumps({"architecture": image.architectures[0] if image.architectures else "", "os": "linux"}).encode()
    match image.form:
        case form if form in (OCI_INDEX, DOCKER_LIST):
            platforms: list[dict[str, str]] = [{"architecture": one, "os": "linux"} for one in image.architectures]
            platforms += [{"architecture": "unknown", "os": "unknown"}, {"architecture": "s390x", "os": "windows"}]
            manifest: Any = {"schemaVersion": 2, "mediaType": image.form, "manifests": [{"platform": one} for one in platforms]}
        case form if form in (OCI_IMAGE, DOCKER_IMAGE):
            manifest = {"schemaVersion": 2, "mediaType": image.form, "config": {"digest": _digest(config)}, "layers": []}
        case form if form == DOCKER_OLD:
            manifest = {"schemaVersion": 1, "architecture": image.architectures[0]}
        case _:
            return b"<html>a login page</html>", config
    return json.dumps(manifest).encode(), config


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _basic(header: str) -> str:
    return base64.b64decode(header.removeprefix("Basic ")).decode() if header.startswith("Basic ") else ""
