"""A web server on loopback that answers as it is told: it stands in for GitHub, a host that files lie on, or a proxy."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["Answer", "Web", "serve"]


@dataclass(frozen=True)
class Answer:
    """One answer."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None
    """Bytes of the body after which the connection ends; None: all."""
    hangs: bool = False
    """Sends what ``sent`` says, and then nothing more, until the server ends."""


class Web:
    """What is answered, and what was asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: list[str] = []
        """Paths, or whole addresses where it is asked as a proxy."""
        self.ends = threading.Event()
        self._answers: dict[str, list[Answer]] = defaultdict(list)

    def say(self, path: str, *answers: Answer) -> None:
        """These in turn, the last one from then on."""
        self._answers[path] = list(answers)

    def next(self, path: str) -> Answer:
        self.asked.append(path)
        answers = self._answers.get(path) or [Answer(status=404)]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def serve() -> Iterator[Web]:
    """A server of its own port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer = web.next(self.path)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: answer.sent])
            if answer.hangs:
                web.ends.wait()
            if answer.sent is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # Connections that a client keeps open must not hold up the end.
    server.block_on_close = False
    web = Web(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield web
    finally:
        web.ends.set()
        server.shutdown()
        thread.join()
        server.server_close()
